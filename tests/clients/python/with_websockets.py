"""A client on `websockets`, as tests/clients/README.md says."""
import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

# By itself the library offers windows of 12 bits that are kept.
WAYS = {
    "keep": {},
    "forget": {
        "compression": None,
        "extensions": [
            ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
        ],
    },
    "plain": {"compression": None},
}


async def hear(client):
    async for message in client:
        print(message, flush=True)


async def main(url, way):
    async with connect(url, max_size=None, proxy=None, **WAYS[way]) as client:
        print("agreed:", client.response.headers.get("Sec-WebSocket-Extensions", ""), flush=True)
        hearing = asyncio.create_task(hear(client))
        while line := await asyncio.to_thread(sys.stdin.readline):
            await client.send(line.rstrip("\n"))
        await client.close()
        await hearing
        print("closed:", client.close_code, flush=True)


asyncio.run(main(*sys.argv[1:]))
