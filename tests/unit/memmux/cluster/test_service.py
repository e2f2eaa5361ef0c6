"""The service's file, and what is done with it; the service manager is a script of the test."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from memmux.cluster import service as services
from memmux.cluster.service import MARK
from memmux.config.settings import Settings
from memmux.errors import ServiceError, ServiceForeignError
from tests.bounds import BOUND_S

ANALYZE = shutil.which("systemd-analyze")


@pytest.fixture
def odd(settings: Settings, short_tmp: Path) -> Settings:
    """Settings with a path that needs care in any syntax."""
    folder = short_tmp / 'a "b" %h $HOME \\ c'
    folder.mkdir()
    return replace(settings, database=folder / "memories.db", readers=3)


@pytest.fixture
def manager(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program on the path: a systemctl that writes down what it is asked, and fails if told; returns that."""
    folder = short_tmp / "bin"
    folder.mkdir()
    asked = short_tmp / "asked"
    script = folder / "systemctl"
    script.write_text(f'#!/bin/sh\necho "$@" >> {asked}\nif [ -e {asked}.fail ]; then echo "no bus" >&2; exit 1; fi\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return asked


@pytest.fixture
def launchd(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program on the path: a launchctl of one agent, which is loaded while the file is there that it returns.

    It refuses an agent that is loaded, and any, once, if told. One that ends is there for two looks more.
    """
    folder, loaded = short_tmp / "bin", short_tmp / "loaded"
    folder.mkdir()
    script = folder / "launchctl"
    script.write_text(f"""#!/bin/sh
case "$1" in
  bootstrap)
    if [ -e {loaded}.fail ]; then /bin/rm {loaded}.fail; exit 5; fi
    if [ -e {loaded} ]; then echo "Bootstrap failed: 5" >&2; exit 5; fi
    echo > {loaded} ;;
  bootout) echo x > {loaded}; echo x >> {loaded} ;;
  print)
    [ -e {loaded} ] || exit 113
    if [ "$(/usr/bin/wc -l < {loaded})" = 2 ] && /bin/grep -q x {loaded}; then echo x > {loaded}; exit 0; fi
    if /bin/grep -q x {loaded}; then /bin/rm {loaded}; fi
    exit 0 ;;
