"""Who is primary (specification, section 5): a state machine over arbitration updates, for one device.

Knows clients as opaque objects, their roles and election ids. Must not send anything itself: it says
who is to be told, in the order in which they are to be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from finsy.proto import p4r

from p4fabric.softswitch.server.errors import Code, Refusal, denied, invalid, not_found

MOST_CLIENTS = 64
"""Of all roles together: each holds a stream and its queue."""
MOST_ROLES = 64


@dataclass(eq=False, slots=True)
class Client:
    """One live stream; `role` is None until its first arbitration update was accepted."""

    role: str | None = None
    election_id: int | None = None


@dataclass(slots=True)
class Role:
    """What is known of a role: it is never forgotten, as the highest election id must not be."""

    clients: list[Client] = field(default_factory=list)
    highest: int | None = None
    primary: Client | None = None

    def chosen(self) -> Client | None:
        """Who becomes primary as soon as the writes of its predecessor have ended; None: nobody waits."""
        if self.primary is not None or self.highest is None:
            return None
        return next((one for one in self.clients if one.election_id == self.highest), None)


@dataclass(frozen=True, slots=True)
class Change:
    """What an update did: `first` are told at once; `then` becomes primary, and is told, when the writes of
    the former primary have ended."""

    first: tuple[Client, ...]
    then: Client | None = None


class Arbitration:
    """The roles of one device."""

    def __init__(self, device_id: int) -> None:
        self.device_id = device_id
        self._roles: dict[str, Role] = {"": Role()}

    def update(self, client: Client, message: p4r.MasterArbitrationUpdate) -> Change:
        """Take in an arbitration update. A `Refusal` ends the client's stream."""
        name = message.role.name
        self._check(client, message)
        election_id = number(message.election_id) if message.HasField("election_id") else None
        known = self._roles.get(name)
        others = [one for one in known.clients if one is not client] if known else []
        if election_id is not None and any(one.election_id == election_id for one in others):
            raise invalid(f"election id {election_id} is in use by another client of role {name!r}")
        if client.role is None:
            self._admit(name)
        role = self._roles.setdefault(name, Role())
        if client.role is None:
            client.role = name
            role.clients.append(client)
        client.election_id = election_id
        if election_id is not None and (role.highest is None or election_id >= role.highest):
            role.primary, role.highest = None, election_id
            return Change(tuple(others), client)
        if role.primary is client:
            role.primary = None
            return Change(tuple(role.clients))
        return Change((client,))

    def promote(self, client: Client) -> bool:
        """Make the client of `Change.then` primary, unless it has gone or was outbid meanwhile."""
        role = self._roles.get(client.role or "")
        if role is None or role.chosen() is not client:
            return False
        role.primary = client
        return True

    def remove(self, client: Client) -> tuple[Client, ...]:
        """A stream has ended; returns who is to be told.

        Nobody takes the place of a primary, or of a client that was about to become one: the role has none
        until a client bids at least the highest election id (sections 5.3 and 5.4).
        """
        role = self._roles[client.role] if client.role is not None else None
        if role is None or client not in role.clients:
            return ()
        leaves_none = client in (role.primary, role.chosen())
        role.clients.remove(client)
        if not leaves_none:
            return ()
        role.primary = None
        return tuple(role.clients)

    def notification(self, client: Client) -> p4r.StreamMessageResponse:
        """What a client is told now."""
        role = self._roles[client.role or ""]
        response = p4r.StreamMessageResponse()
        update = response.arbitration
        update.device_id = self.device_id
        if client.role:
            update.role.name = client.role
        if role.highest is not None:
            update.election_id.high, update.election_id.low = role.highest >> 64, role.highest & (1 << 64) - 1
        if role.primary is client:
            update.status.code = Code.OK
            update.status.message = "you are primary"
        elif role.primary is not None or role.chosen() is not None:
            update.status.code = Code.ALREADY_EXISTS
            update.status.message = "another client is primary"
        else:
            update.status.code = Code.NOT_FOUND
            update.status.message = "there is no primary"
        return response

    def check_primary(self, device_id: int, role: str, election_id: p4r.Uint128 | None) -> None:
        """`Refusal` unless the three values are those of a primary (section 12)."""
        self.check_device(device_id)
        known = self._roles.get(role)
        if known is None:
            raise not_found(f"role {role!r} is not known; no client has arbitrated for it")
        if election_id is None:
            raise denied("an election id is needed: only a primary may do that")
        if known.primary is None or known.primary.election_id != number(election_id):
            raise denied(f"election id {number(election_id)} is not the primary's")

    def check_device(self, device_id: int) -> None:
        """`Refusal` unless it is ours."""
        if device_id != self.device_id:
            raise not_found(f"there is no device {device_id}; this one is {self.device_id}")

    def is_primary(self, client: Client) -> bool:
        """Whether a client is its role's primary now."""
        return client.role is not None and self._roles[client.role].primary is client

    def primaries(self) -> Iterator[Client]:
        """All roles' primaries."""
        return (role.primary for role in self._roles.values() if role.primary is not None)

    def _check(self, client: Client, message: p4r.MasterArbitrationUpdate) -> None:
        if client.role is None:
            self.check_device(message.device_id)
        elif message.device_id != self.device_id:
            raise Refusal(
                Code.FAILED_PRECONDITION,
                f"this stream is for device {self.device_id}, not {message.device_id}",
            )
        if client.role is not None and message.role.name != client.role:
            raise Refusal(
                Code.FAILED_PRECONDITION,
                f"this stream is for role {client.role!r}, not {message.role.name!r}: open another",
            )
        if message.role.HasField("config"):
            raise invalid("role.config: no scheme of role configurations is agreed upon; leave it unset")
        if message.role.id:
            raise invalid("role.id is not used since P4Runtime 1.3: name the role")

    def _admit(self, role: str) -> None:
        if sum(len(one.clients) for one in self._roles.values()) >= MOST_CLIENTS:
            raise Refusal(Code.RESOURCE_EXHAUSTED, f"there are {MOST_CLIENTS} clients already")
        if role not in self._roles and len(self._roles) >= MOST_ROLES:
            raise Refusal(Code.RESOURCE_EXHAUSTED, f"there are {MOST_ROLES} roles already")


def number(value: p4r.Uint128) -> int:
    """An election id as a number."""
    return value.high << 64 | value.low
