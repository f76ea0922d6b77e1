"""Our own topology files: what is left out, and what is said about slips."""

from __future__ import annotations

from ipaddress import ip_interface
from pathlib import Path

import pytest

from p4fabric.net import NetworkModel, TopologyError, load
from p4fabric.net.model import Replica

PANEL = Path(__file__).resolve().parents[2] / "examples" / "first-program" / "patch_panel.json"

WHOLE = f"""
defaults:
  switch: {{program: {PANEL}}}
  link: {{rate: 512kbit, delay: 5ms}}
hosts:
  h1: {{address: 10.0.1.1/24, addresses: [fd00::1/64], gateway: [10.0.1.254, fd00::fe]}}
  h2:
switches:
  s1:
    multicast_groups: {{7: [1, {{port: 2, instance: 3}}]}}
    clone_sessions: {{5: {{ports: [510], truncate: 128}}}}
    tasks: [{{run: tcpdump, start: 1, end: 2.5}}]
  s2: {{program: null, device_id: 1, grpc: "127.0.0.1:50051"}}
links:
  - h1 s1:4
  - [s1, s2]
  - {{between: "s2 h2", rate: 1.5Gbit, loss: 2%, queue: 7}}
"""


def read(folder: Path, text: str) -> NetworkModel:
    file = folder / "topology.yaml"
    file.write_text(text)
    return load(file)


def test_what_is_left_out_is_as_in_mininet(tmp_path: Path) -> None:
    net = read(tmp_path, WHOLE)
    assert [[(end.interface, end.port) for end in link.ends] for link in net.links] == [
        [("h1-eth0", 0), ("s1-eth4", 4)],
        [("s1-eth1", 1), ("s2-eth1", 1)],
        [("s2-eth2", 2), ("h2-eth0", 0)],
    ]
    assert net.ends("h1")[0].addresses == (ip_interface("10.0.1.1/24"), ip_interface("fd00::1/64"))
    assert {switch.name: switch.device_id for switch in net.switches.values()} == {"s1": 2, "s2": 1}


def test_defaults_hold_where_nothing_else_is_said(tmp_path: Path) -> None:
    net = read(tmp_path, WHOLE)
    limits = [(link.rate_bps, link.delay_s, link.loss, link.queue_depth) for link in net.links]
    assert limits == [(512_000, 0.005, 0, 64)] * 2 + [(1_500_000_000, 0.005, 0.02, 7)]
    s1, s2 = net.switches.values()
    assert s1.program is not None and s1.program.p4info == PANEL.with_name("patch_panel.p4info.txtpb")
    assert s2.program is None and s2.grpc == "127.0.0.1:50051"
    assert s1.multicast_groups == {7: (Replica(1), Replica(2, 3))}
    assert s1.clone_sessions == {5: ((Replica(510),), 128)}
    assert [(task.command, task.start_s, task.end_s) for task in s1.tasks] == [("tcpdump", 1, 2.5)]


SLIPS = {
    "hosts: {h1: {adress: 10.0.0.1/24}}": "hosts.h1.adress: is no key of this place; did you mean address?",
    "hosts: {h1: {address: 10.0.0.1}}": 'hosts.h1.address: "10.0.0.1": an address with a prefix length',
    "hosts: {h1: {address: 10.0.0.1/24, gateway: 10.0.1.1}}": "is in none of the host's networks",
    "hosts: {h1: {mac: 8:0:0:0:1:1}}": "hosts.h1.mac: \"8:0:0:0:1:1\": a MAC address is needed",
    "hosts: {h1: {}, h1: {}}": "line 1, column 17: the key h1 is given twice",
    "hosts: {h1: {tasks: [{run: x, start: 3, end: 2}]}}": "a task ends after it has started, at 3 s",
    "hosts: {s1: {}}\nlinks: [s1 s1]": "switches.s1: there is a host of that name",
    "links: [{between: s1 s2, rate: 10}]": "links[0].rate: 10: the rate has no unit of bit/s; 10Mbit",
    "links: [s1:1 s2:1, s1:1 s2:2]": "links[1]: port 1 of s1 has a link already",
    "links: [s1 s3]": "s3 is neither a host nor a switch",
    "links: [s1:510 s2]": "port 510 of s1 is its CPU port",
    "links: [a-switch-called-so s1]": "an interface's name has at most 15 characters",
    "defaults: {switch: {program: router.json}}": "defaults.switch.program: \"router.json\": no such file",
    "links: [{between: s1 s2, rate: " + "9" * 400 + "Mbit}]": "a rate is from 1kbit to 34Gbit",
    "links: [{between: s1 s2, delay: 4000000ms}]": 'links[0].delay: "4000000ms": a time is at most 3600s',
    "links: [s1:\u00b2 s2]": "NAME or NAME:PORT is needed",
    "hosts: {h1: {tasks: [{run: x, start: 1" + "0" * 99 + "}]}}": "a number of seconds is needed, from 0 to",
    f"defaults: {{switch: {{program: {'x' * 300}}}}}": "no such file",
    "hosts: {h1: {interface: a/b}}\nlinks: [h1 s1]": "links[0]: 'a/b' cannot be an interface's name",
    "hosts: {h1: {mac: '01:00:00:00:00:01'}}\nlinks: [h1 s1]": "links[0]: 01:00:00:00:00:01 is a group's",
    "defaults: {switch: {entries: [{table: x}]}}": "switches.s1.entries: need a program",
}  # fmt: skip


@pytest.mark.parametrize("text", SLIPS)
def test_a_slip_is_named_with_its_place_and_what_would_be_right(tmp_path: Path, text: str) -> None:
    with pytest.raises(TopologyError) as caught:
        read(tmp_path, f"{text}\nswitches: {{s1: , s2: {{}}, a-switch-called-so: }}\n")
    assert SLIPS[text] in str(caught.value)


def test_where_a_switch_serves_is_checked(tmp_path: Path) -> None:
    named = read(tmp_path, "switches: {s1: {grpc: 'unix:run/s1.sock'}}").switches["s1"].grpc
    assert named == f"unix:{tmp_path}/run/s1.sock"
    for address, said in {
        "0.0.0.0:9559": "other machines can reach it",
        "9559": "is needed, such as",
    }.items():
        with pytest.raises(TopologyError, match=rf"switches\.s1\.grpc: .*{said}"):
            read(tmp_path, f"switches: {{s1: {{grpc: '{address}'}}}}")


def test_a_value_that_aliases_make_endless_is_shown_shortened(tmp_path: Path) -> None:
    grown = "".join(f"  x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(TopologyError, match=r"hosts\.x11: \[{12}.*…: a mapping with address, .* is needed"):
        read(tmp_path, f"hosts:\n  x0: &x0 [y]\n{grown}switches: {{s1: }}\n")


def test_all_slips_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(TopologyError) as caught:
        read(tmp_path, "hosts: {h1: {mac: x}, h2: {arp: 5}}\nswitches: {s1: {cores: 99}}\nlinks: [h1]")
    places = [problem.place for problem in caught.value.problems]
    assert places == ["hosts.h1.mac", "hosts.h2.arp", "switches.s1.cores", "links[0]"]
