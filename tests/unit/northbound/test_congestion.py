"""The state machine of congestion episodes, by whatever reports and silences hypothesis thinks of."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.congestion import CongestionMonitor, Episode, Turn, flow_of
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.fabric.bindings import CongestionReport
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

QUEUES = [Queue(PortRef(SwitchName("leaf1"), Port(port)), 0) for port in (1, 2)]
CLEAR_AFTER = {QUEUES[0]: 1.0, QUEUES[1]: 5.0}
MOST_FLOWS = 3


def report(queue: Queue, depth: int = 40, delay: int = 9000, source_port: int = 1) -> CongestionReport:
    return CongestionReport(
        queue.port.port, queue.queue, depth, delay, 0, IpProtocol(6),
        IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2"), IPv6Address(0), IPv6Address(0),
        L4Port(source_port), L4Port(80),
    )  # fmt: skip


class Congestion(RuleBasedStateMachine):
    """A model as plain as it gets: the reports of each episode, kept whole."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.turns: list[tuple[Turn, Episode]] = []
        self.monitor = CongestionMonitor(
            lambda turn, episode: self.turns.append((turn, episode)),
            clear_after=CLEAR_AFTER.__getitem__,
            tell_every=1.0,
            most_flows=MOST_FLOWS,
            history=5,
        )
        self.reports: dict[Queue, list[tuple[float, CongestionReport]]] = {}
        self.ended: list[Queue] = []

    @rule(seconds=st.floats(0, 7))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self._expire_model()
        deadline = self.monitor.expire(self.now)
        assert (deadline is None) == (not self.reports)
        assert deadline is None or deadline > self.now

    @rule(
        queue=st.sampled_from(QUEUES),
        depth=st.integers(0, 100),
        delay=st.integers(0, 100_000),
        port=st.integers(0, 9),
    )
    def report(self, queue: Queue, depth: int, delay: int, port: int) -> None:
        self._expire_model()
        message = report(queue, depth, delay, port)
        self.reports.setdefault(queue, []).append((self.now, message))
        self.monitor.report(queue, message, self.now)

    def _expire_model(self) -> None:
        for queue, reports in list(self.reports.items()):
            if self.now >= reports[-1][0] + CLEAR_AFTER[queue]:
                del self.reports[queue]
                self.ended.append(queue)

    @invariant()
    def episodes_say_what_was_reported(self) -> None:
        active = {episode.queue: episode for episode in self.monitor.active}
        assert active.keys() == self.reports.keys()
        for queue, reports in self.reports.items():
            episode = active[queue]
            assert episode.reports == len(reports)
            assert (episode.started_at, episode.last_report_at) == (reports[0][0], reports[-1][0])
            assert episode.peak_depth == max(message.depth for _, message in reports)
            assert episode.peak_delay_us == max(message.delay for _, message in reports)
            assert (episode.depth, episode.delay_us) == (reports[-1][1].depth, reports[-1][1].delay)
            assert sum(episode.flows.values()) + episode.reports_of_other_flows == len(reports)
            assert len(episode.flows) == min(MOST_FLOWS, len({flow_of(message) for _, message in reports}))

    @invariant()
    def each_onset_has_one_end_and_updates_keep_their_distance(self) -> None:
        onsets = [episode.number for turn, episode in self.turns if turn is Turn.ONSET]
        ends = [episode.number for turn, episode in self.turns if turn is Turn.CLEARED]
        assert onsets == list(range(1, len(onsets) + 1))
        assert sorted(ends) == sorted({*onsets} - {episode.number for episode in self.monitor.active})
        assert len(ends) == len(self.ended)
        told: dict[int, float] = {}
        for turn, episode in self.turns:
            if turn is Turn.UPDATE:
                assert episode.last_report_at - told[episode.number] >= 1.0
            if turn is not Turn.CLEARED:
                told[episode.number] = episode.last_report_at

    @invariant()
    def the_past_is_bounded(self) -> None:
        assert len(self.monitor.over) == min(5, len(self.ended))
        assert all(episode.ended_at is not None for episode in self.monitor.over)


TestCongestion = Congestion.TestCase


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=4, max_size=4))
def test_a_flow_is_of_the_family_that_was_reported(six: bytes, four: bytes) -> None:
    zero4, zero6 = IPv4Address(0), IPv6Address(0)
    message = CongestionReport(
        Port(1), 0, 1, 1, 0, IpProtocol(17), IPv4Address(four), zero4, IPv6Address(six), zero6,
        L4Port(1), L4Port(2),
    )  # fmt: skip
    flow = flow_of(message)
    if any(four):
        assert (flow.source, flow.destination) == (IPv4Address(four), zero4)
    elif any(six):
        assert (flow.source, flow.destination) == (IPv6Address(six), zero6)
        assert str(flow) == f"udp [{IPv6Address(six)}]:1 > [::]:2"
    else:
        assert (flow.source, flow.destination) == (None, None) and str(flow) == "not IP"


def test_a_report_looks_at_few_of_many_congested_queues() -> None:
    looked_at: list[Queue] = []

    def clear_after(queue: Queue) -> float:
        looked_at.append(queue)
        return 1.0

    monitor = CongestionMonitor(lambda turn, episode: None, clear_after=clear_after)
    queues = [
        Queue(PortRef(SwitchName(f"leaf{n}"), Port(port)), 0) for n in range(8) for port in range(1, 501)
    ]
    rounds = 50
    for turn in range(rounds):
        for number, queue in enumerate(queues):
            monitor.report(queue, report(queue), turn / 10 + number / 1e6)
    assert len(monitor.active) == 4000
    assert len(looked_at) < 0.2 * rounds * len(queues)
    assert monitor.expire(100.0) is None and not monitor.active
