"""The samples in docs/tutorial.md, held to what a cluster with the real model says."""

from __future__ import annotations

import re
from pathlib import Path

from memmux import Client
from memmux.config.settings import Settings, load
from tests.integration.helpers import complete, status_until

PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()


def test_the_table_of_workers_has_as_many_of_each_kind_as_the_defaults_say() -> None:
    table = PAGE.partition("\nworkers (MiB: with what they share)\n")[2].partition("```")[0]
    kinds = [line.split()[0] for line in table.splitlines()[1:] if line]
    assert sorted(kinds) == sorted(["write", *["embed"] * Settings().embedders, *["read"] * Settings().readers])


def test_the_hits_have_the_scores_that_they_get(model_env: dict[str, str]) -> None:
    stored = re.findall(r'memmux store "(.*?)"|"content": "(.*?)"', PAGE)
    asked = re.findall(r'memmux search "(.*?)".*?\n```\n+```\n(\S+  cos \S+)  ', PAGE, re.DOTALL)
    assert len(stored) == len(asked) == len(re.findall(r"^\S+  cos \S+  ", PAGE, re.MULTILINE)) > 1
    found = []
    with Client(settings=load(environment=model_env), name="tutorial") as client:
        for texts, (query, _) in zip(stored, asked, strict=True):
            client.store("".join(texts))
            status_until(client, lambda status: not status.pending and complete(status))
            hit = client.search(query, limit=1).hits[0]
            found.append(f"{hit.score:.3f}  cos {hit.similarity:.2f}")
    assert found == [sample for _, sample in asked]
