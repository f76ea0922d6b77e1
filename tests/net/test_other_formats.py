"""Topology files of p4lang/tutorials and of p4-utils, read as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from p4fabric.net import TopologyError, load

PANEL = Path(__file__).resolve().parents[2] / "examples" / "first-program"


def write(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def exercise(tmp_path: Path) -> Path:
    """A folder like an exercise of the tutorials, with its topology in a folder of its own."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "panel.json").write_bytes((PANEL / "patch_panel.json").read_bytes())
    p4info = (PANEL / "patch_panel.p4info.txtpb").read_bytes()
    (tmp_path / "build" / "panel.p4.p4info.txtpb").write_bytes(p4info)
    runtime = {
        "target": "bmv2",
        "p4info": "build/panel.p4.p4info.txtpb",
        "bmv2_json": "build/panel.json",
        "table_entries": [],
    }
    write(tmp_path / "pod-topo" / "s1-runtime.json", runtime)
    host = {
        "ip": "10.0.1.1/24",
        "mac": "08:00:00:00:01:11",
        "commands": ["arp -i eth0 -s 10.0.1.10 0:0:0:0:0:1"],
    }
    topology = {
        "hosts": {"h1": host, "h10": {"ip": "10.0.2.2/24"}},
        "switches": {
            "s10": {},
            "s2": {"runtime_json": "pod-topo/s1-runtime.json", "cpu_port": "255"},
        },
        "links": [["h1", "s2-p1"], ["s10-p2", "s2-p3", "0", 0.5], ["s10-p1", "h10", 10]],
    }
    return write(tmp_path / "pod-topo" / "topology.json", topology)


def test_an_exercise_of_the_tutorials_is_read_as_run_exercise_would(exercise: Path) -> None:
    net = load(exercise)
    assert [(one.device_id, one.grpc, one.cpu_port) for one in net.switches.values()] == [
        (0, "127.0.0.1:50051", 255),  # s2 comes before s10
        (1, "127.0.0.1:50052", 510),
    ]
    program = net.switches["s2"].program
    assert program is not None and program.device_config == exercise.parents[1] / "build" / "panel.json"
    assert net.switches["s10"].program is None
    (h1,) = net.ends("h1")
    assert (h1.interface, h1.mac) == ("eth0", "08:00:00:00:01:11")
    assert net.hosts["h1"].commands == ("arp -i eth0 -s 10.0.1.10 0:0:0:0:0:1",)
    assert [(link.rate_bps, link.delay_s) for link in net.links] == [(None, 0), (500_000, 0), (None, 0.01)]


def test_what_make_has_not_built_is_made_of_the_source(exercise: Path) -> None:
    source = exercise.parents[1] / "panel.p4"
    source.write_text("// newer than build/panel.json\n")
    program = load(exercise).switches["s2"].program
    assert program is not None and (program.source, program.device_config) == (source, None)


LINKS = [["h1", "s1"], ["h2", "s1"], ["s1", "s2"], ["alice", "s2"], ["s2", "h300"]]
GIVEN = {
    "l2": {"h1": "10.0.0.1/16", "h2": "10.0.0.2/16", "alice": "10.0.0.3/16", "h300": "10.0.1.44/16"},
    "mixed": {"h1": "10.0.1.1/24", "h2": "10.0.1.2/24", "alice": "10.0.2.1/24", "h200": "10.0.2.200/24"},
    "l3": {"h1": "10.1.1.2/24", "h2": "10.1.2.2/24", "alice": "10.2.1.2/24", "h200": "10.2.200.2/24"},
    "manual": {"alice": "10.0.0.1/8", "h1": "10.0.0.2/8", "h2": "10.0.0.3/8", "h300": "10.0.0.4/8"},
}


def p4app(folder: Path, strategy: str, more: dict[str, Any] | None = None, **top: Any) -> Path:
    links = [
        [end.replace("h300", "h200") if strategy in ("mixed", "l3") else end for end in one] for one in LINKS
    ]
    hosts: dict[str, Any] = {end: {} for link in links for end in link if not end.startswith("s")}
    topology = {
        "assignment_strategy": strategy,
        "links": links,
        "hosts": hosts,
        "switches": {"s2": {}, "s1": {}},
        **(more or {}),
    }
    return write(folder / "p4app.json", {"topology": topology, **top})


