"""Digest lists (specification, section 9.8): messages of the data plane, without duplicates, in lists.

Knows buffers, time-outs and what was sent but not acknowledged. Runs on the event loop; must not know
streams: whole lists go to a callback, which says whether anybody took them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import DigestMessage
from p4fabric.softswitch.server.errors import invalid
from p4fabric.softswitch.server.objects import DigestSchema
from p4fabric.softswitch.server.timers import Timer, Timers

MOST_MESSAGES = 1000
"""Of one list, whatever the client asks for."""
MOST_REMEMBERED = 65536
"""Unacknowledged messages of one digest; beyond that the oldest lists are forgotten."""

Values = tuple[int, ...]
Configs = Mapping[int, p4r.DigestEntry.Config]


@dataclass(slots=True)
class _Digest:
    """One digest's messages: `waiting` for their list to be sent, `sent` by list and when that was."""

    schema: DigestSchema
    waiting: dict[Values, None] = field(default_factory=dict)
    timer: Timer | None = None
    sent: dict[int, tuple[float, list[Values]]] = field(default_factory=dict)
    remembered: dict[Values, int] = field(default_factory=dict)

    def forget(self, list_id: int) -> None:
        """A list is acknowledged, or too old."""
        _, values = self.sent.pop(list_id, (0.0, ()))
        for one in values:
            if self.remembered.get(one) == list_id:
                del self.remembered[one]

    def stop(self) -> None:
        """Send nothing any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.waiting.clear()


class Digests:
    """All digests of the running pipeline."""

    def __init__(self, deliver: Callable[[p4r.DigestList], bool], timers: Timers) -> None:
        """`deliver` takes a list to the primaries, and says whether there was one."""
        self._deliver = deliver
        self._timers = timers
        self._digests: dict[int, _Digest] = {}
        self._by_name: dict[str, _Digest] = {}
        self._configs: Configs = {}
        self._last_list = 0

    def use(self, schemas: Mapping[int, DigestSchema], configs: Configs) -> None:
        """Another pipeline runs. `configs` is looked into at every message."""
        self.stop()
        self._digests = {number: _Digest(one) for number, one in schemas.items()}
        self._by_name = {one.schema.name: one for one in self._digests.values()}
        self._configs = configs

    def stop(self) -> None:
        """Send nothing any more."""
        for one in self._digests.values():
            one.stop()

    def forget_sent(self) -> None:
        """Another client is primary: it has seen nothing yet."""
        for one in self._digests.values():
            one.sent.clear()
            one.remembered.clear()

    def receive(self, message: DigestMessage) -> None:
        """A message of the data plane."""
        digest = self._by_name.get(message.name)
        config = self._configs.get(digest.schema.id) if digest is not None else None
        if digest is None or config is None:
            return
        self._forget_old(digest, config)
        values = message.values
        if values in digest.waiting or values in digest.remembered:
            return
        digest.waiting[values] = None
        most = min(config.max_list_size or MOST_MESSAGES, MOST_MESSAGES)
        if not config.max_timeout_ns or len(digest.waiting) >= most:
            self._send(digest)
        elif digest.timer is None:
            digest.timer = self._timers.call_later(config.max_timeout_ns / 1e9, self._send, digest)

    def acknowledge(self, ack: p4r.DigestListAck) -> None:
        """A client has taken a list. `Refusal` for a digest that does not exist."""
        digest = self._digests.get(ack.digest_id)
        if digest is None:
            raise invalid(f"digest_id {ack.digest_id}: P4Info has none such")
        digest.forget(ack.list_id)

    def _send(self, digest: _Digest) -> None:
        if digest.timer is not None:
            digest.timer.cancel()
            digest.timer = None
        config = self._configs.get(digest.schema.id)
        waiting = list(digest.waiting)
        digest.waiting.clear()
        if config is None or not waiting:
            return
        self._last_list += 1
        message = p4r.DigestList(
            digest_id=digest.schema.id, list_id=self._last_list, timestamp=self._timers.timestamp_ns()
        )
        message.data.extend(digest.schema.type.message(values) for values in waiting)
        if not self._deliver(message) or not config.ack_timeout_ns:
            return
        digest.sent[self._last_list] = (self._timers.seconds(), waiting)
        digest.remembered.update(dict.fromkeys(waiting, self._last_list))
        while len(digest.remembered) > MOST_REMEMBERED:
            digest.forget(next(iter(digest.sent)))

    def _forget_old(self, digest: _Digest, config: p4r.DigestEntry.Config) -> None:
        oldest = self._timers.seconds() - config.ack_timeout_ns / 1e9
        while digest.sent:
            list_id, (when, _) = next(iter(digest.sent.items()))
            if when > oldest:
                return
            digest.forget(list_id)
