"""Finds out which servers of Services answer, for those Services that ask for it (`healthCheck`).

A server is checked at an interval; it is down after some failed checks in a row, and up again after some
passed ones. A check that cannot prove anything counts neither way: its switch is away, reports may have
been lost, or the frame could not be sent. A control channel may also be silent without being closed, so the
silence of a server counts only if its switch answers a question of ours then. All checks together keep to a
rate; where more are asked for, they come less often. This module knows nothing of frames, or what becomes of
a server that is down.
"""

from __future__ import annotations

import heapq
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from p4fabric.controller.hosts.claims import HostClaim
from p4fabric.controller.hosts.doubts import Doubts
from p4fabric.controller.hosts.inquiries import Question
from p4fabric.controller.hosts.pacing import Appointment, PacedSchedule, Rates
from p4fabric.controller.hosts.tcp_check import TcpAnswer, TcpCheck
from p4fabric.controller.intents.kinds.service import HealthCheck, Service, ServiceSpec
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import IPv4Address, L4Port

__all__ = ["Health", "HealthChange", "HealthChecker", "HealthSettings", "Server", "ServerCheck"]

_FIRST_PORT, _PORTS = 49152, 16384
"""Dynamic ports (RFC 6335, section 6), which checks come from one after the other."""
_PAUSE = 0.5
"""Seconds by which a verdict may be late; if it is later, this process stood still and answers may wait."""


