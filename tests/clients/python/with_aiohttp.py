"""A client on `aiohttp`, as tests/clients/README.md says."""
import asyncio
import sys

import aiohttp

# It cannot ask the other side to forget; windows of 9 bits are the other thing that it can offer.
WAYS = {"keep": 15, "forget": 9, "plain": 0}


async def hear(client):
    async for message in client:
        print(message.data, flush=True)


async def main(url, way):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, compress=WAYS[way], max_msg_size=0) as client:
            print("agreed:", client._response.headers.get("Sec-WebSocket-Extensions", ""), flush=True)
            hearing = asyncio.create_task(hear(client))
            while line := await asyncio.to_thread(sys.stdin.readline):
                await client.send_str(line.rstrip("\n"))
            await client.close()
            await hearing
            print("closed:", client.close_code, flush=True)


asyncio.run(main(*sys.argv[1:]))
