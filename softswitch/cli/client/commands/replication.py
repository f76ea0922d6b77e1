"""`p4fabric switch multicast` and `clones`: multicast groups and clone sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from finsy.p4entity import encode_port
from finsy.proto import p4r

from p4fabric.softswitch.cli.client.commands.nouns import listing, noun
from p4fabric.softswitch.cli.client.options import writes
from p4fabric.softswitch.cli.client.show import print_json, print_table
from p4fabric.softswitch.client.entities import plain_clone_session, plain_multicast_group, show_replicas
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.replication import clone_session, multicast_group
from p4fabric.softswitch.client.session import DELETE, INSERT, MODIFY, Switch
from p4fabric.softswitch.client.target import Target

multicast = noun("multicast", "Multicast groups: to which ports packets are copied.")
clones = noun("clones", "Clone sessions: where clones of packets go.")

GroupId = Annotated[int, typer.Argument(min=1, help="The group's number, `mcast_grp`.", metavar="ID")]
SessionId = Annotated[int, typer.Argument(min=1, help="The session's number.", metavar="ID")]
Ports = Annotated[
    list[str],
    typer.Argument(
        metavar="PORT[:INSTANCE]…", help="Where copies go; an instance is the copy's `egress_rid`."
    ),
]
ClassOfService = Annotated[int, typer.Option("--class-of-service", min=0, help="The clones' priority.")]
Truncate = Annotated[
    int,
    typer.Option("--truncate", metavar="BYTES", min=0, help="Cut clones to so many; 0 leaves them whole."),
]


def _multicast(target: Target, as_json: bool) -> None:
    request = p4r.Entity()
    request.packet_replication_engine_entry.multicast_group_entry.SetInParent()
    found = [one.multicast_group_entry for one in _read(target, request)]
    if as_json:
        print_json([plain_multicast_group(one) for one in found])
        return
    print_table(("#ID", "PORTS"), [(one.multicast_group_id, show_replicas(one.replicas)) for one in found])


def _clones(target: Target, as_json: bool) -> None:
    request = p4r.Entity()
    request.packet_replication_engine_entry.clone_session_entry.SetInParent()
    found = [one.clone_session_entry for one in _read(target, request)]
    if as_json:
        print_json([plain_clone_session(one) for one in found])
        return
    rows = [
        (one.session_id, show_replicas(one.replicas), one.class_of_service, one.packet_length_bytes or "")
        for one in found
    ]
    print_table(("#ID", "PORTS", "#CLASS OF SERVICE", "#TRUNCATE"), rows)


listing(multicast, "read", "Show multicast groups.", _multicast)
listing(clones, "read", "Show clone sessions.", _clones)


@multicast.command("insert")
@writes
def insert_multicast(target: Target, number: GroupId, ports: Ports) -> None:
    """Insert a multicast group."""
    _write_multicast(target, INSERT, number, ports)


@multicast.command("modify")
@writes
def modify_multicast(target: Target, number: GroupId, ports: Ports) -> None:
    """Give a multicast group other ports."""
    _write_multicast(target, MODIFY, number, ports)


@multicast.command("delete")
@writes
def delete_multicast(target: Target, number: GroupId) -> None:
    """Delete a multicast group."""
    _write_multicast(target, DELETE, number, [])


@clones.command("insert")
@writes
def insert_clones(
    target: Target,
    number: SessionId,
    ports: Ports,
    class_of_service: ClassOfService = 0,
    truncate: Truncate = 0,
) -> None:
    """Insert a clone session."""
    _write_clones(target, INSERT, number, ports, class_of_service, truncate)


@clones.command("modify")
@writes
def modify_clones(
    target: Target,
    number: SessionId,
    ports: Ports,
    class_of_service: ClassOfService = 0,
    truncate: Truncate = 0,
) -> None:
    """Change a clone session."""
    _write_clones(target, MODIFY, number, ports, class_of_service, truncate)


@clones.command("delete")
@writes
def delete_clones(target: Target, number: SessionId) -> None:
    """Delete a clone session."""
    _write_clones(target, DELETE, number, [], 0, 0)


def _read(target: Target, request: p4r.Entity) -> Iterable[Any]:
    with Switch(target) as switch:
        switch.program(brief=True)
        return [one.packet_replication_engine_entry for one in switch.read(request)]


def _write_multicast(target: Target, kind: int, number: int, ports: Sequence[str]) -> None:
    with Switch(target) as switch:
        entity = multicast_group(number, _replicas(switch, ports))
        switch.write([(kind, entity)], [f"multicast group {number}"])


def _write_clones(
    target: Target, kind: int, number: int, ports: Sequence[str], class_of_service: int, truncate: int
) -> None:
    with Switch(target) as switch:
        replicas = _replicas(switch, ports)
        entity = clone_session(number, replicas, class_of_service=class_of_service, truncate=truncate)
        switch.write([(kind, entity)], [f"clone session {number}"])


def _replicas(switch: Switch, ports: Sequence[str]) -> list[p4r.Replica]:
    """Ports as numbers, for switches of before P4Runtime 1.5, which has them as bytes, too."""
    as_bytes = bool(ports) and _version(switch) >= (1, 5)
    found = []
    for word in ports:
        port, colon, instance = word.partition(":")
        if not (port.isascii() and port.isdigit()) or (colon and not instance.isdigit()):
            raise BadInput(f"{word!r}: PORT[:INSTANCE] is needed, such as 3 or 3:1")
        one = p4r.Replica(instance=int(instance or 0))
        if as_bytes:
            one.port = encode_port(int(port))
        else:
            one.egress_port = int(port)
        found.append(one)
    return found


def _version(switch: Switch) -> tuple[int, ...]:
    numbers = switch.version().split(".")[:2]
    return tuple(int(one) for one in numbers) if all(one.isdigit() for one in numbers) else (0,)
