"""The documents say what the code does. `python -m tests.unit.test_docs` writes the parts that are made from code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from memmux.cli.docs.events import error_table
from memmux.errors import ERRORS, MemmuxError

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "PROTOCOL.md"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
ERROR_TABLE = re.compile(r"(?<=-->\n).*?(?=<!-- /errors -->)", re.DOTALL)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _error_table() -> str:
    return f"\n{error_table()}\n"


def _anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", path.read_text()), re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    return {slug if not (seen := slugs[:at].count(slug)) else f"{slug}-{seen}" for at, slug in enumerate(slugs)}


def _section(title: str) -> str:
    return ARCHITECTURE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_protocol_lists_every_error() -> None:
    found = ERROR_TABLE.search(PROTOCOL.read_text())
    assert found is not None
    assert found[0] == _error_table(), "run python -m tests.unit.test_docs"


@pytest.mark.parametrize("error", ERRORS.values())
def test_every_error_says_a_remedy_in_a_sentence_or_two(error: type[MemmuxError]) -> None:
    assert len(error("").message) > 30
    assert error("").message.endswith(".")


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_every_link_between_documents_and_every_anchor_leads_somewhere(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", path.read_text()):
        file = path.parent / target if target else path
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file), f"{target}#{anchor}"


def test_every_page_about_the_design_can_be_reached_from_the_architecture_page() -> None:
    linked = set(re.findall(r"\]\((docs/design/[^)#]+)", ARCHITECTURE))
    assert linked == {_name(path) for path in ROOT.glob("docs/design/*.md")}


def test_architecture_explains_its_words_and_each_is_in_the_code_where_it_says() -> None:
    rows = re.findall(r"^\| (.+?) \| .+ \| `([\w/.]+)`(?:: `(\w+)`)? \|$", _section("Twenty-four words"), re.MULTILINE)
    assert len(rows) == 24
    for word, file, name in rows:
        assert not name or re.search(rf"^class {name}\b", (ROOT / file).read_text(), re.MULTILINE), word
        assert (ROOT / file).is_file(), word


def test_architecture_names_every_folder_of_the_code() -> None:
    folders = {
        f"{_name(init.parent)}/"
        for package in ("memmux", "router", "workers", "mcp_dealer", "bench")
        for init in (ROOT / package).glob("*/__init__.py")
    }
    assert len(folders) > 20
    assert {folder for folder in folders if f"`{folder}`" not in _section("Folders")} == set()


@pytest.mark.parametrize("package", ["memmux", "router", "workers"])
def test_architecture_lists_the_folders_in_the_order_that_import_linter_holds(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("containers") == [package]]
    wanted = [{f"{package}.{name.strip()}" for name in layer.split("|")} for layer in layers if "__main__" not in layer]
    rows = [row for row in _section("Folders").splitlines() if row.startswith(f"| `{package}/")]
    listed = [
        {
            name.removesuffix("/").removesuffix(".py").replace("/", ".")
            for name in re.findall(r"`([\w/.]+/[\w/.]*)`", row)
        }
        for row in rows
    ]
    assert len(listed) == len(wanted)
    assert all(here <= layer for here, layer in zip(listed, wanted, strict=True)), (listed, wanted)


@pytest.mark.parametrize("picture", sorted(ROOT.glob("docs/pictures/*.svg")), ids=_name)
def test_a_picture_is_shown_by_a_page_and_fetches_nothing(picture: Path) -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    assert any(
        f"]({picture.relative_to(page.parent)})" in page.read_text() for page in pages if page.parent in picture.parents
    )
    assert not re.search(r"""url\((?!#)|(?:href|src)=""", picture.read_text().replace('url("#', "url(#"))


if __name__ == "__main__":
    PROTOCOL.write_text(ERROR_TABLE.sub(lambda _: _error_table(), PROTOCOL.read_text()))
