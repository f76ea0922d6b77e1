from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from p4fabric.controller.config import ConfigError, FabricConfig
from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.model import ReportPath, Role
from p4fabric.pipelines.values import L4Port, MacAddress, Port

LEAF: dict[str, Any] = {"name": "leaf1", "deviceId": 1, "address": "127.0.0.1:9559", "role": "leaf"}
TLS = {"certificate": "a.pem", "privateKey": "b.pem"}
SPINE: dict[str, Any] = {
    "name": "spine1",
    "deviceId": 2,
    "address": "127.0.0.1:9560",
    "role": "spine",
    "ports": [1, 2],
}

REPORTS = {"port": 48, "nextHop": "02:00:00:00:00:09", "source": "192.0.2.21"}
SAME_SOCKET = (("unix:/run/x.sock", "leaf1", 1), ("unix:///run/x.sock", "leaf2", 2))


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("unix:/run/p4fabric/leaf1.sock", "unix:/run/p4fabric/leaf1.sock"),
        ("unix:///run/p4fabric/leaf1.sock", "unix:/run/p4fabric/leaf1.sock"),
        ("unix:leaf1.sock", "unix:/etc/p4fabric/leaf1.sock"),
    ],
)
def test_a_switch_may_be_at_a_unix_socket(address: str, taken: str) -> None:
    document = {"switches": [{**LEAF, "address": address}]}
    config = FabricConfig.read(document, Path("/etc/p4fabric/fabric.yaml"))
    assert config.switches[0].endpoint().address == taken


def test_a_file_names_switches_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "fabric.yaml"
    file.write_text(
        """
        switches:
          - {name: leaf1, deviceId: 1, address: "127.0.0.1:9559", role: leaf, ports: [1, 2],
             tls: {authority: tls/ca.pem, serverName: leaf1.example}}
          - {name: spine1, deviceId: 11, address: "[::1]:9560", role: spine, target: bmv2}
        links: [[spine1:3, leaf1:2]]
        api: {listen: "[::1]:0", tokenFile: /run/token}
        store: {path: state/fabric.db}
        """
    )
    config = FabricConfig.load(file)
    leaf, spine = config.switches
    assert leaf.switch().role is Role.LEAF and leaf.target == "softswitch" and leaf.ports == (1, 2)
    assert spine.endpoint().name == SwitchName("spine1") and spine.make_target().name == "bmv2"
    tls = leaf.endpoint().tls
    assert tls is not None and tls.authority == tmp_path / "tls/ca.pem"
    assert [str(link) for link in config.links] == ["leaf1:2 - spine1:3"]
    assert config.store.path == tmp_path / "state/fabric.db"
    assert config.api.token_file == Path("/run/token")
    assert config.api.listen.host == "::1" and config.api.listen.is_loopback


def test_reports_of_programs_go_to_a_collector_from_switches_that_say_by_which_way(tmp_path: Path) -> None:
    document = {
        "switches": [{**LEAF, "reports": REPORTS}, SPINE],
        "telemetry": {"reports": {"collector": "192.0.2.9:40000"}},
    }
    config = FabricConfig.read(document, tmp_path / "fabric.yaml")
    leaf, spine = (switch.switch(config.report_collector) for switch in config.switches)
    assert leaf.report_path == ReportPath(
        Port(48),
        MacAddress(0x020000000009),
        IPv4Address("192.0.2.21"),
        IPv4Address("192.0.2.9"),
        L4Port(40000),
    )
    assert spine.report_path is None


