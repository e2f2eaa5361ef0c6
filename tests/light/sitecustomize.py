"""A light installation for tests: in every process with this folder on PYTHONPATH, what it lacks can't be imported.

Each try is written to the file that MEMMUX_TEST_TRIED names: which process, and which module. An installation that has
more, as that of the tests, is then as good as one that does not.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType

_ABSENT = (
    *("torch", "transformers", "sentence_transformers", "scipy", "sklearn", "sympy"),
    *("onnx", "onnxscript", "safetensors", "optimum", "accelerate"),
)


class _Absent:
    """Refuses the modules that are absent."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        del path, target
        if name.partition(".")[0] in _ABSENT:
            with open(os.environ["MEMMUX_TEST_TRIED"], "a", encoding="utf-8") as file:  # noqa: PTH123  # it is light
                file.write(f"{' '.join(sys.orig_argv[:8])}: {name}\n")
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, _Absent)  # type: ignore[arg-type]  # a class is a finder as well
