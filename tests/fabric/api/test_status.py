"""How the fabric is, and switches that are declared gone, by HTTP."""

from __future__ import annotations

from pathlib import Path

from tests.fabric.api.conftest import configured, controller
from tests.switch.pipeline.harness import free_tcp_port


async def test_a_fabric_that_is_well_says_so_and_its_switch_is_not_gone(
    tmp_path: Path, switch_address: str
) -> None:
    async with controller(configured(tmp_path, switch_address)) as served:
        await served.until(lambda: all(switch.in_sync for switch in served.fabric.switches))
        status = await served.get("/api/v1/status")
        assert (status["severity"], status["findings"], status["leafPairs"]) == ("ok", [], [])
        (switch,) = status["switches"]
        assert (switch["name"], switch["severity"], switch["connected"]) == ("leaf1", "ok", True)
        answer = await served.http.post("/api/v1/switches/leaf1/gone")
        assert answer.status_code == 409
        assert answer.json()["errors"][0]["message"] == "leaf1 is connected: it is not gone"


async def test_a_switch_that_is_away_is_a_risk_and_can_be_declared_gone(tmp_path: Path) -> None:
    async with controller(configured(tmp_path, f"127.0.0.1:{free_tcp_port()}")) as served:
        status = await served.get("/api/v1/status")
        assert status["severity"] in ("at risk", "degraded")
        (finding,) = status["findings"]
        assert (finding["problem"], finding["switches"]) == ("switchDisconnected", ["leaf1"])
        assert (await served.http.post("/api/v1/switches/leaf1/gone")).status_code == 204
        status = await served.get("/api/v1/status")
        assert [finding["problem"] for finding in status["findings"]] == ["switchGone"]
        assert status["switches"][0]["declaredGone"] is True
        for port, status, said in (
            (9, 404, "no link is expected at leaf1:9"),
            (512, 422, "Input should be less than 512"),
        ):
            answer = await served.http.post(f"/api/v1/links/leaf1/{port}/gone")
            assert (answer.status_code, answer.json()["errors"][0]["message"]) == (status, said)
        answer = await served.http.delete("/api/v1/records", params={"key": "intents/Network/acme/x"})
        assert answer.status_code == 404
        assert "is not a record that this version cannot read" in answer.json()["errors"][0]["message"]
        answer = await served.http.post("/api/v1/switches/leaf9/gone")
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["message"] == "there is no switch 'leaf9'; there are leaf1"
