"""Names that are imported when they are first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from memmux.wire import answers, requests


@pytest.mark.parametrize("package", [answers, requests])
def test_every_name_of_the_package_is_there(package: object) -> None:
    names: list[str] = package.__all__  # type: ignore[attr-defined]
    assert all(getattr(package, name) is not None for name in names)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'memmux\.wire\.answers' has no attribute 'Nothing'"):
        answers.Nothing  # type: ignore[attr-defined]  # noqa: B018 - it fails


def test_who_reads_one_kind_of_answer_imports_no_other() -> None:
    code = (
        "import sys; from memmux.wire.answers import Status; from memmux.wire.requests import Nothing; "
        "print(sorted(name for name in sys.modules if name.startswith('memmux.wire.') and name.count('.') == 3))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == [
        "['memmux.wire.answers.status',",
        "'memmux.wire.requests.base',",
        "'memmux.wire.requests.database']",
    ]
