"""How the blocks of documents are read, and how what a command says is compared with what a page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import documents
from tests.documents import blocks, differs

PAGE = """# A page

<!-- first: mkdir a -->
```sh
memmux list
```

```
1 of 1
```

<!-- not run: needs a disk; instead: memmux tail; memmux top -->
```sh
cp a b
```

```
not the output of anything
```

```console
$ memmux store \\
  "one"
…  stored
$ memmux list
```

1. a list

   <!-- file: ~/a.toml -->
   ```toml
   a = 1
   ```

```
memmux status
```
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    file = tmp_path / "page.md"
    file.write_text(PAGE)
    return file


def test_a_block_is_what_its_comments_say(page: Path) -> None:
    listed, copied, console, file, unmarked = blocks(page)
    assert (listed.fate, listed.first) == ("run", "mkdir a")
    assert listed.commands == [("mkdir a", None), ("memmux list\n", "1 of 1\n")]
    assert (copied.fate, copied.not_run, copied.commands) == (
        "not run",
        "needs a disk",
        [("memmux tail\nmemmux top", None)],
    )
    assert console.commands == [('memmux store \\\n  "one"', "…  stored\n"), ("memmux list", None)]
    assert (file.fate, file.file, file.text) == ("file", "~/a.toml", "a = 1\n")
    assert (unmarked.fate, unmarked.looks_run) == ("shown", True)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("01a22339-8dc8-7018-9153-258d29f68634  stored", "01a2203e-9e6d-7b0c-9121-ffaeeff4425c  stored"),
        ("2026-11-28 17:43  #a", "2026-11-23 03:37  #a"),
        ("read   15692  ready    70", "read 1 starting 7"),
        ("a\nb\nc\n", "a\n…"),
        ("a\nb\nc\n", "…\nc"),
        ("/data/x.db  1.7 MiB", "…x.db  2 MiB"),
        ("0.412  cos 0.65  x", "0.605  cos 0.65  x"),
    ],
)
def test_what_is_never_twice_the_same_is_not_compared(said: str, shown: str) -> None:
    assert differs(said, shown, scores=False) == ""


@pytest.mark.parametrize(
    ("said", "shown", "scores"),
    [
        ("deleted", "stored", False),
        ("a\nb", "a", False),
        ("a", "a\nb", False),
        ("1 undone\n2 left", "2 undone", False),
        ("0.412  cos 0.65  x", "0.605  cos 0.65  x", True),
    ],
)
def test_what_a_page_shows_and_is_not_said_is_told(said: str, shown: str, scores: bool) -> None:
    assert differs(said, shown, scores=scores).startswith("shown:")
