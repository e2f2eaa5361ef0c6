"""The workflows of continuous integration: what zizmor and jactionlint, which `make lint` runs, cannot know."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
TEXT = (FOLDER / "ci.yml").read_text()
CI: dict[str, Any] = yaml.safe_load(TEXT)


def _commands(job: str) -> list[str]:
    return [step["run"] for step in CI["jobs"][job]["steps"] if "run" in step]


def test_it_runs_the_test_command_of_the_readme() -> None:
    assert _commands("test") == ["make test"]


def test_it_builds_the_documentation_and_what_a_release_consists_of() -> None:
    assert _commands("build") == ["make docs", "make release"]


def test_it_tests_the_oldest_python_that_may_be_used() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert wanted == f">={CI['jobs']['test']['strategy']['matrix']['python'][0]}"


def test_it_tests_linux_and_macos() -> None:
    systems = {name.partition("-")[0] for name in CI["jobs"]["test"]["strategy"]["matrix"]["os"]}
    assert systems == {"ubuntu", "macos"}


@pytest.mark.parametrize("job", CI["jobs"].values(), ids=CI["jobs"])
def test_every_job_may_only_read_and_ends_within_a_bound(job: dict[str, Any]) -> None:
    assert job["permissions"] == {"contents": "read"}
    assert job["timeout-minutes"] <= 90


def test_there_is_no_secret_to_steal() -> None:
    for path in FOLDER.iterdir():
        assert not re.search(r"\bsecrets\b|id-token", path.read_text()), path


def test_every_action_is_named_by_a_commit_with_its_version_beside_it() -> None:
    used = re.findall(r"uses: (.*)", TEXT)
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)
