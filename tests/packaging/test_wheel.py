"""The wheel: exactly our packages, with everything they need at run time."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.bounds import BOUND_S

ROOT = Path(__file__).parents[2]
PACKAGES = {"memmux", "router", "workers", "mcp_dealer", "bench"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree; built in this environment, which has the build backend's requirements."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=BOUND_S)
    return next(folder.glob("*.whl"))


def test_wheel_holds_exactly_our_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.partition("/")[0] for name in names}
    assert {folder for folder in folders if not folder.endswith((".dist-info", ".data"))} == PACKAGES


def test_its_readme_has_no_link_that_only_works_in_a_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    text = metadata.get_payload()
    assert isinstance(text, str)
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    urls = dict(entry.split(", ") for entry in metadata.get_all("Project-URL", []))
    assert {"Source", "Documentation", "Changelog", "Issues"} <= urls.keys()
    assert any(link.startswith(f"{urls['Source']}/blob/main/docs/") for link in links)


def test_wheel_has_the_manual_and_the_man_pages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    documents = [
        path for pattern in ("*.md", "docs/**/*.md", "docs/ops/*", "docs/examples/*.py") for path in ROOT.glob(pattern)
    ]
    assert {f"memmux/manual/{path.relative_to(ROOT).as_posix()}" for path in documents} <= names
    assert any(name.endswith(".data/data/share/man/man1/memmux-search.1") for name in names)


def test_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *sorted(PACKAGES)],  # noqa: S607  # whichever git made the checkout
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    with zipfile.ZipFile(wheel) as archive:
        assert set(tracked.stdout.split()) <= set(archive.namelist())


def test_installed_wheel_gives_a_working_command(wheel: Path, tmp_path: Path) -> None:
    """Installed without dependencies into a new environment that borrows ours for them."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)],
        check=True,
        timeout=BOUND_S,
    )
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    # Only packages: a .pth of ours would bring this tree back onto the path.
    (site / "borrowed.py").write_text(f"import sys; sys.path.append({ours!r})\n")
    (site / "borrowed.pth").write_text("import borrowed\n")
    shown = subprocess.run(
        [tmp_path / "env" / "bin" / "memmux", "--version"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith("memmux")
    page = subprocess.run(
        [tmp_path / "env" / "bin" / "memmux", "docs", "settings"], cwd=tmp_path, check=True, capture_output=True
    )
    assert page.stdout == (ROOT / "docs" / "settings.md").read_bytes()
    assert (tmp_path / "env" / "share" / "man" / "man1" / "memmux.1").is_file()
    where = subprocess.run(
        [python, "-P", "-c", "import workers; print(workers.__file__)"], check=True, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(tmp_path))
