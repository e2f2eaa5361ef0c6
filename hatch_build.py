"""What a build adds: the documents and the man pages of an installation, and a README whose links work anywhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

MANUAL = "memmux/manual"  # where an installation has the documents, laid out as in a checkout
PAGES = ("*.md", "docs/**/*.md", "docs/ops/*", "docs/examples/*.py")
PICTURES = ("docs/pictures/*.svg", "docs/plots/*.svg", "docs/pictures/*.png", "docs/plots/*.png")
_LINK = re.compile(r"(!?)(\[[^\]\[]*\])\((?![a-z]+:|#)([^)]+)\)")


def readme(text: str, source: str) -> str:
    """Return the README with links to the source, of pictures to their raw bytes, in place of relative ones."""

    def absolute(found: re.Match[str]) -> str:
        kind = "raw" if found[1] else "blob"
        return f"{found[1]}{found[2]}({source}/{kind}/main/{found[3]})"

    return _LINK.sub(absolute, text)


def documents(root: Path) -> dict[str, str]:
    """Return the files of the manual, each with where an installation has it."""
    files = (path for pattern in (*PAGES, *PICTURES) for path in sorted(root.glob(pattern)))
    return {str(path): f"{MANUAL}/{path.relative_to(root).as_posix()}" for path in files}


def man_pages(root: Path, folder: Path) -> dict[str, str]:
    """Write the man pages into a folder; return each with where an installation has it."""
    # By its path: an import of its package would need all that memmux needs.
    spec = importlib.util.spec_from_file_location("man", root / "memmux" / "cli" / "docs" / "man.py")
    assert spec is not None
    assert spec.loader is not None
    man = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(man)
    folder.mkdir(parents=True, exist_ok=True)
    placed = {}
    for name, text in man.pages((root / "docs" / "cli.md").read_text(encoding="utf-8")).items():
        (folder / name).write_text(text, encoding="utf-8")
        placed[str(folder / name)] = f"share/man/man1/{name}"
    return placed


class ReadmeHook(MetadataHookInterface):
    """Makes the long description of README.md."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the README; where the package was built from an sdist, it is the same again."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        source = metadata["urls"]["Source"]
        metadata["readme"] = {"content-type": "text/markdown", "text": readme(text, source)}


class ManualHook(BuildHookInterface[Any]):
    """Puts the manual and the man pages into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them, but not where a checkout is installed as it stands: its documents are where they are."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        build_data["force_include"] |= documents(root)
        build_data["shared_data"] |= man_pages(root, Path(self.directory) / "man")