esac
""")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return loaded


def _of(settings: Settings, home: Path, platform: str = "linux") -> services.Service:
    return services.of(settings, platform=platform, home=home, environment={})


def test_unit_runs_the_cluster_by_absolute_path_with_what_differs_from_the_defaults(
    settings: Settings, short_tmp: Path
) -> None:
    found = _of(settings, short_tmp)
    assert found.path.parent == short_tmp / ".config" / "systemd" / "user"
    lines = found.content.decode().splitlines()
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    words = [word.strip('"') for word in start.removeprefix("ExecStart=").split()]
    assert words[:4] == [sys.executable, "-P", "-m", "memmux"]
    assert words[-2:] == ["serve", "--take-over"]
    assert {f"--database={settings.database}", "--idle-exit-s=0.0", "--embedder=hash"} <= set(words)
    assert not any(word.startswith(("--log-level", "--retention-s", "--adopt-from")) for word in words)
    assert {"Restart=on-failure", "WantedBy=default.target"} <= set(lines)


def test_two_databases_have_two_services(settings: Settings, odd: Settings, short_tmp: Path) -> None:
    assert _of(settings, short_tmp).name != _of(odd, short_tmp).name


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_unit_is_what_systemd_takes_for_one(odd: Settings, short_tmp: Path) -> None:
    found = _of(odd, short_tmp)
    path = short_tmp / found.name
    path.write_bytes(found.content)
    verified = subprocess.run(
        [ANALYZE or "", "--user", "verify", str(path)], capture_output=True, text=True, check=False, timeout=BOUND_S
    )
    said = "\n".join(line for line in (verified.stdout + verified.stderr).splitlines() if found.name in line)
    assert not said


def test_agent_is_a_property_list_that_launchd_understands(odd: Settings, short_tmp: Path) -> None:
    found = _of(odd, short_tmp, "darwin")
    assert found.path.parent == short_tmp / "Library" / "LaunchAgents"
    assert MARK in found.content.decode()
    said = plistlib.loads(found.content)
    assert said["Label"] == found.name == found.path.stem
    assert said["ProgramArguments"][0] == sys.executable
    assert f"--database={odd.database}" in said["ProgramArguments"]
    assert "--readers=3" in said["ProgramArguments"]
    assert (said["RunAtLoad"], said["KeepAlive"]) == (True, {"SuccessfulExit": False})


def test_other_systems_are_told_so(settings: Settings, short_tmp: Path) -> None:
    with pytest.raises(ServiceError, match="systemd and launchd"):
        _of(settings, short_tmp, "win32")


def test_install_writes_the_file_and_has_it_taken_up(settings: Settings, short_tmp: Path, manager: Path) -> None:
    found = _of(settings, short_tmp)
    assert services.install(found) == []
    assert found.path.read_bytes() == found.content
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert manager.read_text().splitlines() == ["--user daemon-reload", f"--user enable --now {found.name}"]
    assert found.installed
    assert found.active
    assert services.resume(found)
    assert services.install(found) == []  # again, with other settings


def test_uninstall_takes_it_back(settings: Settings, short_tmp: Path, manager: Path) -> None:
    found = _of(settings, short_tmp)
    assert not services.uninstall(found)
    services.install(found)
    manager.unlink()
    assert services.uninstall(found)
    assert not found.path.exists()
    assert manager.read_text().splitlines() == [f"--user disable --now {found.name}", "--user daemon-reload"]
    assert not services.uninstall(found)


def test_without_a_manager_the_commands_are_left_to_the_user(
    settings: Settings, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = _of(settings, short_tmp)
    assert services.install(found) == list(found.start)
    assert (found.installed, found.active, services.resume(found)) == (True, False, False)
    assert services.uninstall(found)


def test_manager_that_refuses_is_quoted(settings: Settings, short_tmp: Path, manager: Path) -> None:
    Path(f"{manager}.fail").touch()
    with pytest.raises(ServiceError, match=r"systemctl --user daemon-reload.*no bus"):
        services.install(_of(settings, short_tmp))


def test_an_installation_that_fails_leaves_nothing_and_says_the_remedy(
    settings: Settings, short_tmp: Path, manager: Path
) -> None:
    Path(f"{manager}.fail").touch()
    with pytest.raises(ServiceError, match=r"enable-linger.*nothing is left"):
        services.install(_of(settings, short_tmp))
    assert not (short_tmp / ".config").exists()


def test_an_installation_anew_that_fails_leaves_the_old_one(settings: Settings, short_tmp: Path, manager: Path) -> None:
    services.install(_of(settings, short_tmp))
    before = _of(settings, short_tmp).path.read_bytes()
    Path(f"{manager}.fail").touch()
    with pytest.raises(ServiceError, match="as it was"):
        services.install(_of(replace(settings, readers=5), short_tmp))
    assert _of(settings, short_tmp).path.read_bytes() == before


def test_launchd_has_the_old_agent_end_before_it_takes_up_the_new_one(
    settings: Settings, short_tmp: Path, launchd: Path
) -> None:
    services.install(_of(settings, short_tmp, "darwin"))
    assert launchd.exists()
    services.install(_of(replace(settings, readers=5), short_tmp, "darwin"))
    assert b"--readers=5" in _of(settings, short_tmp, "darwin").path.read_bytes()
    Path(f"{launchd}.fail").write_text("1")
    with pytest.raises(ServiceError, match="as it was"):
        services.install(_of(replace(settings, readers=6), short_tmp, "darwin"))
    assert b"--readers=5" in _of(settings, short_tmp, "darwin").path.read_bytes()
    assert launchd.exists()


def test_a_removal_that_the_manager_refuses_removes_the_file_all_the_same(
    settings: Settings, short_tmp: Path, manager: Path
) -> None:
    found = _of(settings, short_tmp)
    services.install(found)
    Path(f"{manager}.fail").touch()
    with pytest.raises(ServiceError, match=r"disable.*no bus.*removed all the same"):
        services.uninstall(found)
    assert not found.path.exists()


def test_file_of_somebody_else_is_left_alone(settings: Settings, short_tmp: Path, manager: Path) -> None:
    found = _of(settings, short_tmp)
    found.path.parent.mkdir(parents=True)
    found.path.write_text("[Unit]\nDescription=mine\n")
    for act in (services.install, services.uninstall):
        with pytest.raises(ServiceForeignError, match="left as it is"):
            act(found)
    assert found.path.read_text() == "[Unit]\nDescription=mine\n"
    assert not manager.exists()
    assert not found.installed


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_every_service_of_ours_is_found_whatever_its_database_and_nobody_elses(
    settings: Settings, short_tmp: Path, platform: str
) -> None:
    one, two = (
        _of(replace(settings, database=short_tmp / name / "memories.db"), short_tmp, platform) for name in ("a", "b")
    )
    for service in (one, two):
        service.path.parent.mkdir(parents=True, exist_ok=True)
        service.path.write_bytes(service.content)
    two.path.with_name(two.path.name.replace("memmux", "memmux0", 1)).write_bytes(two.content)
    one.path.with_name(one.path.name.replace("memmux", "memmux-mine", 1)).write_text("[Service]")
    found = services.every(settings, platform=platform, home=short_tmp, environment={})
    known = {service.name: (service.stop, service.look, service.path) for service in found}
    assert known == {service.name: (service.stop, service.look, service.path) for service in (one, two)}
