"""SMFs in three dialects control a real switch: what is said, and what packets do."""

from __future__ import annotations

from pathlib import Path

from tests.fabric.n4.conftest import bed, upf


async def test_open5gs_attaches_hands_over_and_releases_a_ue(tmp_path: Path) -> None:
    async with bed(tmp_path, upf()) as it:
        smf, ue = it.smf, "10.45.0.2"
        assert (await smf.associate()).cause == 1
        established = await smf.say("open5gs_establishment")
        assert (established.cause, established.seid) == (1, 0xD3)
        # PDRs of one CHOOSE ID share a tunnel end; the one without it has its own.
        ends = established.f_teids
        assert ends.keys() == {2, 3, 4} and ends[2] == ends[4] != ends[3]
        teid, seid = ends[2][0], established.up_seid
        assert await it.goes_down(ue) is None and not await it.goes_up("10.0.3.10", teid, ue)

        assert (await smf.say("open5gs_activate", seid)).cause == 1
        assert await it.goes_down(ue) == ("10.0.3.10", 0x201, 1)
        assert await it.goes_up("10.0.3.10", teid, ue)
        assert not await it.goes_up("10.0.3.10", teid, "10.45.0.3"), "a UE sends as another"
        assert not await it.goes_up("10.0.3.11", teid, ue), "another gNB sends for it"

        assert (await smf.say("open5gs_handover", seid)).cause == 1
        assert await it.goes_down(ue) == ("10.0.3.11", 0x301, 1)
        assert await it.goes_up("10.0.3.11", teid, ue) and not await it.goes_up("10.0.3.10", teid, ue)

        assert (await smf.say("open5gs_deletion", seid)).cause == 1
        assert await it.goes_down(ue) is None and not await it.goes_up("10.0.3.11", teid, ue)
