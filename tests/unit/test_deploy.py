"""deploy/: what linters and schemas find, and what must hold between the files whatever those say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from memmux.config.loader import load
from memmux.config.settings import PREFIX

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
MANIFESTS = DEPLOY / "kubernetes"
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
YAMLLINT = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}}}"
OF_KUBERNETES = ("apps/v1", "v1", "policy/v1", "networking.k8s.io/v1")


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


def _objects() -> list[dict[str, Any]]:
    """What kustomize would apply, in its order."""
    names = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    return [one for name in names for one in yaml.safe_load_all((MANIFESTS / name).read_text())]


def _object(kind: str, name: str = "memmux") -> dict[str, Any]:
    (found,) = (one for one in _objects() if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def _pod() -> dict[str, Any]:
    spec: dict[str, Any] = _object("StatefulSet")["spec"]["template"]["spec"]
    return spec


@pytest.mark.slow
def test_yamllint_finds_nothing() -> None:
    check = [sys.executable, "-m", "yamllint", "--strict", "-d", YAMLLINT, str(DEPLOY)]
    ended = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ended.stdout == ""


@pytest.mark.slow
def test_the_compose_file_is_one() -> None:
    check = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    ended = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_one_of_a_posix_shell_and_can_be_run(script: Path) -> None:
    shell = shutil.which("dash") or "/bin/sh"
    assert script.read_text().startswith("#!/bin/sh\n# ")
    assert "\nset -eu\n" in script.read_text()
    assert subprocess.run([shell, "-n", script], check=False).returncode == 0
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("one", _objects(), ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_an_object_is_as_kubernetes_has_it(one: dict[str, Any]) -> None:
    if one["apiVersion"] in OF_KUBERNETES:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    else:
        assert (one["apiVersion"], one["kind"]) == ("postgresql.cnpg.io/v1", "Cluster")


def test_every_manifest_is_applied() -> None:
    listed = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == sorted(path.name for path in MANIFESTS.glob("*.yaml") if path.name != "kustomization.yaml")


def test_every_image_is_pinned() -> None:
    images = [service["image"] for service in _compose()["services"].values()]
    images.append(_object("Cluster", "memmux-db")["spec"]["imageName"])
    assert all(re.search(r":\d+\.\d+", image) for image in images if image != "memmux")
    (ours,) = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["images"]
    assert {ours["name"]} == {one["image"] for one in (*_pod()["containers"], *_pod()["initContainers"])}
    assert re.fullmatch(r"\d+\.\d+\.\d+", ours["newTag"])


def _environments() -> list[dict[str, str]]:
    """What memmux is given in each of them."""
    services = [one["environment"] for name, one in _compose()["services"].items() if name.startswith("memmux")]
    (container,) = _pod()["containers"]
    return [*services, {one["name"]: one["value"] for one in container["env"]}]


def test_memmux_takes_the_settings_that_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "memmux.toml").touch()
    for environment in _environments():
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
        found = load(environment={**given, "MEMMUX_CONFIG": str(tmp_path / "memmux.toml")})
        assert found.server == given["MEMMUX_SERVER"]
        assert str(found.database).startswith("/data/")


def test_no_password_is_in_a_url_or_a_variable() -> None:
    said = "\n".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    assert not re.search(r"://[^/\s]*:[^/@\s]+@", said)
    assert not re.search(r"POSTGRES_PASSWORD:|PGPASSWORD", said)
    assert all(environment["PGPASSFILE"].startswith("/run/") for environment in _environments())
    assert (DEPLOY / ".gitignore").read_text().splitlines()[-1] == "secrets/"


def test_the_url_names_the_servers_that_there_are() -> None:
    services = _compose()["services"]
    servers = {name for name, service in services.items() if service["image"].startswith("postgres:")}
    for name in services.keys() - servers:
        authority = urlsplit(services[name]["environment"]["MEMMUX_SERVER"]).netloc.partition("@")[2]
        assert set(authority.split(",")) == servers
    assert {services[name]["hostname"] for name in servers} == servers
    init = (DEPLOY / "postgres-init.sh").read_text()
    assert set(re.findall(r'"(replica-\d)"', init)) == servers - {"primary"}
    (hosts,) = re.findall(r"host=(\S+)", (DEPLOY / "postgres-replica.sh").read_text())
    assert set(hosts.split(",")) == servers


def test_on_kubernetes_it_names_the_services_of_the_operator() -> None:
    cluster = _object("Cluster", "memmux-db")
    environment = _environments()[-1]
    assert f"@{cluster['metadata']['name']}-rw/" in environment["MEMMUX_SERVER"]
    assert f"@{cluster['metadata']['name']}-ro," in environment["MEMMUX_DATABASE_READ"]
    secret = next(volume["secret"] for volume in _pod()["volumes"] if "secret" in volume)
    assert secret["secretName"] == f"{cluster['metadata']['name']}-app"
    assert cluster["spec"]["postgresql"]["synchronous"]["number"] < cluster["spec"]["instances"]


def test_every_container_is_confined_and_bounded() -> None:
    pod = _pod()
    assert pod["securityContext"]["runAsNonRoot"]
    for container in (*pod["containers"], *pod["initContainers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()
        known = {volume["name"] for volume in pod["volumes"]} | {
            claim["metadata"]["name"] for claim in _object("StatefulSet")["spec"]["volumeClaimTemplates"]
        }
        assert {mount["name"] for mount in container["volumeMounts"]} <= known
    for name, service in _compose()["services"].items():
        if name.startswith("memmux"):
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_selectors_meet_the_pods_and_only_this_machine_reaches_the_compose_file() -> None:
    labels = _object("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    for selector in (
        _object("StatefulSet")["spec"]["selector"]["matchLabels"],
        _object("Service")["spec"]["selector"],
        _object("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        _object("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    services = _compose()["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any("ports" in service for name, service in services.items() if not name.startswith("memmux"))


def test_the_password_is_made_once_for_both_sides_and_for_nobody_else(tmp_path: Path) -> None:
    script = tmp_path / "compose.sh"
    shutil.copy(DEPLOY / "compose.sh", script)
    subprocess.run([script], check=True)
    password = (tmp_path / "secrets" / "password").read_text()
    assert re.fullmatch(r"[0-9a-f]{48}", password)
    assert (tmp_path / "secrets" / "pgpass").read_text() == f"*:5432:*:memmux:{password}\n"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}
    subprocess.run([script], check=True)
    assert (tmp_path / "secrets" / "password").read_text() == password


@pytest.mark.slow
def test_on_kubernetes_a_pod_makes_a_key_when_it_first_starts(tmp_path: Path) -> None:
    (container,) = [one for one in _pod()["initContainers"] if one["name"] == "first-key"]
    shell, flags, script = container["command"]
    given = {one["name"]: one.get("value", "memmux-0").replace("/data", str(tmp_path)) for one in container["env"]}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": path, **given}
    made = []
    for _ in range(2):
        command = [shell, flags, script.replace("/data", str(tmp_path))]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        made.append((tmp_path / "first.memmux.json").read_bytes())
    assert made[0] == made[1], "a pod that starts again made another one"
    assert json.loads(made[0])["endpoint"] == "tcp://memmux-0.memmux-each:7700"
    assert {one["name"] for one in container["volumeMounts"]} <= {one["name"] for one in _pod()["volumes"]} | {"data"}
    assert _object("Service", "memmux-each")["spec"]["clusterIP"] == "None"
