"""More than there is room for: a flood is refused at once, and whoever waits gets it all done."""

from __future__ import annotations

import asyncio
import os
import threading

import zmq

from memmux import AsyncClient, Client
from memmux.cluster import endpoint as endpoints
from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.wire import protocol, sockets
from memmux.wire.protocol import Header, Kind
from tests.bounds import BOUND_S
from tests.integration.helpers import complete, pids_of, status_until


def test_flood_is_refused_at_once_and_other_clients_are_served(client: Client, settings: Settings) -> None:
    client.store("an early memory")
    before = status_until(client, complete)
    endpoint = endpoints.read(Places(settings))
    assert endpoint is not None
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    flooders = [sockets.dealer(context, endpoint.address) for _ in range(16)]
    asked = 512  # by each: twice of what one client may have in flight
    deadline_ms = round(BOUND_S * 1000)
    body = b'{"query":"early","mode":"exact","limit":1,"filter":{}}'
    try:
        for number, flooder in enumerate(flooders):
            hello = {"protocol": [1, 1], "name": "flood", "pid": os.getpid(), "version": "0", "instance": str(number)}
            flooder.send_multipart(protocol.encode(Header(kind=Kind.HELLO, detail=hello)))
            for count in range(asked):
                request_id = f"{number}-{count}"
                header = Header(kind=Kind.REQUEST, id=request_id, operation="memory.match", deadline_ms=deadline_ms)
                flooder.send_multipart(protocol.encode(header, body))
        assert client.search("early", mode="keyword").hits  # in its turn, not behind the flood
        refused = 0
        for flooder in flooders:
            flooder.rcvtimeo = round(BOUND_S * 1000)
            left = {f"{flooders.index(flooder)}-{count}" for count in range(asked)}
            while left:
                header = protocol.decode(flooder.recv_multipart()).header
                left.discard(header.id)
                if header.kind is Kind.ERROR:
                    refused += 1
                    assert header.detail["code"] == "overloaded"
                    assert header.detail["retry_after_ms"] > 0
    finally:
        context.destroy(linger=0)
    assert refused > 0
    after = client.status()
    assert pids_of(after) == pids_of(before)
    assert after.rss_bytes - before.rss_bytes < 32 << 20


def test_clients_that_ask_for_more_than_there_is_get_it_all_done(settings: Settings) -> None:
    with Client(settings=settings) as client:
        client.status()
        ids: list[str] = []

        def store_all(number: int) -> None:
            async def run() -> None:
                async with AsyncClient(settings=settings, name=f"client-{number}") as many:
                    stores = [many.store(f"memory {number}-{count}", timeout_s=BOUND_S) for count in range(40)]
                    ids.extend(stored.id for stored in await asyncio.gather(*stores))

            asyncio.run(run())

        threads = [threading.Thread(target=store_all, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_S)
        assert len(set(ids)) == 64 * 40
        assert client.status().memories == 64 * 40