def test_everything_but_the_switches_has_a_default_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "fabric.yaml").write_text("")
    config = FabricConfig.load(tmp_path / "fabric.yaml")
    assert config.api.listen == "127.0.0.1:8080"
    assert config.api.token_file == tmp_path / "p4fabric.token"
    assert config.store.path == tmp_path / "p4fabric.db"


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        ([], "file", "must be a mapping"),
        (
            {"switchs": []},
            "switchs",
            "known here: switches, links, tenants, api, store, hosts, tables, telemetry",
        ),
        ({"switches": {"a": 1}}, "switches", "must be a list"),
        ({"switches": [3]}, "switches[0]", "must be a mapping"),
        ({"switches": [{**LEAF, "deviceid": 2}]}, "switches[0].deviceid", "known here: name, deviceId"),
        ({"tables": {"share": 1}}, "tables.share", "known here: tenantShare"),
        ({"hosts": {"aging": 1}}, "hosts.aging", "known here: ageing, perPort"),
        ({"store": {"file": "x"}}, "store.file", "known here: path"),
        ({"log": {"lvl": "x"}}, "log.lvl", "known here: level, format"),
        ({"telemetry": {"x": 1}}, "telemetry.x", "known here: clearAfter, counterInterval"),
        (
            {"api": {"tls": {**TLS, "key": "x"}}},
            "api.tls.key",
            "known here: certificate, privateKey, clientAuthority",
        ),
        ({"switches": [{**LEAF, "tls": {"authority": "a", "ca": "b"}}]}, "switches[0].tls.ca", "known here"),
        ({"switches": [{**LEAF, "name": "a b"}]}, "switches[0].name", "letters, digits"),
        ({"switches": [{**LEAF, "deviceId": -1}]}, "switches[0].deviceId", "greater than or equal to 0"),
        ({"switches": [{**LEAF, "deviceId": 65535}]}, "switches[0].deviceId", "less than or equal to 65534"),
        ({"switches": [{**LEAF, "deviceId": "1"}]}, "switches[0].deviceId", "integer"),
        ({"switches": [{**LEAF, "address": "leaf1"}]}, "switches[0].address", "host:port"),
        ({"switches": [{**LEAF, "address": "::1:9"}]}, "switches[0].address", "host:port"),
        ({"switches": [{**LEAF, "address": "a:70000"}]}, "switches[0].address", "1 to 65535"),
        ({"switches": [{**LEAF, "address": "unix:"}]}, "switches[0].address", "must be a path"),
        ({"switches": [{**LEAF, "address": "unix://a.sock"}]}, "switches[0].address", "unix:PATH"),
        ({"switches": [{**LEAF, "address": "unix:/" + "x" * 107}]}, "switches[0].address", "107 bytes"),
        (
            {"switches": [{**LEAF, "address": a, "name": n, "deviceId": d} for a, n, d in SAME_SOCKET]},
            "switches[1].address",
            "switches[0]",
        ),
        ({"switches": [{**LEAF, "target": "p4"}]}, "switches[0].target", "softswitch, bmv2"),
        ({"switches": [{**LEAF, "role": "core"}]}, "switches[0].role", "leaf, spine"),
        ({"switches": [{**LEAF, "ports": [1, 510]}]}, "switches[0].ports[1]", "1 to 509"),
        ({"switches": [{**LEAF, "reports": REPORTS}]}, "switches[0].reports", "telemetry.reports.collector"),
        (
            {"switches": [{**LEAF, "reports": {**REPORTS, "port": 510}}]},
            "switches[0].reports.port",
            "1 to 509",
        ),
        (
            {"switches": [{**LEAF, "reports": {**REPORTS, "nextHop": "01:00:5e:00:00:01"}}]},
            "switches[0].reports.nextHop",
            "MAC address of one host",
        ),
        (
            {"switches": [{**LEAF, "reports": {**REPORTS, "source": "fd00::1"}}]},
            "switches[0].reports.source",
            "IPv4 address",
        ),
        (
            {"telemetry": {"reports": {"collector": "[::1]:1"}}},
            "telemetry.reports.collector",
            "an IPv4 address and a port",
        ),
        ({"switches": [LEAF, LEAF]}, "switches[1].name", "leaf1 is that of switches[0] already"),
        ({"switches": [LEAF, {**LEAF, "name": "x"}]}, "switches[1].deviceId", "switches[0]"),
        (
            {"switches": [{**LEAF, "tls": {"authority": "a", "certificate": "b"}}]},
            "switches[0].tls",
            "certificate and privateKey must be given together",
        ),
        ({"n4": {"listen": "0.0.0.0:8805"}}, "n4.listen", "must be an IPv4 address of this machine"),
        ({"n4": {"listen": "[::1]:8805"}}, "n4.listen", "must be an IPv4 address of this machine"),
        ({"n4": {}}, "n4.listen", "is required"),
        ({"links": [["leaf1:1"]]}, "links[0]", "two ports, such as [leaf1:31, spine1:2]"),
        ({"links": [["leaf1", "spine1:1"]]}, "links[0]", "switch:port twice"),
        ({"links": [["leaf1:0", "spine1:1"]]}, "links[0]", "1 to 509"),
        ({"switches": [LEAF], "links": [["leaf1:1", "x:1"]]}, "links[0]", "x, which is none of the switches"),
        ({"switches": [LEAF], "links": [["leaf1:1", "leaf1:2"]]}, "links[0]", "leaf1 to itself"),
        ({"switches": [LEAF, SPINE], "links": [["leaf1:1", "spine1:3"]]}, "links[0]", "ports of spine1"),
        (
            {"switches": [LEAF, SPINE], "links": [["leaf1:1", "spine1:1"], ["spine1:1", "leaf1:2"]]},
            "links[1]",
            "spine1:1, which links[0] uses already",
        ),
        ({"api": {"listen": "0.0.0.0:80"}}, "api", "accept that with insecure: true"),
        ({"api": {"listen": "fabric.example:80"}}, "api", "accept that with insecure: true"),
        ({"api": {"listen": 8080}}, "api.listen", "host:port"),
        ({"api": {"tls": {"certificate": "a"}}}, "api.tls.privateKey", "is required"),
        ({"api": None}, "api", "must be a mapping"),
        ({"store": {"path": 3}}, "store.path", "must be a path"),
        ({"hosts": {"ageing": -1}}, "hosts.ageing", "greater than or equal to 0"),
        ({"hosts": {"perPort": 0}}, "hosts.perPort", "greater than or equal to 1"),
        ({"telemetry": {"clearAfter": 0}}, "telemetry.clearAfter", "greater than 0"),
        ({"telemetry": {"dropThreshold": -1}}, "telemetry.dropThreshold", "greater than or equal to 0"),
        ({"telemetry": {"dropClearAfter": 0}}, "telemetry.dropClearAfter", "greater than 0"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_would_be_right(
    document: Any, field: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        FabricConfig.read(document, Path("/etc/p4fabric/fabric.yaml"))
    (error,) = refused.value.errors
    assert error.field == field and message in error.message


def test_device_0_is_a_switch_like_any_other() -> None:
    config = FabricConfig.read({"switches": [{**LEAF, "deviceId": 0}]}, Path("f.yaml"))
    (switch,) = (one.switch() for one in config.switches)
    assert switch.device_id == 0
    assert switch.group == 65535  # 0 would be no group of paths


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        FabricConfig.read({"switches": [{**LEAF, "role": "x", "deviceId": -1}], "z": 1}, Path("f.yaml"))
    assert {error.field for error in refused.value.errors} == {
        "switches[0].role",
        "switches[0].deviceId",
        "z",
    }


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "192.0.2.1:443"])
def test_others_may_connect_only_over_tls_or_if_the_operator_insists(listen: str) -> None:
    tls = {"certificate": "c.pem", "privateKey": "k.pem"}
    for allowed in ({"tls": tls}, {"insecure": True}):
        assert FabricConfig.read({"api": {"listen": listen, **allowed}}, Path("f")).api.listen == listen


def test_a_file_that_is_missing_or_no_yaml_is_an_error_of_the_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("switches: [")
    for path, message in ((tmp_path / "none.yaml", "cannot be read"), (broken, "is not YAML")):
        with pytest.raises(ConfigError, match=message):
            FabricConfig.load(path)
