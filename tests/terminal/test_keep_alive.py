"""Pings: a server that has nothing to ask keeps its role."""

import asyncio
from dataclasses import replace

from dtms_server.terminal.link import LinkedTerminal
from dtms_server.terminal.messages import Deadlines
from dtms_server.terminal.options import parse_address
from hosts import KEY, PATIENCE_SECONDS, STILL, Hosts


async def test_pings_keep_the_role_of_a_quiet_server(hosts: Hosts) -> None:
    host = hosts.start(replace(STILL, supervised=True))  # it tells each request
    terminal = LinkedTerminal(parse_address(host.address), KEY, deadlines=Deadlines(keep_alive=0.1))
    await terminal.connect(PATIENCE_SECONDS)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as loops:
        loops.create_task(terminal.keep_alive(stop, print))
        lines = [await asyncio.to_thread(host.line) for _ in range(8)]
        stop.set()
    await terminal.close()
    assert [line.split()[0] for line in lines] == ["busy", "idle"] * 4  # connect, three pings


async def test_a_loss_does_not_end_the_pings(hosts: Hosts) -> None:
    host = hosts.start()
    terminal = LinkedTerminal(
        parse_address(host.address), KEY, deadlines=Deadlines(keep_alive=0.01)
    )
    await terminal.connect(PATIENCE_SECONDS)
    stop = asyncio.Event()
    pinging = asyncio.create_task(terminal.keep_alive(stop, print))
    host.end()
    session = terminal._session
    assert session is not None
    await session.gone()  # a ping has found the loss
    assert not pinging.done()
    stop.set()
    await pinging
    await terminal.close()