@pytest.mark.parametrize("strategy", GIVEN)
def test_hosts_have_the_addresses_that_p4_utils_gives(tmp_path: Path, strategy: str) -> None:
    net = load(p4app(tmp_path, strategy))
    found = {name: str(net.ends(name)[0].addresses[0]) for name in net.hosts}
    assert found == GIVEN[strategy]
    assert {one.name: one.device_id for one in net.switches.values()} == {"s1": 1, "s2": 2}


def test_gateways_are_ports_of_switches_with_addresses_for_arp(tmp_path: Path) -> None:
    net = load(p4app(tmp_path, "mixed"))
    h1 = net.hosts["h1"]
    assert [str(gateway) for gateway in h1.gateways] == ["10.0.1.254"]
    assert h1.neighbours == {"10.0.1.2": "00:00:0a:00:01:02", "10.0.1.254": "00:01:0a:00:01:01"}
    assert net.ends("h1")[0].mac == "00:00:0a:00:01:01"


def test_ports_are_numbered_in_the_order_of_names(tmp_path: Path) -> None:
    links = [["s1", "h2"], ["h10", "s1", {"port2": 1}], ["h2", "s2"], ["h1", "s1"]]
    more = {"links": links, "hosts": {"h1": {}, "h2": {}, "h10": {}}, "switches": {"s1": {}, "s2": {}}}
    net = load(p4app(tmp_path, "manual", more))
    # h1-s1, h2-s2, h10-s1, s1-h2
    assert [
        (end.port, net.links[i].other(end).node) for i in (3, 1, 0) for end in net.links[i].ends[-1:]
    ] == [
        (2, "h1"),
        (1, "h10"),
        (1, "s1"),
    ]
    assert [end.interface for end in net.ends("h2")] == ["h2-eth0", "h2-eth1"]


def test_tasks_scripts_and_limits_come_along(tmp_path: Path) -> None:
    (tmp_path / "tasks.txt").write_text(
        '# later\nh1 1.5 10 "ping 10.0.0.2"\nh2 0 0 recv_udp_flow --dport 5\n'
    )
    more = {
        "default": {"bw": 5, "loss": 1},
        "links": [*LINKS[:-1], ["s2", "h300", {"delay": "20ms", "bw": 1}]],
    }
    scripts = [{"cmd": "python3 controller.py", "reboot_run": True}]
    file = p4app(
        tmp_path, "l2", more, tasks_file="tasks.txt", exec_scripts=scripts, pcap_dump=True, client_module={}
    )
    net = load(file)
    assert [(one.command, one.start_s, one.end_s) for one in net.hosts["h1"].tasks] == [
        ("ping 10.0.0.2", 1.5, 11.5)
    ]
    assert net.hosts["h2"].tasks[0].end_s is None
    assert net.scripts == ("python3 controller.py",)
    assert net.pcap_folder == tmp_path / "pcap"
    assert [(link.rate_bps, link.delay_s, link.loss) for link in net.links[-2:]] == [
        (5_000_000, 0, 0.01),
        (1_000_000, 0.02, 0.01),
    ]
    assert net.notes == ("client_module: is not used",)


HOST = '"hosts": {"h1": {"ip": "10.0.0.1/24"}}, "switches": {"s1": {}}'
NAMES = '"hosts": {"h1": {}}, "switches": {"s1": {}}'
WRONG = {
    f'{{{HOST}, "links": [["h1", "s1-p\u00b2"]]}}': "SWITCH-pPORT such as s1-p1, is needed",
    f'{{{HOST}, "links": [["h1", "s1-p1", 0, 1e999]]}}': "a bandwidth in Mbit/s is needed",
    '{"topology": {"links": [], "hosts": [], "switches": 5}}': "topology.switches: 5: a mapping of names",
    '{"topology": {"links": [["h1", "s1", {"bw": NaN}]]}}': "NaN is no number",
    f'{{"topology": {{"links": [["h1", "s1", {{"bw": 1e300}}]], {NAMES}}}}}': "a bandwidth in Mbit/s is",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_a_slip_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "topology.json").write_text(text)
    with pytest.raises(TopologyError) as caught:
        load(tmp_path / "topology.json")
    assert WRONG[text] in str(caught.value)


def test_routers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"topology\.routers: routers \(FRR\) are not made"):
        load(p4app(tmp_path, "l2", {"routers": {"r1": {}}}))
