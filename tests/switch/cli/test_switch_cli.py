"""`p4fabric switch …` as people type it, at a real switch behind a Unix socket."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from p4fabric.softswitch.cli.app import SwitchCommands
from p4fabric.softswitch.cli.client import complete
from tests.switch.cli.conftest import Cli
from tests.switch.cli.reference import PAGE, page
from tests.switch.server.client import PROGRAMS, Client
from tests.switch.server.kinds import frame

Make = Callable[[str], Cli]

# What is typed, the exit status, and what is said: on standard output when it works, else on standard error.
SESSIONS: dict[str, list[tuple[str, int, str]]] = {
    "kinds": [
        ("tables", 0, "prefixes  dst: bit<48> lpm"),
        ("tables mixed", 0, "priority        needed"),
        ("insert mixed dst=00:00:00:00:00:02/47 src=1 ether_type=0x800..0x8ff send port=2 -p 5", 0, ""),
        ("insert mixed dst=0x10&&&0xf0 src=2 port=* drop -p 6", 0, ""),
        ("read mixed", 0, "5  dst=00:00:00:00:00:02/47 ether_type=0x800..0x8ff src=00:00:00:00:00:01  send"),
        ("read mixed src=2", 0, "dst=00:00:00:00:00:10&&&00:00:00:00:00:f0 src=00:00:00:00:00:02  drop"),
        ("modify mixed dst=00:00:00:00:00:02/47 src=1 ether_type=0x800..0x8ff send port=3 -p 5", 0, ""),
        ("delete mixed dst=0x10/0xf0 src=2 -p 6", 0, ""),
        ("delete mixed dst=0x10/0xf0 src=2 -p 6", 1, "NOT_FOUND"),
        ("modify keyless --default set_value value=9", 0, ""),
        ("read In.keyless", 0, "(default)  set_value value=9"),
        ("delete keyless --default", 0, ""),
        ("read keyless", 0, "(default)  set_value value=7"),
        ("read fixed ether_type=0x86dd", 0, "ether_type=0x86dd  set_value value=6"),
        ("members insert next_hops 1 send port=3", 0, ""),
        ("insert indirect port=1 --member 1", 0, ""),
        ("read indirect port=1", 0, "port=1  --member 1"),
        ("registers write last 0-2,5 0x10", 0, ""),
        ("registers read last", 0, "  0-2  16\n  3-4  0\n    5  16\n  6-7  0"),
        ("counters write per_port 3 --packets 7 --bytes 90", 0, ""),
        ("counters read per_port 2-3", 0, "    2        0      0\n    3        7     90"),
        ("multicast insert 1 1 2:5", 0, ""),
        ("multicast", 0, " 1  1 2:5"),
        ("clones insert 5 510 --truncate 128 --class-of-service 3", 0, ""),
        ("clones", 0, "510                   3       128"),
        ("delete mixed --all", 0, ""),
        ("read mixed src=1", 0, "none"),
        # Mistakes, each named with what would be right.
        ("read mixd", 2, "there is no table 'mixd'. Did you mean mixed"),
        ("insert mixed src=1 sendd port=1 -p 1", 2, "no action of table mixed 'sendd'. Did you mean send?"),
        ("insert mixed sr=1 send port=1 -p 1", 2, "no field of table mixed 'sr'. Did you mean src?"),
        ("insert mixed src=1 send prt=1 -p 1", 2, "no parameter of send 'prt'. Did you mean port?"),
        ("insert mixed src=1 send port=600 -p 1", 2, "port: 600 is not in 0..511 (bit<9>)"),
        ("insert mixed src=10.0.0.1 send port=1 -p 1", 2, "src: '10.0.0.1' is no MAC address"),
        ("insert mixed src=1 send port=1", 2, "a priority is needed"),
        ("insert prefixes dst=00:00:00:00:00:01/47 drop", 2, "Did you mean 00:00:00:00:00:00/47?"),
        ("insert indirect port=1 send port=2", 2, "`p4fabric switch members insert`"),
        ("registers read last 8", 2, "index 8 is not in 0..7"),
        ("groups insert next_hops 1 1", 2, "next_hops has no selector"),
        ("read --device-id 7", 1, "no device 7"),
        ("read --grpc nowhere:x", 2, "HOST:PORT or unix:PATH is needed"),
        ("read --grpc /nowhere.sock", 1, "nobody answers"),
    ],
    "signed": [
        ("insert exacts value=-1 add value=-5", 0, ""),
        ("insert exacts value=200 add value=200", 0, ""),
        ("read exacts", 0, "value=-1   add value=-5\nvalue=200  add value=200"),
        ("insert ranges value=-10..5 hit -p 1", 0, ""),
        ("read ranges", 0, "value=-10..5  hit"),
        ("registers write levels 1 -7", 0, ""),
        ("registers read levels 1", 0, "1  -7"),
        ("insert exacts value=40000 hit", 2, "no action of table exacts 'hit'"),
        ("insert exacts value=40000 add value=1", 2, "40000 is not in -32768..32767 (int<16>)"),
    ],
    "translated": [
        ("insert routes vrf=blue port=3 send port=70000 -p 2", 1, "OUT_OF_RANGE"),
        ("insert routes vrf=blue port=any send port=3 -p 2", 0, ""),
        ("read routes vrf=blue", 0, "2  vrf=blue  send port=3"),
    ],
    "state": [
        ("value-sets write pairs kind=1,part=0x1/0x3", 0, ""),
        ("value-sets read pairs", 0, "kind=1,part=0x1&&&0x3"),
        ("value-sets write kinds 7 9", 0, ""),
        ("value-sets read kinds", 0, "value=7\nvalue=9"),
        ("insert kinds kind=5 forward port=1 --idle-timeout 0.1", 0, ""),
        ("meters write each kind=5 --cir 1k --cburst 10", 0, ""),
        ("meters read each", 0, "kind=5  cir=1000 cburst=10 pir=1000 pburst=10"),
        ("meters write cells 0-2 --cir 10M --cburst 1500 --pir 1M", 2, "--pir 1M is less than --cir 10M"),
        ("meters write cells 0-2 --cir 1M --cburst 1500", 0, ""),
        ("meters read cells 2-3", 0, "2  cir=1000000 cburst=1500 pir=1000000 pburst=1500"),
        ("listen idle-timeout -c 1", 0, "idle-timeout kinds kind=5"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("program", SESSIONS)
def test_what_is_typed_is_done_or_said_why_not(cli: Make, program: str) -> None:
    here = cli(program)
    for line, status, said in SESSIONS[program]:
        code, out, err = here.run(*line.split())
        assert (code, said in (err if status else out)) == (status, True), (line, code, out, err)
        assert not (status and out), (line, out)


def test_entries_that_are_typed_forward_packets_and_are_counted(cli: Make) -> None:
    here = cli("kinds")
    assert here.run("insert", "mixed", "src=1", "send", "port=2", "-p", "1")[0] == 0
    assert here.run("insert", "prefixes", "dst=00:00:00:00:00:05/48", "send", "port=2")[0] == 0
    assert here.switch.send(1, frame(5)) == [(2, frame(5))]
    found = json.loads(here.run("read", "mixed", "--json")[1])
    assert found[0] == {
        "table": "In.mixed",
        "match": {"src": "00:00:00:00:00:01"},
        "priority": 1,
        "action": {"name": "In.send", "params": {"port": 2}},
        "counter": {"packets": 1, "bytes": len(frame(5))},
    }
    assert here.run("counters", "reset", "matched", "src=1")[0] == 0
    counted = json.loads(here.run("counters", "read", "matched", "--json")[1])
    assert [one["packets"] for one in counted] == [0]


async def test_a_primary_stays_primary_unless_it_is_replaced_on_purpose(cli: Make) -> None:
    here = cli("kinds")
    insert = ("insert", "prefixes", "dst=00:00:00:00:00:01/48", "drop")
    async with Client(here.switch.address, 100) as controller:
        assert await controller.arbitrate() == 0
        code, _, err = here.run(*insert)
        assert (code, "another client is primary (election id 100)" in err) == (1, True), err
        assert here.run("read", "prefixes")[0] == 0
        assert "a client with election id 100" in here.run("info")[1]
        assert here.run(*insert, "--as-primary")[0] == 0
        assert await controller.silent(), "reading, and writing as the primary, tell it nothing"
        assert await controller.write() == []
        assert here.run("delete", *insert[1:3], "--election-id", "101")[0] == 0
        assert (await controller.arbitration()).election_id.low == 101
    assert here.run(*insert)[0] == 0, "the highest election id is reached again when nobody is primary"


def test_listen_shows_packet_ins_and_digests_and_ends_what_it_began(cli: Make) -> None:
    here = cli("signed")
    listening = here.begin("listen", "--json", "-c", "2")
    assert listening.stderr is not None and listening.stderr.readline() == "listening\n"
    ask = bytes((1, *bytes(14), 0, 9))
    here.switch.send(1, ask)
    here.switch.send(1, bytes((2, *ask[1:])))
    out, _ = listening.communicate(timeout=60)
    digest, packet = sorted(
        (json.loads(line) for line in out.splitlines()), key=lambda one: "packet_in" in one
    )
    assert digest["data"] == {"level": 0, "bits": 9}, out
    assert (packet["packet_in"]["ingress_port"], packet["packet_in"]["level"]) == (1, 0)
    assert here.run("info")[1].count("none (the highest election id so far is 1)") == 1

    listening = here.begin("listen", "digests")
    assert listening.stderr is not None and listening.stderr.readline() == "listening\n"
    listening.send_signal(signal.SIGINT)
    assert listening.wait(timeout=60) == 0


def test_packet_out_takes_the_fields_of_the_programs_header(cli: Make) -> None:
    here = cli("kinds")
    assert here.run("packet-out", "egress_port=2", "--frame", frame(1).hex())[0] == 0
    assert here.switch.collect(count=1) == [(2, frame(1))]
    code, _, err = here.run("packet-out", "port=2", "--frame", "00")
    assert (code, "field of packet_out 'port'" in err) == (2, True), err


def test_a_program_is_pushed_verified_or_refused(cli: Make, tmp_path: Path) -> None:
    here = cli("kinds")
    assert here.run("push", str(PROGRAMS / "signed.json"), "--how", "verify")[0] == 0
    assert "mixed" in here.run("tables")[1]
    assert here.run("push", str(PROGRAMS / "signed.json"))[0] == 0
    assert "exacts" in here.run("tables")[1]
    source = tmp_path / "x.json"
    source.write_text("#include <core.p4>\n")
    (tmp_path / "x.p4info.txtpb").touch()
    for words, wanted in (
        ((str(source),), "this is P4 source; compile it"),
        ((str(tmp_path / "no.json"),), "No such file"),
        (
            (str(PROGRAMS / "signed.json"), "--p4info", str(PROGRAMS / "signed.json")),
            "is not a P4Info",
        ),
    ):
        code, _, err = here.run("push", *words)
        assert (code, wanted in err) == (2, True), err


def test_ports_are_shown_and_switched_off_over_gnmi(cli: Make) -> None:
    here = cli("kinds")
    here.switch.send(1, frame(1))
    assert here.run("ports", "disable", "2")[0] == 0
    ports = {one["id"]: one for one in json.loads(here.run("ports", "--json")[1])}
    assert (ports[1]["name"], ports[1]["oper_status"], ports[1]["counters"]["in-pkts"]) == ("port1", "UP", 1)
    assert ports[2]["admin_status"] == "DOWN"
    following = here.begin("log", "-c", "1", "--json")
    assert following.stderr is not None and following.stderr.readline().startswith("following")
    code, _, err = here.run("ports", "enable", "prt2")
    assert (code, "no port 'prt2'" in err) == (2, True), err
    assert here.run("ports", "enable", "port2")[0] == 0
    event = json.loads(following.communicate(timeout=60)[0])
    assert (event["event"], event["port"], event["status"]) == ("port", "port2", "UP")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("read pre", {"prefixes"}),
        ("insert mixed ", {"dst=", "ether_type=", "port=", "src=", "send", "drop", "set_value", "NoAction"}),
        ("insert mixed src = 1 se", {"send", "set_value"}),
        ("insert mixed src = 1 send ", {"port="}),
        ("registers read ", {"last"}),
        ("members insert next_hops 1 ", {"send", "drop", "NoAction"}),
        ("insert nosuch ", set()),
        ("read --grpc /nowhere.sock ", set()),
    ],
)  # fmt: skip
def test_the_shell_offers_the_programs_names(
    cli: Make, line: str, offered: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complete, "SECONDS", 60.0)
    words = f"p4fabric switch {line}"
    count = len(words.split()) - (0 if words.endswith(" ") else 1)
    code, out, err = cli("kinds").run(
        _P4FABRIC_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(count)
    )
    assert ({*out.split()}, err, code) == (offered, "", 0)


def test_the_installed_command_ends_with_0_1_or_2(cli: Make) -> None:
    here = cli("kinds")
    assert here.run_installed("read", "fixed", "ether_type=0x800")[0] == 0
    assert here.run_installed("delete", "prefixes", "dst=1/48")[0] == 1
    code, out, err = here.run_installed("read", "mixd")
    assert (code, out, err) == (
        2,
        "",
        "p4fabric switch: there is no table 'mixd'. Did you mean mixed or fixed?\n",
    )


def test_help_is_listed_as_the_commands_have_it_and_nothing_is_loaded_for_it() -> None:
    for one in SwitchCommands.lazy:
        assert (one.load().help or "").strip().partition("\n")[0] == one.help, one.name
    heavy = (
        "import sys; import p4fabric.controller.cli.main; "
        "print([one for one in ('grpc', 'finsy') if one in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_the_reference_is_that_of_the_commands() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.switch.cli.reference`"
