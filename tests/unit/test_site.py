"""The documentation site, built as `make docs` builds it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bounds import BOUND_S

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--fail-on-warning", "--keep-going", "-c", str(ROOT / "docs"), "-d", str(folder / "doctrees")]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(ROOT), str(folder / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "html"


def test_every_document_is_a_page(site: Path) -> None:
    pages = {page.relative_to(site).with_suffix(".md") for page in site.rglob("*.html")}
    assert {path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]} <= pages


def test_first_page_leads_to_the_documentation(site: Path) -> None:
    found = re.search(r'url=([^"]+)"', (site / "index.html").read_text())
    assert found is not None
    assert (site / found[1]).is_file()


def test_links_between_documents_lead_to_pages(site: Path) -> None:
    """A link to the source of a page would be one that the site does not know."""
    for page in site.rglob("*.html"):
        assert not re.search(r'href="(?!https?:)[^"]*\.md[#"]', page.read_text()), page


def test_site_asks_no_other_host_for_anything(site: Path) -> None:
    fetching = re.compile(r"""<(?:script|img|iframe)[^>]*\ssrc="(?:https?:)?//|<link[^>]*\shref="(?:https?:)?//""")
    for page in site.rglob("*.html"):
        assert not fetching.search(page.read_text()), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""url\(["']?(?:https?:)?//|@import""", sheet.read_text()), sheet