class Health(StrEnum):
    """Whether a server answers."""

    UNKNOWN = "unknown"
    """It was not checked yet, or cannot be: it keeps its share."""
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """One member of a Service's pool."""

    service: IntentKey
    address: IPv4Address
    port: L4Port


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A server is in another state."""

    server: Server
    before: Health
    after: Health
    reason: str


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """To be sent to a server now: an ARP question, or a SYN to its host."""

    server: Server
    question: Question
    """Whom and where; the whole of an ARP check."""
    tcp: TcpCheck | None = None


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """How much is checked."""

    rates: Rates = field(default_factory=lambda: Rates(per_port=50.0, altogether=500.0))
    """Checks a second."""
    answer: float = 1.0
    """Seconds that a server has to answer; never more than half its interval."""


@dataclass(slots=True, eq=False)
class _Checked:
    server: Server
    spec: ServiceSpec
    health: Health = Health.UNKNOWN
    failed: int = 0
    passed: int = 0
    next_at: float = 0.0
    sent: ServerCheck | None = None
    """The check that waits for its answer."""
    sent_at: float = 0.0
    failed_at: float = 0.0
    """When a check failed last."""

    @property
    def interval(self) -> float:
        return self.spec.health_check_interval_milliseconds / 1000


_Unanswered = tuple[_Checked, ServerCheck]


class HealthChecker:
    """Tell it of services, connections and answers; `tick` it when `due`, and send what that returns."""

    def __init__(
        self,
        on_change: Callable[[HealthChange], None],
        host_of: Callable[[TenantName, IPv4Address], Host | None],
        source_of: Callable[[Host, IPv4Address], IPv4Address | None],
        heard_all: Callable[[SwitchName, float], bool],
        clock: Callable[[], float],
        *,
        on_due: Callable[[], None] = lambda: None,
        settings: HealthSettings | None = None,
    ) -> None:
        """Make it, with no services.

        Args:
            on_change: told of each server that is in another state.
            host_of: the host with an address of a tenant.
            source_of: the fabric's own address that a server at a host is asked from by TCP.
            heard_all: whether all that a switch has reported since a moment was looked at.
            clock: seconds.
            on_due: called when `due` may be earlier than it was.
            settings: how much is checked.
        """
        self._on_change = on_change
        self._host_of, self._source_of = host_of, source_of
        self._heard_all = heard_all
        self._clock = clock
        self._on_due = on_due
        self._settings = settings or HealthSettings()
        self._services: dict[IntentKey, dict[Server, _Checked]] = {}
        self._connected: dict[SwitchName, float] = {}
        self._schedule = PacedSchedule[_Checked](self._appointment, self._settings.rates)
        self._deadlines: list[tuple[float, int, _Checked, ServerCheck]] = []
        self._doubts = Doubts[_Unanswered]()
        """Checks that were not answered in time."""
        self._by_question: dict[Question, set[_Checked]] = {}
        self._by_tcp: dict[TcpCheck, _Checked] = {}
        self._numbers = 0

    def health(self, server: Server) -> Health:
        """How a server is."""
        checked = self._services.get(server.service, {}).get(server)
        return checked.health if checked is not None else Health.UNKNOWN

    def service_changed(self, service: Service) -> None:
        """A service is new or another one. Servers that it keeps keep their state."""
        before = self._services.get(service.key, {})
        after: dict[Server, _Checked] = {}
        if service.spec.health_check is not HealthCheck.NONE:
            for member in service.spec.pool:
                server = Server(service.key, member.address, member.port)
                known = before.get(server)
                if known is not None and known.spec.health_check is service.spec.health_check:
                    known.spec = service.spec
                    after[server] = known
                else:
                    after[server] = self._begin(server, service.spec)
        for server, known in before.items():
            if after.get(server) is not known:
                self._end(known)
        self._services.pop(service.key, None)
        if after:
            self._services[service.key] = after
            self._on_due()

    def service_removed(self, key: IntentKey) -> None:
        """A service is gone; nothing happens if it is not known."""
        for known in self._services.pop(key, {}).values():
            self._end(known)

    def switch_connected(self, switch: SwitchName) -> None:
        """A switch reports what its hosts answer: checks count anew."""
        self._connected[switch] = self._clock()

    def switch_disconnected(self, switch: SwitchName) -> None:
        """A switch reports nothing: its servers stay as they are."""
        self._connected.pop(switch, None)

    def to_ask(self) -> list[SwitchName]:
        """Switches that are to be asked now, for they have passed on no answer of a server in time.

        Call `switch_answered` or `switch_silent` for each of them.
        """
        return self._doubts.to_ask()

    def switch_answered(self, switch: SwitchName) -> None:
        """A switch that was asked has answered: those of its servers that have not are silent."""
        for checked, check in self._doubts.take(switch):
            if checked.sent is check:
                self._forget_check(checked)
                if self._silence_counts(switch, checked):
                    self._fail(checked, switch, "did not answer")

    def switch_silent(self, switch: SwitchName) -> None:
        """A switch that was asked has not answered: the silence of its servers proves nothing."""
        for checked, check in self._doubts.take(switch):
            if checked.sent is check:
                self._forget_check(checked)

    @property
    def due(self) -> float | None:
        """When to `tick` next, in seconds of the clock; None: not before a service wants checks."""
        times = [self._schedule.due] if self._schedule.due is not None else []
        if self._deadlines:
            times.append(self._deadlines[0][0])
        return min(times, default=None)

    def tick(self) -> list[ServerCheck]:
        """Look for checks that were not answered; returns those to send now. Call `to_ask` then."""
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, _, checked, check = heapq.heappop(self._deadlines)
            if checked.sent is check:
                switch = check.question.place.switch
                if now - deadline <= _PAUSE and self._silence_counts(switch, checked):
                    self._doubts.add(switch, (checked, check))
                else:
                    self._forget_check(checked)
        checks = [self._send(checked, now) for checked in self._schedule.pop(now)]
        return [check for check in checks if check is not None]

    def heard(self, claim: HostClaim) -> None:
        """A host spoke; it answers the ARP checks of its address that it was sent at this port."""
        if claim.address is None:
            return
        asked = Question(claim.key, claim.port, claim.address)
        for checked in list(self._by_question.get(asked, ())):
            if checked.sent is not None and checked.sent.tcp is None:
                self._pass(checked)

    def answered(self, port: PortRef, answer: TcpAnswer) -> ServerCheck | None:
        """A server answered by TCP; returns the check whose connection is to be reset, if there is one."""
        checked = self._by_tcp.get(answer.check)
        if checked is None or checked.sent is None or checked.sent.question.place != port:
            return None
        check = checked.sent
        if not answer.accepts:
            self._forget_check(checked)
            self._fail(checked, port.switch, f"port {checked.server.port} refuses connections")
            return None
        self._pass(checked)
        return check

    def not_sent(self, check: ServerCheck) -> None:
        """A check could not be sent: it proves nothing."""
        checked = self._services.get(check.server.service, {}).get(check.server)
        if checked is not None and checked.sent is check:
            self._forget_check(checked)

    def _begin(self, server: Server, spec: ServiceSpec) -> _Checked:
        checked = _Checked(server, spec)
        # Services that are new at the same time are not checked at the same time for ever.
        part = zlib.crc32(f"{server.service} {server.address} {server.port}".encode()) / (1 << 32)
        checked.next_at = self._clock() + part * checked.interval
        self._schedule.add(checked, checked.next_at)
        return checked

    def _end(self, checked: _Checked) -> None:
        self._forget_check(checked)
        if checked.health is Health.DOWN:
            self._become(checked, Health.UNKNOWN, "it is not checked any more")

    def _appointment(self, checked: _Checked, now: float) -> Appointment | None:
        server = checked.server
        if self._services.get(server.service, {}).get(server) is not checked:
            return None
        if checked.next_at > now:
            return Appointment(checked.next_at)
        host = self._host_of(server.service.tenant, server.address)
        if host is None or host.attachment.switch not in self._connected:
            if host is None and checked.health is Health.UP:
                self._become(checked, Health.UNKNOWN, "its host is not known")
            checked.failed = checked.passed = 0
            checked.next_at = now + checked.interval
            return Appointment(checked.next_at)
        return Appointment(now, host.attachment)

    def _send(self, checked: _Checked, now: float) -> ServerCheck | None:
        server = checked.server
        checked.next_at = now + checked.interval
        self._schedule.add(checked, checked.next_at)
        host = self._host_of(server.service.tenant, server.address)
        if host is None or checked.sent is not None:
            return None
        question = Question(host.key, host.attachment, server.address)
        tcp = None
        if checked.spec.health_check is HealthCheck.TCP:
            tcp = self._tcp_check(server, host)
            if tcp is None:
                return None
            self._by_tcp[tcp] = checked
        check = checked.sent = ServerCheck(server, question, tcp)
        checked.sent_at = now
        self._by_question.setdefault(question, set()).add(checked)
        self._numbers += 1
        deadline = now + min(self._settings.answer, checked.interval / 2)
        heapq.heappush(self._deadlines, (deadline, self._numbers, checked, check))
        return check

    def _tcp_check(self, server: Server, host: Host) -> TcpCheck | None:
        source = self._source_of(host, server.address)
        if source is None:
            return None
        self._numbers += 1
        port = L4Port(_FIRST_PORT + self._numbers % _PORTS)
        # Not to be guessed: whoever shares the server's port could answer in its place.
        return TcpCheck(source, port, server.address, server.port, secrets.randbits(32))

    def _silence_counts(self, switch: SwitchName, checked: _Checked) -> bool:
        connected = self._connected.get(switch)
        since = checked.sent_at
        return connected is not None and connected <= since and self._heard_all(switch, since)

    def _forget_check(self, checked: _Checked) -> None:
        check, checked.sent = checked.sent, None
        if check is None:
            return
        there = self._by_question.get(check.question)
        if there is not None:
            there.discard(checked)
            if not there:
                del self._by_question[check.question]
        if check.tcp is not None:
            self._by_tcp.pop(check.tcp, None)

    def _pass(self, checked: _Checked) -> None:
        self._forget_check(checked)
        checked.failed, checked.passed = 0, checked.passed + 1
        needed = 1 if checked.health is Health.UNKNOWN else checked.spec.healthy_threshold
        if checked.health is not Health.UP and checked.passed >= needed:
            self._become(checked, Health.UP, f"passed {checked.passed} checks")

    def _fail(self, checked: _Checked, switch: SwitchName, why: str) -> None:
        if checked.failed_at < self._connected.get(switch, 0.0):
            checked.failed = 0  # what was before the switch went away is no row with what comes now
        checked.passed, checked.failed, checked.failed_at = 0, checked.failed + 1, self._clock()
        if checked.health is not Health.DOWN and checked.failed >= checked.spec.unhealthy_threshold:
            self._become(checked, Health.DOWN, f"failed {checked.failed} checks: {why}")

    def _become(self, checked: _Checked, health: Health, reason: str) -> None:
        before, checked.health = checked.health, health
        self._on_change(HealthChange(checked.server, before, health, reason))
