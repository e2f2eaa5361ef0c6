"""Real texts for the demo and the benchmark: the documentation of the standard library, read from its source.

The sources are parsed, never imported, in a fixed order: the same Python gives the same texts.
"""

from __future__ import annotations

import ast
import inspect
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

# Modules whose functions people know, so that what the demo finds can be judged.
MODULES = (
    *("shutil", "statistics", "random", "textwrap", "heapq", "bisect", "calendar", "fractions", "functools"),
    *("pathlib", "os", "posixpath", "glob", "fnmatch", "tempfile", "zipfile", "tarfile", "gzip", "csv", "configparser"),
    *("string", "difflib", "collections/__init__", "contextlib", "copy", "pprint", "datetime", "sched", "queue"),
    *("threading", "subprocess", "selectors", "socket", "ssl", "smtplib", "imaplib", "ftplib", "http/client"),
    *(
        "http/cookies",
        "http/server",
        "urllib/parse",
        "urllib/request",
        "json/__init__",
        "json/decoder",
        "html/__init__",
    ),
    *(
        "email/message",
        "email/utils",
        "mimetypes",
        "base64",
        "uuid",
        "ipaddress",
        "getpass",
        "argparse",
        "logging/__init__",
    ),
    *("inspect", "ast", "dis", "tokenize", "trace", "traceback", "timeit", "pdb", "unittest/case", "unittest/mock"),
)
TEXT_CHARACTERS = 500  # of one memory, cut at a paragraph
SUMMARY_CHARACTERS = 25  # a shorter first sentence says too little to search by
PER_MODULE = 12  # so that no module is all there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A documented function.

    name: with its module. module: for the tag. text: its signature and the beginning of its documentation.
    summary: the documentation's first sentence.
    """

    name: str
    module: str
    text: str
    summary: str


def documents(most: int) -> list[Document]:
    """Return at most so many documents, no two of them with the same summary."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = [library / f"{module}.py" for module in MODULES]
    every = (document for path in paths if path.is_file() for document in islice(functions(path, library), PER_MODULE))
    return list({document.summary: document for document in islice(every, 2 * most)}.values())[:most]


def functions(path: Path, library: Path) -> Iterator[Document]:
    """Yield the public documented functions and methods of the module at `path`, in the order of the source."""
    module = ".".join(path.relative_to(library).with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(path.read_bytes(), filename=str(path))
    for scope, function in _public(tree):
        documentation = inspect.cleandoc(ast.get_docstring(function) or "")
        summary = _sentence(documentation)
        if len(summary) >= SUMMARY_CHARACTERS:
            name = ".".join((module, *scope, function.name))
            text = f"{name}({ast.unparse(function.args)})\n{_beginning(documentation)}"
            yield Document(name=name, module=module, text=text, summary=summary)


def _public(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield (), node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    yield (node.name,), member


def _sentence(documentation: str) -> str:
    paragraph = " ".join(documentation.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].rstrip(".")


def _beginning(documentation: str) -> str:
    kept, *more = documentation.split("\n\n")
    for paragraph in more:
        if len(kept) + len(paragraph) > TEXT_CHARACTERS:
            break
        kept = f"{kept}\n\n{paragraph}"
    return kept
