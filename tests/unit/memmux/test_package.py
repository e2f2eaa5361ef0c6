from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import memmux
from bench.harness import packages
from tests.bounds import BOUND_S

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
HEAVY = ("structlog", "asyncio", "rich", "numpy", "click", "subprocess", "apsw", "torch", "onnxruntime", "mcp")


def test_every_public_name_is_there_and_listed_in_order() -> None:
    assert sorted(memmux.__all__) == memmux.__all__
    for name in memmux.__all__:
        assert getattr(memmux, name) is not None


def test_name_that_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="secret"):
        _ = memmux.secret


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import memmux; print(sorted(set(sys.modules) - before))"
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True, timeout=BOUND_S
    )
    assert ast.literal_eval(found.stdout) == ["__future__", "memmux", "memmux.version"]


def test_names_that_are_not_imported_yet_are_listed() -> None:
    assert set(memmux.__all__) <= set(dir(memmux))


def test_importing_the_client_imports_nothing_heavy() -> None:
    code = f"import sys, memmux.client; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True, timeout=BOUND_S
    )
    assert found.stdout.strip() == "[]"


def test_an_installation_has_nothing_that_only_other_models_need() -> None:
    installed = packages.needed(*tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"])
    assert {"tokenizers", "onnxruntime", "huggingface-hub", "hf-xet"} <= installed
    heavy = {"torch", "transformers", "sentence-transformers", "scipy", "scikit-learn", "sympy", "onnx", "onnxscript"}
    assert not heavy & installed
