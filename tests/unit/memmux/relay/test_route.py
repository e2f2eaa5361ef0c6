"""Routes: found again by those that are started alike, and believed only while nothing has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmux.relay import route as routes
from memmux.relay.route import PRIVATE, Route

ROUTE = Route("/run/mcp", ("--a=b c", "--tools=full"), PRIVATE)


def _kept(path: Path, *files: Path, mode: int = 0o600) -> str:
    path.write_bytes(ROUTE.pack(map(str, files)))
    path.chmod(mode)
    return str(path)


def test_a_route_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = routes.read(_kept(tmp_path / "route"))
    assert found is not None
    assert (found.socket, found.flags, found.mode) == (ROUTE.socket, ROUTE.flags, ROUTE.mode)


def test_a_route_is_none_once_a_file_that_was_read_has_changed(tmp_path: Path) -> None:
    there, absent = tmp_path / "there.toml", tmp_path / "absent.toml"
    there.write_text("a")
    file = _kept(tmp_path / "route", there, absent)
    assert routes.read(file) is not None
    there.write_text("ab")
    assert routes.read(file) is None
    file = _kept(tmp_path / "route", there, absent)
    absent.touch()
    assert routes.read(file) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_route_that_others_may_have_written_is_none(tmp_path: Path, mode: int) -> None:
    assert routes.read(_kept(tmp_path / "route", mode=mode)) is None


def test_a_route_that_is_a_link_a_folder_garbage_or_absent_is_none(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(_kept(tmp_path / "route"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "garbage").write_bytes(b"\xff\0format=2")
    for name in ("link", "folder", "garbage", "absent"):
        assert routes.read(str(tmp_path / name)) is None, name


def test_relays_that_are_started_alike_share_a_route_and_others_do_not(tmp_path: Path) -> None:
    env = {"MEMMUX_DATABASE": "/a", "HOME": "/home/x", "EDITOR": "vi"}
    here = routes.path(["mcp"], env, "/here")
    assert routes.path(["mcp"], {**env, "EDITOR": "ed"}, "/here") == here
    others = [
        routes.path(["--tools", "full", "mcp"], env, "/here"),
        routes.path(["mcp"], {**env, "MEMMUX_DATABASE": "/b"}, "/here"),
        routes.path(["mcp"], {**env, "LOG_LEVEL": "debug"}, "/here"),
        routes.path(["mcp"], env, "/there"),
    ]
    assert len({here, *others}) == 5
    assert routes.path(["mcp"], {**env, "MEMMUX_RUNTIME_DIR": str(tmp_path)}, "/").startswith(f"{tmp_path}/routes/")


def test_a_folder_of_routes_is_made_private_and_refused_if_others_may_enter(tmp_path: Path) -> None:
    file = str(tmp_path / "run" / "routes" / "name")
    assert routes.make_folder(file)
    assert (tmp_path / "run" / "routes").stat().st_mode & 0o777 == 0o700
    (tmp_path / "run" / "routes").chmod(0o755)
    assert not routes.make_folder(file)
