"""Two programs that have nothing in common, run by one process: each session speaks its own."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.p4runtime import PacketIn, SwitchSession, Update, UpdateKind
from p4fabric.pipelines.entities import DigestConfig, Entity
from p4fabric.softswitch import AsyncSoftSwitch

from .programs import ROOT, TRANSLATED, bindings_of
from .samples import Listener, session_with

SIGNED = ROOT / "tests/switch/server/programs/signed.p4info.txtpb"
ASK = struct.Struct(">BhhhhBhBhH")
"""What `signed.p4` parses: kind 1 is a digest, kind 2 a packet-in; the fourth last number is the sum."""


@dataclass
class Run:
    """A program that runs on a switch of its own."""

    module: Any
    session: SwitchSession
    switch: AsyncSoftSwitch
    listener: Listener

    async def insert(self, *entities: Entity) -> None:
        assert await self.session.write([Update(UpdateKind.INSERT, one) for one in entities]) == []


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Run, Run]]:
    async with AsyncExitStack() as stack:
        runs = []
        for program in (TRANSLATED, SIGNED):
            module, listener = bindings_of(program, tmp_path), Listener()
            session, switch = await stack.enter_async_context(
                session_with(program, module.BINDINGS, listener)
            )
            runs.append(Run(module, session, switch, listener))
        yield runs[0], runs[1]


async def test_entries_of_both_are_written_and_read_back(both: tuple[Run, Run]) -> None:
    translated, signed = both
    blue = translated.module.Vrfs(1, translated.module.SetVrf("blue"))
    five = signed.module.Exacts(5, signed.module.Add(7))
    await translated.insert(blue)
    await signed.insert(five)
    for run, entry in ((translated, blue), (signed, five)):
        found = await run.session.read()
        assert (list(found.entities.values()), found.unknown) == ([entry], ())


async def test_digests_and_packet_ins_of_both_are_decoded_by_their_own_bindings(
    both: tuple[Run, Run],
) -> None:
    translated, signed = both
    t, s = translated.module, signed.module
    await translated.insert(
        DigestConfig(t.Report.DIGEST_ID, 0, 1, 0),
        t.Vrfs(1, t.SetVrf("blue")),
        t.Routes("blue", 2, 9, t.Punt()),
    )
    await signed.insert(DigestConfig(s.Report.DIGEST_ID, 0, 1, 0))
    translated.switch.inject(2, b"\0\1")
    for kind in (1, 2):
        signed.switch.inject(1, ASK.pack(kind, 0, 0, 0, 0, 0, -3, 0, 0, 9))
    async with asyncio.timeout(60):
        assert await translated.listener.messages.get() == t.Report("blue", 2)
        assert await signed.listener.messages.get() == s.Report(-3, 9)
        blue = await translated.listener.packets.get()
        assert blue == PacketIn(t.PacketInMetadata(2, "blue"), b"\0\1")
        low = await signed.listener.packets.get()
        assert isinstance(low.header, s.PacketInMetadata) and low.header.ingress_port == 1


async def test_packet_outs_carry_the_programs_own_header_and_no_other(both: tuple[Run, Run]) -> None:
    translated, signed = both
    await translated.session.packet_out(translated.module.PacketOutMetadata(2), b"\0\7")
    assert await translated.switch.collect(5, 1) == [(2, b"\0\7")]
    with pytest.raises(ValueError, match="has no packet-out header PacketOutMetadata"):
        await translated.session.packet_out(signed.module.PacketOutMetadata(1), b"\0\7")
    with pytest.raises(ValueError, match="egress_port is 0 to 4294967295, not -1"):
        await translated.session.packet_out(translated.module.PacketOutMetadata(-1), b"\0\7")
