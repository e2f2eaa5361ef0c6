"""The address that clients' entries name: it outlasts a cluster, and the doctor asks there as a client does."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from memmux import Client
from memmux.config.loader import load
from tests.integration.helpers import status_until
from tests.integration.http_guest import Guest, served
from tests.integration.machines import memmux
from tests.ports import free_port

BROWSER = """
import json, pathlib, re, sys, urllib.request
page = urllib.request.urlopen(sys.argv[1]).read().decode()
answer = urllib.request.urlopen(re.search('url=([^"]+)', page)[1])
pathlib.Path(__file__).with_name("seen").write_text(json.dumps([sys.argv[1], answer.status]))
"""


@pytest.fixture
def env(settings_env: dict[str, str], short_tmp: Path) -> dict[str, str]:
    """A machine with a home of its own, where nothing says that HTTP is served."""
    home = short_tmp / "home"
    home.mkdir()
    return {**settings_env, "HOME": str(home)}


def _entry(env: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(env["HOME"]) / ".cursor" / "mcp.json").read_text())["mcpServers"]["memory"]
    return found


def _answers(env: dict[str, str]) -> bool:
    entry = _entry(env)
    port = int(entry["url"].removesuffix("/mcp").rpartition(":")[2])
    guest = Guest(port, entry["headers"]["Authorization"].removeprefix("Bearer "))
    guest.initialize()
    return isinstance(guest.tool("memory_health"), dict)


def _doctor(env: dict[str, str]) -> dict[str, str]:
    """Return the finding on the one entry."""
    ended = memmux(env, "doctor", "--json")
    found = [one for one in json.loads(ended.stdout)["findings"] if "connects to" in one["text"]]
    assert len(found) == 1, found
    return dict(found[0])


def test_the_address_that_a_client_was_given_is_served_by_the_clusters_to_come(env: dict[str, str]) -> None:
    port = free_port()
    memmux(env, "web", "--no-open", "--http", f":{port}")
    told = memmux(env, "install", "cursor", "--http")
    assert "answers" in told.stdout
    assert _entry(env)["url"] == f"http://127.0.0.1:{port}/mcp"
    file = Path(env["XDG_CONFIG_HOME"]) / "memmux" / "memmux.toml"
    assert tomllib.loads(file.read_text()) == {"http": f"127.0.0.1:{port}"}
    assert _doctor(env)["level"] == "ok"
    memmux(env, "stop")
    memmux(env, "store", "Stored by one who says nothing of HTTP.")
    with Client(settings=load(environment=env), name="test", start=False) as client:
        status_until(client, served)
    assert _answers(env)


def test_the_page_says_how_long_its_address_lasts(env: dict[str, str]) -> None:
    port = free_port()
    told = memmux(env, "web", "--no-open", "--http", f":{port}")
    assert f'`http = "127.0.0.1:{port}"`' in told.stderr
    assert not (Path(env["XDG_CONFIG_HOME"]) / "memmux" / "memmux.toml").exists()
    told = memmux({**env, "MEMMUX_HTTP": f":{port}"}, "web", "--no-open")
    assert "as long as" not in told.stderr


def test_the_browser_is_led_to_the_page_by_a_file_that_is_gone_once_it_was_used(env: dict[str, str]) -> None:
    home = Path(env["HOME"])
    browser = home / "browser.py"
    browser.write_text(BROWSER)
    shown = {"DISPLAY": ":0", "BROWSER": f"{sys.executable} {browser} %s"}
    told = memmux({**env, **shown}, "web", "--json", "--http", ":0")
    assert json.loads(told.stdout)["opened"]
    assert "no browser" not in told.stderr
    given, seen = json.loads((home / "seen").read_text())
    code = json.loads(told.stdout)["url"].partition("code=")[2]
    assert code not in given
    assert seen == 200
    assert not Path(given.removeprefix("file://")).exists()


def test_the_doctor_tells_what_answers_at_an_entry(env: dict[str, str]) -> None:
    port = free_port()
    over_http = {**env, "MEMMUX_HTTP": f":{port}"}
    memmux(over_http, "web", "--no-open")
    memmux(over_http, "install", "cursor", "--http")
    assert "answers, to the key 'cursor'" in _doctor(over_http)["text"]
    found = _doctor(env)
    assert found["level"] == "warning"
    assert "as long as this cluster runs; `memmux install cursor --http --name memory` keeps" in found["text"]
    memmux(over_http, "key", "revoke", "cursor")
    found = _doctor(over_http)
    assert found["level"] == "warning"
    assert "the key 'cursor', which is revoked; `memmux install cursor --http --name memory` writes" in found["text"]
    memmux(over_http, "install", "cursor", "--http")
    memmux(env, "stop")
    found = _doctor(env)
    assert found["level"] == "warning"
    assert "where nothing answers" in found["text"]


def test_who_only_looked_whether_it_answers_is_no_client(env: dict[str, str]) -> None:
    over_http = {**env, "MEMMUX_HTTP": f":{free_port()}"}
    memmux(over_http, "web", "--no-open")
    memmux(over_http, "install", "cursor", "--http")
    assert _doctor(over_http)["level"] == "ok"
    with Client(settings=load(environment=over_http), name="test", start=False) as client:
        assert [one["name"] for one in client.status().clients if "cursor" in one["name"]] == []
