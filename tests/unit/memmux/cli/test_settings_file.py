"""The file memmux.toml, as commands change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.cli import artifacts, settings_file
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


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_that_only_names_a_remote_goes_with_it(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "memmux.toml"
    file.write_bytes(f'{mark}remote = "office"\r\n'.encode())
    (found,) = artifacts._remotes(file)
    found.remove()
    assert not file.exists()


def test_a_remote_is_taken_out_with_every_other_byte_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "memmux.toml"
    file.write_bytes(b'# mine\r\nremote = "office"\r\nlog_level = "debug"\r\n')
    (found,) = artifacts._remotes(file)
    found.remove()
    assert file.read_bytes() == b'# mine\r\nlog_level = "debug"\r\n'
