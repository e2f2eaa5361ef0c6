"""Uploads: how many a process takes at once, from their first byte on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mcp_dealer.http.rest import transfer, upload_folders
from mcp_dealer.http.rest.operation import Asked, RefusedError
from memmux.errors import OverloadedError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    upload_folders.remove_all()


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


class Body:
    """A body whose first half is there, and whose second comes when it is told to."""

    def __init__(self) -> None:
        self.begun, self.rest = asyncio.Event(), asyncio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        yield b"first half, "
        self.begun.set()
        await self.rest.wait()
        yield b"second half"

    def received(self, most: int = 1000) -> asyncio.Task[Path]:
        asked = cast("Asked", SimpleNamespace(request=self))
        return asyncio.create_task(cast("Any", transfer)._received(asked, most))


@pytest.mark.anyio
async def test_bodies_that_are_still_received_count_as_uploads(place: Path) -> None:
    bodies = [Body() for _ in range(upload_folders.AT_ONCE)]
    receiving = [body.received() for body in bodies]
    for body in bodies:
        await body.begun.wait()
    one_more = Body()
    with pytest.raises(OverloadedError):
        await one_more.received()
    assert not one_more.begun.is_set()
    bodies[0].rest.set()
    folder = await receiving[0]
    assert (folder / "file").read_bytes() == b"first half, second half"
    with pytest.raises(OverloadedError):  # it is to be worked on
        await Body().received()
    upload_folders.remove(folder)
    one_more.rest.set()
    assert (await one_more.received()).parent == place
    receiving[1].cancel()
    await asyncio.wait(receiving)


@pytest.mark.anyio
async def test_a_body_that_is_refused_or_given_up_leaves_its_place(place: Path) -> None:
    for _ in range(upload_folders.AT_ONCE):
        with pytest.raises(RefusedError):
            await Body().received(most=1)
        left = Body()
        receiving = left.received()
        await left.begun.wait()
        receiving.cancel()
        await asyncio.wait([receiving])
    assert not _files(place)
    body = Body()
    body.rest.set()
    assert (await body.received()).parent == place
