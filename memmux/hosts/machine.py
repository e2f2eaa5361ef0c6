"""The machine on which hosts keep their files: home folder, platform and environment."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, by which files have their places: home folder, platform as in sys.platform, and environment."""

    home: Path
    platform: str
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Machine:
        """Return this one."""
        return cls(Path.home(), sys.platform, os.environ)

    def named(self, variable: str) -> Path | None:
        """Return the folder that a variable names, if it is set to an absolute path."""
        folder = Path(self.environment.get(variable, ""))
        return folder if folder.is_absolute() else None

    def folder(self, base: Base) -> Path:
        """Return the folder that a client's file is in."""
        xdg = self.named("XDG_CONFIG_HOME") or self.home / ".config"
        roaming = self.named("APPDATA") or self.home / "AppData" / "Roaming"
        match base, self.platform:
            case Base.HOME, _:
                return self.home
            case Base.XDG, _:
                return xdg
            case _, "win32":
                return roaming
            case Base.APPLICATIONS, "darwin":
                return self.home / "Library" / "Application Support"
            case Base.CONFIG, "darwin":
                return self.home / ".config"
        return xdg

    def has(self, program: str) -> bool:
        """Return whether the user has a program of this name."""
        return shutil.which(program, path=self.environment.get("PATH", "")) is not None


class Base(StrEnum):
    """The folder that a client's file is in."""

    HOME = "home"
    APPLICATIONS = "applications"  # ~/.config, ~/Library/Application Support or %APPDATA%
    CONFIG = "config"  # ~/.config, but %APPDATA% on Windows
    XDG = "xdg"  # ~/.config on every platform
