"""The file memmux.toml, as commands change it: one key at a time, with everything else in it as it was."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from memmux.config.loader import config_file
from memmux.errors import SettingInvalidError
from memmux.files import private
from memmux.hosts import toml_edit
from memmux.trust import secret_files


def write(values: Mapping[str, str | None]) -> None:
    """Put settings into the file, or take out those that are None.

    Raises SettingInvalidError where it is no TOML, and StoragePermissionError.
    """
    file = config_file()
    before, after = _changed(file, values)
    if after != before:
        mode = file.stat().st_mode & 0o777 if file.exists() else private.FILE
        private.make_folder(file.parent)
        secret_files.write(file, after.encode(), mode)


def diff(values: Mapping[str, str | None]) -> str:
    """Return what `write` would change as a unified diff; empty if nothing."""
    file = config_file()
    before, after = (text.splitlines(keepends=True) for text in _changed(file, values))
    return "".join(difflib.unified_diff(before, after, str(file), str(file)))


def _changed(file: Path, values: Mapping[str, str | None]) -> tuple[str, str]:
    """Return the text as it is, and as it is to be."""
    try:
        before = file.read_bytes().decode()  # with the ends of lines that it has
    except FileNotFoundError:
        before = ""
    after = before
    try:
        for name, value in values.items():
            after = toml_edit.drop(after, (name,)) if value is None else toml_edit.put(after, (name,), value)
    except ValueError as error:
        raise SettingInvalidError(f"{file} can't be read as TOML: {error}; correct it") from None
    return before, after
