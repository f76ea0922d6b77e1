"""Lines of the log: nobody forges one, no secret is in one, and JSON says what text says."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from p4fabric.controller import log_format
from p4fabric.controller.cli import journal
from p4fabric.controller.log_format import fields, hide, set_up
from p4fabric.controller.telemetry.bus import EventBus
from tests.unit.northbound.every_event import EVERY_EVENT

FORGED = "n1\n2026-01-01 00:00:00,000 INFO    p4fabric: all is well\r\x1b[2J\u2028"
SECRET = "a-token-that-nobody-may-see"


@pytest.fixture(params=["text", "json"])
def lines(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The log so far, by lines; all handlers are put back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    # `force` closes what was there, and pytest's own handlers must live on.
    root.handlers.clear()
    set_up("debug", request.param, stream)
    hide(SECRET)
    yield lambda: stream.getvalue().splitlines()
    log_format._secrets.clear()
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


def test_what_a_caller_wrote_stays_in_its_line(lines: Any) -> None:
    log = logging.getLogger("some.module")
    log.warning("refused: %s", FORGED, extra=fields("Refused", name=FORGED, level="debug", message="mine"))
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("failed")
    first, *rest = lines()
    assert "\\n2026-01-01" in first and "\x1b" not in first and first.isascii()
    if first.startswith("{"):
        document = json.loads(first)
        assert (document["level"], document["message"]) == ("warning", f"refused: {document['name']}")
        assert [json.loads(line)["message"] for line in rest] == ["failed"]
        assert "all is well" in json.loads(rest[0])["exception"]
    else:
        assert rest[0].endswith("ERROR   some.module: failed")
        assert all(line.startswith("    ") for line in rest[1:]) and any(
            "all is well" in line for line in rest
        )


def test_secrets_are_left_out_wherever_they_stand(lines: Any) -> None:
    log = logging.getLogger("some.module")
    log.info("header %s", ("Authorization", f"Bearer {SECRET}"), extra=fields("X", deep={"a": [SECRET]}))
    log.info("%s", {"authorization": "bearer of-somebody-else"})
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("failed with %s", SECRET)
    text = "\n".join(lines())
    assert "of-somebody-else" not in text and SECRET not in text and text.count("[hidden]") >= 4


def test_every_event_is_a_line_with_a_severity_and_the_fields_of_the_api(lines: Any) -> None:
    bus = EventBus()
    bus.observer = journal.record
    for event in EVERY_EVENT:
        bus.publish(event)
    bus.close()
    bus.publish(EVERY_EVENT[3])  # Who stops loses no switch.
    found = lines()
    assert len(found) == len(EVERY_EVENT)
    if found[0].startswith("{"):
        documents = {(document := json.loads(line))["event"]: document for line in found}
        levels = {name: document["level"] for name, document in documents.items()}
        assert documents["HostMoved"]["before"] == {"switch": "leaf2", "port": 1}
        assert documents["SwitchDisconnected"]["switch"] == "leaf1"
        assert documents["CongestionOnset"]["flows"][0]["destination"] == "10.0.2.11"
    else:
        levels = {line.split()[3].rpartition(".")[2].rstrip(":"): line.split()[2].lower() for line in found}
        assert any(line.endswith("switch is lost: leaf1: the connection failed") for line in found)
    assert {name for name, level in levels.items() if level == "warning"} == {
        "IntentStatusChanged", "IntentsStatusChanged",  # They are degraded.
        "FabricStatusChanged",  # It got worse.
        "SwitchDisconnected", "LinkDown", "AddressClaimRefused", "DuplicateAddress", "HostLimitReached",
        "CongestionOnset", "IncidentOnset", "TrafficDropped",
    }  # fmt: skip
    assert levels["HostMoved"] == levels["CongestionCleared"] == levels["SwitchConnected"] == "info"
    assert levels["CongestionUpdate"] == "debug"


def test_many_events_of_one_kind_do_not_hide_another(lines: Any) -> None:
    bus = EventBus()
    bus.observer = journal.record
    logging.getLogger("p4fabric").setLevel("INFO")
    learned = EVERY_EVENT[6]
    for _ in range(1000):
        bus.publish(learned)
    bus.publish(EVERY_EVENT[3])
    logging.getLogger("p4fabric").setLevel("NOTSET")
    assert len(lines()) < 20 and "SwitchDisconnected" in lines()[-1]
