"""The fenced blocks of the documents: what of them is run, what they show, and why others are not run.

A block of `sh` is run as it stands, one of `console` line by line after its prompts, one of `python` as a script;
`toml` and `json` are read. Comments of Markdown before a block, which no reader sees, say the rest:

- `<!-- not run: REASON -->`; with `; instead: COMMANDS` at its end those are run in its place;
- `<!-- first: COMMANDS -->`: what a reader has done before;
- `<!-- file: PATH -->`: the block is the content of that file;
- `<!-- with: model -->`, anywhere on a page: it assumes the real model.

A block without a language right after one that is run is its output, in which `…` stands for any text, or for any
lines. `python -m tests.documents` counts the blocks of each page.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUN = ("sh", "console", "python")
READ = ("toml", "json")
MADE = ("docs/cli.md",)
"""Pages that are made from the code, whose examples are run by tests of their own."""
SIGNATURES = "docs/python.md"
"""The page whose blocks of Python are signatures, unless they import what they use."""

_BLOCK = re.compile(
    r"(?P<marks>(?:^[ ]*<!--[^\n]*-->\n+)*)^(?P<indent>[ ]*)```(?P<language>[^\n]*)\n(?P<text>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"<!-- (?P<name>not run|first|file): (?P<value>.*?)(?:; instead: (?P<instead>.*?))? -->")
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_COMMAND = re.compile(r"(?:\w+=\S+ )*(?:memmux|pip|pipx|uv|python3?|make|docker|systemctl|git|claude|npx|cp|ssh|scp) ")
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){1,3}\b"), "ID"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b"), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"\b(?:starting|ready|busy)\b"), "STATE"),
)
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_SCORES = re.compile(r"\d\.\d{3}  cos -?\d\.\d\d")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; line: where it begins. output: of all of it, if the page shows it right after."""

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""
    instead: str = ""
    first: str = ""
    file: str = ""
    output: str | None = None

    @property
    def fate(self) -> str:
        """What becomes of it, in a word."""
        if self.not_run:
            return "not run"
        if self.file:
            return "file"
        if self.page == SIGNATURES and not self.text.startswith(("import ", "from ")):
            return "shown"
        return "run" if self.language in RUN else "read" if self.language in READ else "shown"

    @property
    def commands(self) -> list[tuple[str, str | None]]:
        """Its commands, each with the output that the page shows."""
        return ([(self.first, None)] if self.first else []) + self._commands()

    def _commands(self) -> list[tuple[str, str | None]]:
        if self.instead:
            # One of memmux a line, as a page has them: these need no shell.
            return [(self.instead.replace("; memmux ", "\nmemmux "), None)]
        if self.language != "console":
            return [(self.text, self.output)]
        found = []
        for part in _PROMPT.split(self.text)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command += "\n" + more
            found.append((command, output or None))
        return found

    @property
    def looks_run(self) -> bool:
        """Whether it begins with a command, though its language does not say so."""
        return self.fate == "shown" and not self.language and _COMMAND.match(self.text.lstrip()) is not None


def blocks(page: Path) -> Iterator[Block]:
    """Return the blocks of a page, in order."""
    page_name, text = str(page.relative_to(ROOT)), page.read_text()
    found = list(_BLOCK.finditer(text))
    outputs = set()
    for number, block in enumerate(found):
        if number in outputs:
            continue
        marks: dict[str, str] = {}
        for mark in _MARK.finditer(block["marks"]):
            marks |= {mark["name"].replace(" ", "_"): mark["value"]} | (
                {"instead": mark["instead"]} if mark["instead"] else {}
            )
        language, output = block["language"].strip(), None
        following = found[number + 1] if number + 1 < len(found) else None
        runs = language in RUN and language != "console"
        if (
            runs
            and following is not None
            and not following["language"]
            and not text[block.end() : following.start()].strip()
        ):
            output = _dedented(following)
            outputs.add(number + 1)
        line = text.count("\n", 0, block.start("indent")) + 1
        yield Block(page_name, line, language, _dedented(block), **marks, output=output)


def assumes_model(page: Path) -> bool:
    """Return whether the page shows what comes of the real model."""
    return "<!-- with: model -->" in page.read_text()


def differs(said: str, shown: str, *, scores: bool) -> str:
    """Return what of the shown output was not said, or an empty text; scores: whether those are compared, too."""
    pattern = [
        r"(?:.*\n)*?" if line == "…" else r".*?".join(map(re.escape, line.split("…"))) + r"\n"
        for line in _masked(shown, scores)
    ]
    if re.fullmatch("".join(pattern), "".join(f"{line}\n" for line in _masked(said, scores))):
        return ""
    return f"shown:\n{shown}\nsaid:\n{said}"


def _masked(text: str, scores: bool) -> list[str]:
    found = []
    for line in text.strip().splitlines():
        kept = _SCORES.search(line) if scores else None
        for mask, word in _MASKS:
            line = mask.sub(word, line)  # noqa: PLW2901 - step by step
        masked = " ".join(_NUMBER.sub("N", line).split())
        found.append(f"{masked} {kept[0]}" if kept else masked)
    return found


def _dedented(block: re.Match[str]) -> str:
    return re.sub(f"^{block['indent']}", "", block["text"], flags=re.MULTILINE)


def main() -> None:
    """Print how many blocks of each page are run, read, written as files, shown, and not run."""
    for page in PAGES:
        counted = Counter(block.fate for block in blocks(page))
        if counted:
            told = ", ".join(f"{count} {fate}" for fate, count in sorted(counted.items()))
            sys.stdout.write(f"{page.relative_to(ROOT)}: {told}\n")


if __name__ == "__main__":
    main()
