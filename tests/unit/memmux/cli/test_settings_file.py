"""The file memmux.toml, as commands change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cli import settings_file
from memmux.config.loader import load


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_setting_is_put_in_and_taken_out_with_every_other_byte_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes, end: bytes
) -> None:
    file = tmp_path / "memmux.toml"
    monkeypatch.setenv("MEMMUX_CONFIG", str(file))
    before = mark + b"# mine" + end + b'log_level = "debug"' + end
    file.write_bytes(before)
    assert settings_file.diff({"http": "127.0.0.1:8765"}).count("\n+") == 2  # the name of the file, and the setting
    settings_file.write({"http": "127.0.0.1:8765"})
    assert file.read_bytes().startswith(before)
    assert load().http == "127.0.0.1:8765"
    settings_file.write({"http": None})
    assert file.read_bytes() == before
