"""The state machine of congestion episodes, by whatever reports and silences hypothesis thinks of."""

from __future__ import annotations

from ipaddress import IPv4Address

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.congestion import CongestionMonitor, Episode, Turn
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.incidents import PacketEvidence
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

QUEUES = [Queue(PortRef(SwitchName("leaf1"), Port(port)), 0) for port in (1, 2)]
CLEAR_AFTER = {QUEUES[0]: 1.0, QUEUES[1]: 5.0}
MOST_FLOWS = 3


def report(queue: Queue, depth: int = 40, delay_us: int = 9000, source_port: int = 1) -> PacketEvidence:
    here, there = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
    flow = FlowId(100, Flow(IpProtocol(6), here, there, L4Port(source_port), L4Port(80)))
    return PacketEvidence(queue, 0, flow, wait_ns=1000 * delay_us, depth=depth)


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
        self.reports: dict[Queue, list[tuple[float, PacketEvidence]]] = {}
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
        self.monitor.report(message, self.now)

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
            assert episode.peak_delay_us == max(message.wait_ns for _, message in reports) // 1000
            last = reports[-1][1]
            assert (episode.depth, episode.delay_us) == (last.depth, last.wait_ns // 1000)
            assert sum(episode.flows.values()) + episode.reports_of_other_flows == len(reports)
            assert len(episode.flows) == min(MOST_FLOWS, len({message.flow for _, message in reports}))

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
            monitor.report(report(queue), turn / 10 + number / 1e6)
    assert len(monitor.active) == 4000
    assert len(looked_at) < 0.2 * rounds * len(queues)
    assert monitor.expire(100.0) is None and not monitor.active
