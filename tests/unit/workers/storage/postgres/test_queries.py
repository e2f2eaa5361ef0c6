from __future__ import annotations

import re
from pathlib import Path

import pytest

from memmux import named_queries
from workers.storage.connection import Query
from workers.storage.postgres import queries
from workers.storage.sqlite import queries as sqlite_queries

OF_SQLITE = {"backup", "bulk", "check", "upkeep", "vec0", "words"}  # what only a file has
OF_POSTGRES = {"checks", "postings", "server", "tables", "together"}
ASKED = re.compile(r"%\((\w+)\)s")
ASKED_OF_SQLITE = re.compile(r"(?<![:'\w]):([a-z_]\w*)")


def files(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("[a-z]*.sql")}


NEUTRAL = sorted(files(sqlite_queries.FOLDER) - OF_SQLITE)


def test_both_engines_have_the_neutral_files_and_each_its_own() -> None:
    assert files(queries.FOLDER) == {*NEUTRAL, *OF_POSTGRES}
    assert not OF_SQLITE & OF_POSTGRES


@pytest.mark.parametrize("file", NEUTRAL)
def test_both_engines_have_the_same_queries_with_the_same_values(file: str) -> None:
    theirs, ours = sqlite_queries.load(file), queries.load(file)
    assert set(ours) == set(theirs)
    for name, sql in ours.items():
        # The number of a new row is the one value that PostgreSQL's connection adds.
        assert set(ASKED.findall(sql)) - {"number"} == set(ASKED_OF_SQLITE.findall(theirs[name])), name
        assert ("{where}" in sql) == ("{where}" in theirs[name]), name


@pytest.mark.parametrize("file", NEUTRAL)
def test_both_engines_give_as_many_columns_in_the_same_order(file: str) -> None:
    named = re.compile(r"\A(?:SELECT )([\w., \n\"]+?)\s+FROM ", re.MULTILINE)
    theirs, ours = sqlite_queries.load(file), queries.load(file)
    for name, sql in ours.items():
        if (one := named.match(sql)) and (other := named.match(theirs[name])):
            assert one[1].replace('"', "").split() == other[1].replace('"', "").split(), name


def test_no_percent_sign_stands_alone() -> None:
    for path in queries.FOLDER.glob("[a-z]*.sql"):
        for name, sql in named_queries.load(path).items():
            assert "%" not in ASKED.sub("", sql), name


def test_no_statement_asks_a_server_for_the_time_which_its_clock_may_have_wrong() -> None:
    asked = re.compile(r"\b(now\(|clock_timestamp|statement_timestamp|CURRENT_TIMESTAMP|CURRENT_DATE|LOCALTIME)")
    for path in queries.FOLDER.glob("*.sql"):
        assert not asked.search(path.read_text()), path.name


def test_a_query_has_its_conditions() -> None:
    found = queries.text(Query("search", "count", ("live", "current")))
    assert found.endswith("m.deleted_at IS NULL AND m.namespace = %(namespace)s AND m.superseded_by IS NULL")
