"""The man pages, made from the reference of the command line: it is all that is imported, so that a build can do it."""

from __future__ import annotations

import re
from collections.abc import Iterator

SECTION = 1
_COMMAND = re.compile(r"^## (memmux(?: \S+)*)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_ROW = re.compile(r"\| `(.+?)` \| (.*) \|")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_EXITS = "## memmux"


def pages(reference: str) -> dict[str, str]:
    """Return the man pages by their files' names: memmux.1, and one for each command, like memmux-key-add.1."""
    commands = {found[1]: found[2].strip() for found in _COMMAND.finditer(reference)}
    codes = "\n".join(_exit_codes(reference))
    return {
        f"{path.replace(' ', '-')}.{SECTION}": _page(path, text, codes, [one for one in commands if one != path])
        for path, text in commands.items()
    }


def _page(path: str, text: str, codes: str, others: list[str]) -> str:
    paragraphs = [block for block in re.split(r"\n\s*\n", text) if block.strip()]
    usage = path
    if paragraphs and paragraphs[0].startswith(f"`{path}"):
        usage = paragraphs.pop(0).strip("`")
    table = "\n".join(block for block in paragraphs if block.startswith("| "))
    told = [block for block in paragraphs if not block.startswith("| ")]
    name = path.replace(" ", "-")
    first = _plain(" ".join(told[0].split())) if told else ""
    lines = [
        f'.TH "{name.upper()}" "{SECTION}" "" "memmux" "memmux"',
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(first.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_escaped(usage)}",
        ".SH DESCRIPTION",
        *(line for block in told for line in _paragraph(block)),
    ]
    rows = list(_rows(table))
    if rows:
        lines += [".SH OPTIONS", *(line for flag, meaning in rows for line in (".TP", f".B {flag}", meaning))]
    below = [one for one in others if one.startswith(f"{path} ") and one.count(" ") == path.count(" ") + 1]
    lines += [".SH EXIT STATUS", codes, ".SH SEE ALSO"]
    seen = below or ["memmux"]
    lines.append(", ".join(f"\\fB{_escaped(one.replace(' ', '-'))}\\fR({SECTION})" for one in seen))
    lines += [".PP", _styled("`memmux docs` lists the documents of this installation.")]
    return "\n".join(lines) + "\n"


def _paragraph(block: str) -> list[str]:
    """Return a paragraph; what is fenced or indented, as it stands."""
    fenced = block.strip().startswith("```")
    if not fenced and not block.startswith("    "):
        return [".PP", _styled(" ".join(block.split()))]
    lines = [line for line in block.splitlines() if not line.startswith("```")]
    return [".PP", ".EX", *(f"\\&{_escaped(line.rstrip())}" for line in lines), ".EE"]


def _rows(table: str) -> Iterator[tuple[str, str]]:
    for flag, meaning in _ROW.findall(table):
        yield _escaped(flag.replace("`, `", ", ").replace("\\|", "|")), _styled(meaning.replace("\\|", "|"))


def _exit_codes(reference: str) -> Iterator[str]:
    for code, meaning in re.findall(r"^\| (\d+) \| (.*) \|$", reference.partition(_EXITS)[0], re.MULTILINE):
        yield from (".TP", f".B {code}", _styled(meaning))


def _styled(text: str) -> str:
    """Return a line of text; what is code is bold."""
    parts = _CODE.split(_LINK.sub(r"\1", text))
    styled = (f"\\fB{_escaped(part)}\\fR" if place % 2 else _escaped(part) for place, part in enumerate(parts))
    line = "".join(styled)
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _plain(text: str) -> str:
    return _CODE.sub(r"\1", _LINK.sub(r"\1", text))


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain)
