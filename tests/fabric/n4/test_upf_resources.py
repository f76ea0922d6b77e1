"""What operators see of SMFs and sessions: over real HTTP, from a controller whose switch carries packets."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from p4fabric import AsyncSoftSwitch
from p4fabric.client import NotFound, Settings, SyncClient
from p4fabric.controller.names import IntentKey, TenantName
from tests.fabric.api.conftest import Served, configured, controller
from tests.fabric.api.test_access import client, made
from tests.fabric.n4.conftest import NETWORKS, PORTS, Bed, upf
from tests.fabric.n4.smf import Smf, ie
from tests.fabric.n4.test_n4 import ACCEPTED, FIRST, NOT_FOUND, SESSIONS, UE, attached, many, number

ASSOCIATIONS, ALL = "/api/v1/upf/associations", "/api/v1/upf/sessions"
TENANT = {"name": "acme", "attachments": [{"switch": "leaf1", "ports": ["1-8"]}], "n3Addresses": ["10.0.3.2"]}


@dataclass
class World(Bed):
    """A bed whose controller is asked over HTTP."""

    served: Served

    async def session(self, seid: int) -> Any:
        return await self.served.get(f"{ALL}/{seid:#x}")

    async def items(self, path: str, **query: str) -> Any:
        return (await self.served.get(path, **query))["items"]

    async def metrics(self) -> dict[str, float]:
        """Samples of N4 by name and labels."""
        lines = (await self.served.http.get("/metrics")).text.splitlines()
        found = (line.rpartition(" ") for line in lines if line.startswith(("p4fabric_n4", "p4fabric_upf")))
        return {name: float(value) for name, _, value in found if "_created" not in name}

    async def command(self, *words: str) -> str:
        program = [str(Path(sys.executable).with_name("p4fabric")), *words]
        where = ["--api", self.served.url, "--token-file", str(self.served.token_file)]
        done = await asyncio.to_thread(
            subprocess.run, [*program, *where], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)


def switch_of(folder: Path) -> AsyncSoftSwitch:
    """The leaf, at the same address each time."""
    ports = dict.fromkeys(PORTS.values())
    return AsyncSoftSwitch(device_id=1, interfaces=ports, listen=f"unix:{folder}/leaf.sock")


@asynccontextmanager
async def world(folder: Path, *documents: dict[str, Any]) -> AsyncIterator[World]:
    async with switch_of(folder) as switch:
        config = configured(folder, switch.address, n4={"listen": "127.0.0.1:0"}, tenants=[TENANT])
        async with controller(config) as served:
            smf = await Smf.open()
            try:
                assert served.fabric.n4 is not None
                smf.port = await served.fabric.n4.port()
                it = World(switch, served.fabric, smf, served)
                await it.until_in_sync()
                await it.apply(*NETWORKS, *documents)
                yield it
            finally:
                smf.close()


async def test_a_session_is_seen_from_its_establishment_to_its_end(tmp_path: Path) -> None:
    async with world(tmp_path, upf(smfs=["127.0.0.1", "127.0.0.2"])) as it:
        first, second = await it.items(ASSOCIATIONS)
        assert (first["smf"], second["smf"]) == ("127.0.0.1", "127.0.0.2")
        assert (first["state"], first["nodeId"], first["since"], first["sessions"]) == ("none", None, None, 0)
        assert await it.items(ALL) == []

        assert (await it.smf.associate()).cause == ACCEPTED
        established = await it.smf.say("open5gs_establishment")
        seid, teid = established.up_seid, established.f_teids[2][0]
        (first, second) = await it.items(ASSOCIATIONS)
        assert (first["state"], second["state"]) == ("associated", "none")
        assert (first["nodeId"], first["sessions"], first["upfNodeId"]) == ("10.0.0.4", 1, "127.0.0.1")
        assert first["since"] > "2026" and first["recoveryTime"] and first["upfRecoveryTime"]

        waiting = await it.session(seid)
        assert (waiting["state"], waiting["gnbs"], waiting["ueAddresses"]) == ("idle", [], [UE])
        assert waiting["seid"] == waiting["fSeid"]["seid"] == f"{seid:#018x}"
        assert waiting["fSeid"]["addresses"] == ["127.0.0.1"]
        assert waiting["smfFSeid"]["seid"] == "0x00000000000000d3" and waiting["dnn"] == "internet"
        assert waiting["entries"] == waiting["entriesAcknowledged"]
        assert not any(way["active"] for way in waiting["ways"])

        assert (await it.smf.say("open5gs_activate", seid)).cause == ACCEPTED
        active = await it.session(seid)
        assert (active["state"], active["gnbs"], active["reasons"]) == ("active", [FIRST], [])
        assert active["entries"] == active["entriesAcknowledged"] > waiting["entries"]
        up, down = (
            next(way for way in active["ways"] if way["active"] and way["direction"] == direction)
            for direction in ("uplink", "downlink")
        )
        assert (up["teid"], up["gnb"], up["gate"], up["dropped"]) == (teid, FIRST, "open", None)
        assert (down["teid"], down["gnb"], down["qfi"]) == (0x201, FIRST, 1)
        assert await it.goes_up(FIRST, up["teid"], UE) and await it.goes_down(UE) == (FIRST, 0x201, 1)
        assert await it.items(ALL) == [active]

        assert (await it.smf.say("open5gs_idle", seid)).cause == ACCEPTED
        idle = await it.session(seid)
        dropped = {way["dropped"] for way in idle["ways"] if way["direction"] == "downlink"}
        assert (idle["state"], dropped) == ("idle", {"notForwarded"}) and await it.goes_down(UE) is None

        assert (await it.smf.say("open5gs_deletion", seid)).cause == ACCEPTED
        gone = await it.served.http.get(f"{ALL}/{seid:#x}")
        assert gone.status_code == 404 and gone.json()["errors"][0]["field"] == "seid"
        assert await it.items(ALL) == [] and (await it.items(ASSOCIATIONS))[0]["sessions"] == 0
        # A peer may say that it began in 1900.
        node = ie(60, b"\x00", IPv4Address("10.0.0.4").packed)
        assert (await it.smf.ask(it.smf.message(5, node, ie(96, number(0, 4))))).cause == ACCEPTED
        assert (await it.items(ASSOCIATIONS))[0]["recoveryTime"] == "1900-01-01T00:00:00.000Z"


async def test_a_closed_gate_is_said_and_opens_again(tmp_path: Path) -> None:
    async with world(tmp_path, upf()) as it:
        seid, _ = await attached(it)
        for gate, word in ((b"\x05", "closed"), (b"\x00", "open")):
            update = ie(14, ie(109, number(1, 4)), ie(25, gate))
            assert (await it.smf.ask(it.smf.message(52, update, seid=seid))).cause == ACCEPTED
            found = await it.session(seid)
            assert {way["gate"] for way in found["ways"] if way["pdr"] in (1, 2)} == {word}
            assert (await it.goes_down(UE) is None) == (word == "closed")
            assert found["state"] == ("idle" if word == "closed" else "active")


async def test_sessions_come_in_pages_and_are_found_by_what_they_are(tmp_path: Path) -> None:
    async with world(tmp_path, upf(smfs=["127.0.0.1", "127.0.0.2"])) as it:
        await it.smf.associate()
        ues = await many(it.smf, "10.45.1.0", "10.0.0.4")
        seen: list[str] = []
        page = await it.served.get(ALL, limit="7")
        seen += (one["seid"] for one in page["items"])
        while page["continue"] is not None:
            page = await it.served.get(ALL, limit="7", **{"continue": page["continue"]})
            seen += (one["seid"] for one in page["items"])
        assert len(seen) == len(set(seen)) == SESSIONS and seen == sorted(seen)
        for ue, teid in list(ues.items())[::9]:
            (found,) = await it.items(ALL, ue=ue)
            assert found["ueAddresses"] == [ue] and teid in {way["teid"] for way in found["ways"]}
        for query, count in (
            ({"smf": "127.0.0.1"}, SESSIONS),
            ({"smf": "127.0.0.2"}, 0),
            ({"dnn": "internet"}, SESSIONS),
            ({"dnn": "ims"}, 0),
            ({"gnb": FIRST}, SESSIONS),
            ({"gnb": "10.0.3.99"}, 0),
            ({"gnb": FIRST, "ue": "10.45.1.1"}, 1),
        ):
            assert len(await it.items(ALL, **query)) == count, query
        assert [one["smf"] for one in await it.items(ASSOCIATIONS, smf="127.0.0.2")] == ["127.0.0.2"]
        wrong = await it.served.http.get(ALL, params={"limit": "7", "gnb": FIRST, "continue": "x"})
        assert wrong.status_code == 422

        def by_client() -> tuple[int, str]:
            settings = Settings(it.served.url, it.served.token_file.read_text().strip())
            with SyncClient(settings) as http:
                try:
                    http.upf_session("0x1")
                except NotFound:
                    one = http.upf_session(seen[0])
                assert [smf.sessions for smf in http.upf_associations()] == [SESSIONS, 0]
                return len(list(http.upf_sessions(gnb=FIRST))), one.seid

        assert await asyncio.to_thread(by_client) == (SESSIONS, seen[0])
        for word in ("1", "0x", "0xg", "0x" + "f" * 17, "-0x1", "none"):
            assert (await it.served.http.get(f"{ALL}/{word}")).status_code == 404, word


async def test_a_switch_that_is_away_is_a_reason(tmp_path: Path) -> None:
    async with world(tmp_path, upf()) as it:
        seid, _ = await attached(it)
        assert (await it.session(seid))["state"] == "active"
        await it.switch.__aexit__(None, None, None)
        await it.served.until(lambda: not it.fabric.switches[0].connected)
        found = await it.session(seid)
        (reason,) = found["reasons"]
        assert (found["state"], reason["code"]) == ("degraded", "switch-disconnected")
        assert (reason["switch"], reason["message"]) == ("leaf1", "leaf1 is not connected")
        async with switch_of(tmp_path) as it.switch:
            await it.until_in_sync()
            assert (await it.session(seid))["state"] == "active"


async def test_requests_count_from_zero_and_no_label_has_an_address(tmp_path: Path) -> None:
    async with world(tmp_path, upf()) as it:
        at_first = await it.metrics()

        def of(kind: str, cause: str) -> str:
            return f'p4fabric_n4_requests_total{{cause="{cause}",type="{kind}"}}'

        assert at_first[of("session_establishment", "request_accepted")] == 0
        assert at_first['p4fabric_upf_sessions{name="edge",tenant="acme"}'] == 0
        seid, _ = await attached(it)
        stranger = await Smf.open("127.0.0.9")
        stranger.port = it.smf.port
        await stranger.associate()
        stranger.close()
        assert (await it.smf.say("open5gs_deletion", 7)).cause == NOT_FOUND
        await it.smf.ask(it.smf.message(1, ie(96, number(1, 4))))
        repeated = it.smf.numbered(it.smf.message(54, seid=9))
        for _ in range(2):
            it.smf.send(repeated)
            await it.smf.hear()
        now = await it.metrics()
        grown = {name: value - at_first.get(name, 0) for name, value in now.items()}
        assert {name: value for name, value in grown.items() if value} == {
            'p4fabric_upf_associations{name="edge",tenant="acme"}': 1,
            'p4fabric_upf_sessions{name="edge",tenant="acme"}': 1,
            of("association_setup", "request_accepted"): 1,
            of("association_setup", "request_rejected"): 1,
            of("session_establishment", "request_accepted"): 1,
            of("session_modification", "request_accepted"): 1,
            of("session_deletion", "session_context_not_found"): 2,
            of("heartbeat", "request_accepted"): 1,
        }
        assert not any("127.0.0" in name or UE in name or FIRST in name for name in now)
        assert (await it.session(seid))["state"] == "active"


async def test_smfs_that_come_and_go_are_events_and_sessions_are_not(tmp_path: Path) -> None:
    async with world(tmp_path, upf()) as it:
        node = ie(60, b"\x00", IPv4Address("10.0.0.4").packed)
        await attached(it)
        await it.smf.associate()
        await it.smf.ask(it.smf.message(9, node))
        await attached(it)
        await it.fabric.intents.delete(IntentKey("Upf", TenantName("acme"), "edge"))
        assert it.fabric.n4 is not None
        await it.fabric.n4.settled()
        types = "SmfAssociated,SmfReleased"
        told = await it.items("/api/v1/events", follow="false", types=types)
        assert [(one["type"], one["sessionsEnded"]) for one in told] == [
            ("SmfAssociated", 0),
            ("SmfAssociated", 1),
            ("SmfReleased", 0),
            ("SmfAssociated", 0),
            ("SmfReleased", 1),
        ]
        subject = {(one["tenant"], one["upf"], one["smf"], one["nodeId"]) for one in told}
        assert subject == {("acme", "edge", "127.0.0.1", "10.0.0.4")}
        every = await it.items("/api/v1/events", follow="false", types="", limit="1000")
        assert not any(UE in json.dumps(one) for one in every)


async def test_readers_see_it_and_tenants_are_refused(tmp_path: Path) -> None:
    async with world(tmp_path, upf()) as it:
        seid, _ = await attached(it)
        paths = (ASSOCIATIONS, ALL, f"{ALL}/{seid:#x}", "/api/v1/upf/buffers")
        for role, tenant, status in (("reader", None, 200), ("tenant", "acme", 403), ("scraper", None, 403)):
            async with client(it.served, await made(it.served, role, role, tenant)) as http:
                assert [(await http.get(path)).status_code for path in paths] == [status] * 4, role
                if role == "tenant":
                    told = await http.get("/api/v1/events", params={"follow": "false"})
                    assert "Smf" not in told.text


async def test_commands_show_both_as_tables(tmp_path: Path) -> None:
    async with world(tmp_path, upf()) as it:
        seid, teid = await attached(it)
        head, row = (await it.command("upf", "associations")).splitlines()
        assert head.split()[:4] == ["TENANT", "UPF", "SMF", "NODE"]
        assert row.split()[:5] == ["acme", "edge", "127.0.0.1", "10.0.0.4", "associated"]
        _, row = (await it.command("upf", "sessions", "--ue", UE)).splitlines()
        name = f"{seid:#018x}"
        assert row.split() == [name, "acme/edge", "internet", UE, FIRST, "active", f"{teid:#x}", "0x201"]
        wide = await it.command("upf", "sessions", "-o", "wide", name)
        assert "1:active" in wide and "0x00000000000000d3" in wide
        assert json.loads(await it.command("upf", "sessions", name, "-o", "json"))["gnbs"] == [FIRST]
        assert await it.command("upf", "sessions", "-o", "name") == f"{name}\n"
        assert len((await it.command("upf", "sessions", "--gnb", "10.0.3.99")).splitlines()) == 1
        assert await it.command("upf", "associations", "-o", "name") == "127.0.0.1\n"
