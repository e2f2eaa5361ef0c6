"""What is said of the installation: commands for the environment that memmux is in, and no other."""

from __future__ import annotations

import shlex
import sys

from memmux.installation import adding


def test_a_package_is_added_to_the_environment_that_memmux_is_in() -> None:
    said = adding("--no-deps", "memmux[postgres]", prefix="/home/ada/.memmux")
    assert said == f"{sys.executable} -m pip install --no-deps 'memmux[postgres]'"
    assert shlex.split(said)[-1] == "memmux[postgres]"  # a shell takes the brackets for no pattern


def test_an_environment_of_uv_which_has_no_pip_is_added_to_by_uv() -> None:
    said = adding("memmux[models]", prefix="/home/ada/.local/share/uv/tools/memmux")
    assert said == f"uv pip install --python {sys.executable} 'memmux[models]'"
