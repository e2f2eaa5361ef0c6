"""The wheel: exactly our packages, with everything they need at run time."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
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
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == PACKAGES


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
    where = subprocess.run(
        [python, "-P", "-c", "import workers; print(workers.__file__)"], check=True, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(tmp_path))
