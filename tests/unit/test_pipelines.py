"""The committed artifacts are what p4src/ compiles to, and the bindings say what the P4Info says."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.pipelines import compile as compiler
from p4fabric.pipelines import fabric
from p4fabric.pipelines.entities import EntityKey, Lpm, TableEntry, Ternary, Weighted
from p4fabric.pipelines.fabric import bindings
from p4fabric.pipelines.values import EcmpGroupId, IpProtocol, L4Port, MacAddress, Port, VlanId, VrfId


def test_artifacts_come_from_the_sources_in_the_tree() -> None:
    assert fabric.sources_digest() == compiler.sources_digest(), (
        "p4src/ changed: run `make p4` with p4c on PATH"
    )


def test_bindings_are_what_the_generator_makes_of_the_p4info() -> None:
    assert Path(bindings.__file__).read_text() == compiler.fabric_bindings()


def test_compiling_without_p4c_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="neither p4c-bm2-ss nor p4c is on PATH"):
        compiler.main()


def ternary(bits: int, make: type[int] | type[IPv4Address]) -> st.SearchStrategy[Ternary[object] | None]:
    def masked(value: int, mask: int) -> Ternary[object] | None:
        return Ternary(make(value & mask), mask) if mask else None

    limit = st.integers(0, (1 << bits) - 1)
    return st.builds(masked, limit, limit)


@given(
    vrf=st.integers(0, 0xFFFF).map(VrfId),
    src=ternary(32, IPv4Address),
    dst=ternary(32, IPv4Address),
    protocol=ternary(8, IpProtocol),
    ports=st.tuples(ternary(16, L4Port), ternary(16, L4Port)),
    seen=st.tuples(ternary(8, int), ternary(1, bool)),
    priority=st.integers(1, 2**31 - 1),
)
def test_a_ternary_entry_survives_the_wire(vrf, src, dst, protocol, ports, seen, priority) -> None:  # type: ignore[no-untyped-def]
    (sport, dport), (flags, fragment), deny = ports, seen, bindings.DenyIpv4()
    entry = bindings.FirewallIpv4(vrf, src, dst, protocol, sport, dport, flags, fragment, priority, deny)
    assert bindings.FirewallIpv4.decode(entry.encode().table_entry) == entry


ENTRIES: list[TableEntry] = [
    bindings.PortVlan(Port(510), True, None, 1, bindings.PermitFabric()),
    bindings.RoutingIpv4(
        VrfId(7),
        Lpm(IPv4Address("10.0.0.0"), 8),
        bindings.RouteTo(VlanId(100), MacAddress.parse("02:00:00:00:00:01"), MacAddress(0)),
    ),
    bindings.RoutingIpv4(VrfId(0), Lpm(IPv4Address(0), 0), bindings.Unreachable()),
    bindings.EcmpGroups(
        EcmpGroupId(3), (Weighted(bindings.ToPort(Port(11)), 2), Weighted(bindings.ToPort(Port(12)), 1, 12))
    ),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_survives_the_wire(entry: TableEntry) -> None:
    decoded = type(entry).decode(entry.encode().table_entry)
    assert decoded == entry
    key: EntityKey = decoded.key
    assert key == entry.key


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Port(512), "Port is 0 to 511, not 512"),
        (lambda: VlanId(-1), "VlanId is 0 to 4095, not -1"),
        (lambda: MacAddress.parse("2:0:0:0:0:1"), "six hexadecimal bytes"),
    ],
)
def test_a_value_out_of_range_cannot_be_built(make, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()
