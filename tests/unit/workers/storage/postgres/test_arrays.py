from __future__ import annotations

import psycopg
import pytest
from psycopg.adapt import Transformer
from psycopg.pq import Format
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8
from psycopg.types.string import StrBinaryDumper

from workers.storage.postgres import arrays


def by_the_driver(values: list[object]) -> bytes:
    context = Transformer()
    context.adapters.register_dumper(str, StrBinaryDumper)
    dumper = ListBinaryDumper(list, context)
    dumper = dumper.upgrade(values, psycopg.adapt.PyFormat.BINARY)
    return bytes(dumper.dump(values) or b"")


@pytest.mark.parametrize("values", [["a"], ["", "ünï", "b" * 300], ["a", None, ""]])
def test_texts_are_written_as_the_driver_does(values: list[str | None]) -> None:
    assert arrays.texts(values) == by_the_driver(list(values))


def test_bytes_are_written_as_the_driver_does() -> None:
    assert arrays.blobs([b"", b"\0\1", b"x" * 300]) == by_the_driver([b"", b"\0\1", b"x" * 300])


def test_numbers_are_written_as_the_driver_does() -> None:
    values = [0, -1, 1 << 40]
    assert arrays.longs(values) == by_the_driver([Int8(value) for value in values])
    assert arrays.longs([7, None]) == by_the_driver([Int8(7), None])
    assert arrays.floats([0.1, -1e300, None]) == by_the_driver([0.1, -1e300, None])
    assert arrays.floats([0.1, 2]) == by_the_driver([0.1, 2.0])


def test_columns_are_of_the_types_that_their_statement_names() -> None:
    sql = "SELECT * FROM unnest(%(a)s::text[], %(b)s::float8[], %(a)s::text[])"
    found = arrays.columns(sql, {"a": ["x"], "b": [1], "unused": [object()]})
    assert found == {"a": arrays.texts(["x"]), "b": arrays.floats([1.0])}
    assert [type(column) for column in found.values()] == [arrays.Texts, arrays.Floats]


def test_a_connection_takes_each_by_its_type() -> None:
    context = Transformer()
    arrays.register(context)
    for value, name in (
        (arrays.texts(["a"]), "text"),
        (arrays.blobs([b"a"]), "bytea"),
        (arrays.longs([1]), "int8"),
        (arrays.floats([1]), "float8"),
    ):
        dumper = context.get_dumper(value, psycopg.adapt.PyFormat.BINARY)
        assert (dumper.oid, dumper.format) == (psycopg.adapters.types[name].array_oid, Format.BINARY)
