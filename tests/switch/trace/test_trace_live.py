"""Live traces over gRPC, and the command that shows them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import grpc
import pytest
from finsy import Action, Match, P4TableEntry
from finsy.proto import p4r, p4r_grpc
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap
from typer.testing import CliRunner

from p4fabric.softswitch import SoftSwitch
from p4fabric.softswitch.cli.app import app
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.server.server import read_config
from p4fabric.softswitch.tracing.follow import METHOD, SERVICE, follow
from tests.switch.library.test_commands import JOIN_1_WITH_2, P4INFO, PROGRAM

FRAME = bytes(Ether() / IP(src="10.0.0.1", dst="10.0.1.2") / UDP() / bytes(30))
OTHER = bytes(Ether() / IP(src="10.0.0.1", dst="10.0.1.3") / UDP() / bytes(30))


@pytest.fixture
def switch() -> Iterator[SoftSwitch]:
    """The patch panel, of which ports 1 and 2 are joined."""
    with SoftSwitch(PROGRAM, P4INFO) as switch:
        switch.write(+P4TableEntry("cables", match=Match(port=1), action=Action("join", port=2)))
        yield switch


@pytest.fixture
def channel(switch: SoftSwitch) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(switch.address) as channel:
        yield channel


def ask(channel: grpc.Channel, request: bytes) -> tuple[grpc.StatusCode, str]:
    """How a request is refused."""
    with pytest.raises(grpc.RpcError) as refusal:
        next(iter(channel.unary_stream(f"/{SERVICE}/{METHOD}")(request)))
    return refusal.value.code(), refusal.value.details()


def test_a_client_follows_what_it_asks_for_until_it_goes_away(
    switch: SoftSwitch, channel: grpc.Channel
) -> None:
    traces = follow(channel, TraceFilter(port=1, destination=ip_network("10.0.1.2")))
    assert next(traces) == {}
    assert switch.send(1, OTHER, FRAME) == [(2, OTHER), (2, FRAME)]
    events = next(traces)["events"]
    assert events[0] == {
        "copy": 1, "after_ns": 0, "event": "received", "port": 1, "frame": FRAME.hex(),
    }  # fmt: skip
    assert [one["event"] for one in events[-2:]] == ["deparsed", "sent"]
    assert ask(channel, b"")[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    traces.close()  # type: ignore[attr-defined]
    again: Iterator[object] | None = None
    deadline = time.monotonic() + 60
    while again is None:
        try:
            again = follow(channel, TraceFilter(), 1)
            assert next(again) == {}
        except grpc.RpcError:
            again = None
            assert time.monotonic() < deadline
    switch.send(1, FRAME, FRAME)
    assert len(list(again)) == 1  # it ends by itself


def test_another_pipeline_goes_on_being_traced(switch: SoftSwitch, channel: grpc.Channel) -> None:
    traces = follow(channel, TraceFilter(port=1))
    assert next(traces) == {}
    push(channel)  # its tables are empty: frames are dropped from now on
    until = time.monotonic() + 10
    found = None

    def send() -> None:
        for _ in range(20):
            switch.send(1, FRAME)
            time.sleep(0.05)

    sender = threading.Thread(target=send)
    sender.start()
    while found is None or found["event"] != "dropped":
        assert time.monotonic() < until
        found = next(traces)["events"][-1]
    sender.join()
    assert found["by"] == "PanelIngress.drop"


def push(channel: grpc.Channel) -> None:
    """Be the primary for a moment, and push the program again."""
    stub, over = p4r_grpc.P4RuntimeStub(channel), threading.Event()
    request = p4r.StreamMessageRequest()
    request.arbitration.device_id, request.arbitration.election_id.low = 1, 1

    def requests() -> Iterator[p4r.StreamMessageRequest]:
        yield request
        over.wait(20)

    stream = stub.StreamChannel(requests())
    next(stream)
    wanted = p4r.SetForwardingPipelineConfigRequest(device_id=1, config=read_config(P4INFO, PROGRAM))
    wanted.election_id.low, wanted.action = 1, wanted.VERIFY_AND_COMMIT
    stub.SetForwardingPipelineConfig(wanted)
    over.set()


def test_wrong_requests_are_refused_and_say_why(channel: grpc.Channel) -> None:
    for request, said in [
        (b"{", "not JSON"),
        (b"[]", "no object"),
        (b'{"prot": 1}', "prot"),
        (b'{"port": "1"}', "no number"),
        (b'{"port": true}', "no number"),
        (b'{"source": "10.0.0.300"}', "source"),
        (b'{"source": "10.0.0.1/24"}', "host bits"),
        (b'{"source": "10.0.0.1", "destination": "::1"}', "different IP versions"),
        (b'{"most": 0}', "most 0"),
        (b'{"protocol": 300}', "protocol 300"),
    ]:
        code, details = ask(channel, request)
        assert (code, said in details) == (grpc.StatusCode.INVALID_ARGUMENT, True), (request, details)


def test_without_a_pipeline_there_is_nothing_to_trace() -> None:
    with SoftSwitch() as switch, grpc.insecure_channel(switch.address) as channel:
        assert ask(channel, b"")[0] is grpc.StatusCode.FAILED_PRECONDITION


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["trace", *map(str, words)])
    return result.exit_code, result.output


def test_the_command_traces_a_running_switch(switch: SoftSwitch) -> None:
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.05):
            switch.send(1, FRAME)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        code, said = run(switch.address, "--port", 1, "--dst", "10.0.1.2", "--count", 2)
        assert code == 0, said
        assert said.count("PanelIngress.cables: hit") == said.count("sent         by port 2") == 2
        code, said = run(switch.address, "--json", "-c", 1)
        (line,) = [one for one in said.splitlines() if one.startswith("{")]
        assert (code, json.loads(line)["events"][0]["port"]) == (0, 1)
    finally:
        done.set()
        sender.join()


def test_the_command_traces_the_frames_of_a_file(tmp_path: Path) -> None:
    entries, pcap = tmp_path / "entries.txtpb", tmp_path / "frames.pcap"
    entries.write_text(JOIN_1_WITH_2)
    wrpcap(str(pcap), [Ether(FRAME), Ether(OTHER)])
    files = ("--p4info", P4INFO, "--entries", entries, "--pcap", pcap)
    code, said = run(PROGRAM, *files)
    assert (code, said.count("PanelIngress.cables: hit")) == (0, 2), said
    code, said = run(PROGRAM, *files, "--brief")
    tables = [line for line in said.splitlines() if "table  " in line]
    assert (code, len(tables), "state " in said) == (0, 2, False), said
    code, said = run(PROGRAM, *files, "--dst", "10.0.1.3")
    assert (code, said.count("PanelIngress.cables: hit")) == (0, 1), said
    code, said = run(PROGRAM, *files, "--port", 7, "--json")
    (event, *_) = [one for one in json.loads(said.splitlines()[0])["events"] if one["event"] == "dropped"]
    assert (code, event["reason"], event["by"]) == (0, "ingress", "PanelIngress.drop")


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    for words, wanted in [
        (("127.0.0.1:1", "--port", 1), "nobody answers"),
        (("127.0.0.1:1", "--frame", "00"), "belong to a program"),
        ((PROGRAM,), "a frame is needed"),
        (("nosuch.json",), "nosuch.json: no such file"),
        ((PROGRAM, "--frame", "00" * 60, "--brief", "--json"), "exclude each other"),
        ((PROGRAM, "--frame", "00" * 60, "--src", "x"), "--src"),
        (("127.0.0.1:1", "--tls-ca", tmp_path / "no.pem"), "no.pem"),
    ]:
        code, said = run(*words)
        assert (code, wanted in said) == (2, True), (words, said)
