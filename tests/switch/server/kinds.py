"""Entities of kinds.p4, as tests need them by the hundred, and frames for them."""

from __future__ import annotations

from functools import cache

from finsy.proto import p4r

from tests.switch.server.client import entity, kinds_config


@cache
def _template() -> bytes:
    one = entity("table_entry { table_id: $mixed priority: 1 <SRC> <SEND> }", kinds_config())
    match = one.table_entry.match.add(field_id=1)
    match.ternary.value = match.ternary.mask = b"\1"
    return one.SerializeToString()


def rule(mac: int, port: int, *, priority: int = 1, source: int = 1) -> p4r.Entity:
    """An entry of `mixed`: frames from `source` to `mac` leave by `port`."""
    one = p4r.Entity.FromString(_template())
    entry = one.table_entry
    entry.priority = priority
    for match in entry.match:
        if match.field_id == 4:
            match.exact.value = _bytes(source)
        else:
            match.ternary.value, match.ternary.mask = _bytes(mac), b"\xff" * 6
    entry.action.action.params[0].value = _bytes(port)
    return one


def indirect(port: int, out: int) -> list[p4r.Entity]:
    """What sends all that arrives on a port out of another, by a member of the action profile."""
    return [
        entity(
            f"action_profile_member {{ action_profile_id: $next_hops member_id: {port} action {{"
            f' action_id: $send params {{ param_id: 1 value: "\\{out:o}" }} }} }}',
            kinds_config(),
        ),
        entity(
            f'table_entry {{ table_id: $indirect match {{ field_id: 1 exact {{ value: "\\{port:o}" }} }}'
            f" action {{ action_profile_member_id: {port} }} }}",
            kinds_config(),
        ),
    ]


def everywhere(port: int) -> p4r.Entity:
    """The prefix of half of all addresses: its frames leave by `port`."""
    return prefix(1 << 47, 1, port)


def prefix(value: int, length: int, port: int) -> p4r.Entity:
    """An entry of `prefixes`: frames to these addresses leave by `port`."""
    one = entity("table_entry { table_id: $prefixes <SEND> }", kinds_config())
    match = one.table_entry.match.add(field_id=1)
    match.lpm.value, match.lpm.prefix_len = _bytes(value), length
    one.table_entry.action.action.params[0].value = _bytes(port)
    return one


def frame(mac: int, *, source: int = 1, payload: bytes = b"") -> bytes:
    return mac.to_bytes(6, "big") + source.to_bytes(6, "big") + b"\x08\xff" + payload.ljust(46, b"\0")


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
