from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from memmux.errors import KeyFileError, SettingInvalidError
from memmux.trust import remotes, secret_files
from memmux.trust.remotes import Remote
from memmux.wire.curve import KeyPair
from memmux.wire.roles import Role


@pytest.fixture
def remote() -> Remote:
    return Remote(name="ada", endpoint="tcp://10.0.0.5:7700", server=KeyPair.make().public, own=KeyPair.make())


def test_a_remote_is_read_as_it_was_kept_for_this_user_alone(remote: Remote, tmp_path: Path) -> None:
    path = remotes.path_of("team", tmp_path / "memmux.toml")
    remotes.keep(remote, path)
    assert path == tmp_path / "remotes" / "team.json"
    assert remotes.read(path) == remote
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("role", [None, *Role])
def test_a_file_says_the_role_of_its_key_unless_it_is_an_older_one(remote: Remote, role: Role | None) -> None:
    written = replace(remote, role=role)
    assert Remote.from_bytes(written.to_bytes(), Path("/x")) == written


def test_its_secret_is_in_the_file_and_nowhere_else(remote: Remote) -> None:
    assert remote.own.secret in remote.to_bytes().decode()
    assert remote.own.secret not in repr(remote)
    assert remote.own.secret not in remote.unreachable().message


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"format": "other"}, "no file of memmux-remote"),
        ({"version": 2}, "version 2"),
        ({"server": "x"}, "'server' is no CURVE key"),
        ({"secret": 5}, "'secret' is no CURVE key"),
        ({"endpoint": "ipc:///x"}, "'endpoint' is 'ipc:///x'"),
        ({"endpoint": 5}, "can't be used"),
        ({"name": "../x"}, "'../x' can't be the name"),
        ({"name": None}, "can't be used"),
        ({"role": "owner"}, "'owner' is not a valid Role"),
    ],
)
def test_a_file_that_is_none_is_refused_and_says_what_is_wrong(
    remote: Remote, change: dict[str, Any], what: str
) -> None:
    content = orjson.dumps({**orjson.loads(remote.to_bytes()), **change})
    with pytest.raises(KeyFileError, match=what):
        Remote.from_bytes(content, Path("/x"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"5", b'"text"', b"\xff"])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(KeyFileError, match="memmux key add"):
        Remote.from_bytes(content, Path("/x"))


def test_a_new_key_of_the_same_cluster_replaces_the_old_and_one_of_another_does_not(
    remote: Remote, tmp_path: Path
) -> None:
    path = tmp_path / "remotes" / "team.json"
    remotes.keep(remote, path)
    renewed = replace(remote, own=KeyPair.make())
    remotes.keep(renewed, path)
    assert remotes.read(path) == renewed
    with pytest.raises(KeyFileError, match="--name"):
        remotes.keep(replace(remote, server=KeyPair.make().public), path)


def test_a_remote_that_others_may_read_or_that_is_not_there_is_refused(remote: Remote, tmp_path: Path) -> None:
    path = tmp_path / "team.json"
    with pytest.raises(SettingInvalidError, match="memmux connect"):
        remotes.read(path)
    secret_files.write(path, remote.to_bytes(), 0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        remotes.read(path)
