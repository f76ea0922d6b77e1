"""Series that ports, groups of ports and congestion reports come to, at times that the test decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.port_samples import PortSample, QueueSample
from p4fabric.controller.telemetry.balance import Balance, balance_of
from p4fabric.controller.telemetry.congestion import CongestionMonitor, Episode, Turn
from p4fabric.controller.telemetry.congestion_series import CongestionSeries
from p4fabric.controller.telemetry.flow import NOT_IP, FlowId
from p4fabric.controller.telemetry.incidents import PacketEvidence
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.queue_maxima import SLOT, QueueMaxima
from p4fabric.controller.telemetry.recent_rate import RecentRate
from p4fabric.pipelines.values import Port

LEAF = SwitchName("leaf1")
QUEUE = Queue(PortRef(LEAF, Port(1)), 0)
REPORT = PacketEvidence(QUEUE, 0, FlowId(0, NOT_IP), wait_ns=900_000, depth=40)


class Ports:
    """Some ports of a leaf with a clock that the test holds."""

    def __init__(self, *, rate_bps: int = 0) -> None:
        self.now = 0.0
        self.counts = PortCounts([LEAF], lambda: self.now)
        self._queues = (QueueSample("egress", {"rate-bps": rate_bps}),)

    def sent(self, **octets: int) -> None:
        """What ports have sent since they started: `port3=1000`."""
        self.counts.ports_sampled(
            LEAF,
            [
                PortSample(Port(int(name[4:])), name, True, {"out-octets": total}, self._queues)
                for name, total in octets.items()
            ],
        )

    def balance(self, *ports: int) -> Balance | None:
        return balance_of(LEAF, [Port(port) for port in ports], self.counts.of(LEAF))


def test_the_imbalance_is_the_busiest_ports_bytes_over_the_mean() -> None:
    ports = Ports(rate_bps=8000)
    ports.sent(port3=0, port4=0, port5=0)
    ports.now = 10.0
    ports.sent(port3=3000, port4=3000, port5=0)
    assert ports.balance(4, 3) == Balance(LEAF, (Port(3), Port(4)), 1.0, 0.3)
    assert ports.balance(3, 5) == Balance(LEAF, (Port(3), Port(5)), 2.0, 0.15)
    found = ports.balance(3, 4, 5)
    assert found is not None and found.group == "3+4+5" and (found.imbalance, found.load) == (1.5, 0.2)


def test_there_is_no_balance_where_there_is_nothing_to_compare() -> None:
    ports = Ports()
    ports.sent(port3=0, port4=0, port5=7)
    assert ports.balance(3, 4) is None, "one sample is no rate"
    ports.now = 10.0
    ports.sent(port3=3000, port4=0, port5=7)
    assert ports.balance(3) is None, "one port is no choice"
    assert ports.balance(3, 9) is None, "port 9 is not read"
    assert ports.balance(4, 5) is None, "neither has sent anything"
    found = ports.balance(3, 4)
    assert found is not None and found.load is None, "nobody knows how fast the ports are"
    ports.counts.ports_gone(LEAF, [Port(4)])
    assert ports.balance(3, 4) is None, "port 4 is gone"


def test_a_switch_that_restarts_does_not_change_a_rate() -> None:
    ports = Ports()
    for second, octets in enumerate((1000, 2000, 500, 1500)):
        ports.now = 10.0 * second
        ports.sent(port3=octets)
    # It began anew after 20 s, and had sent 500 bytes by then.
    assert ports.counts.of(LEAF)[Port(3)].sent.rate == (2000 - 1000 + 500 + 1000) / 30


@given(steps=st.lists(st.tuples(st.floats(0.1, 40.0), st.integers(0, 10**9)), min_size=1, max_size=60))
def test_a_rate_is_that_of_the_last_minute_or_a_little_more(steps: list[tuple[float, int]]) -> None:
    rate, now, total = RecentRate(), 0.0, 0
    history = [(now, total)]
    rate.take(total, now)
    for seconds, growth in steps:
        now, total = now + seconds, total + growth
        history.append((now, total))
        rate.take(total, now)
        found = rate.rate
        assert found is not None
        # The window begins at one of the samples: the last one a minute ago, or one up to 5 s before it.
        due = max((moment for moment, _ in history if moment <= now - 60.0), default=0.0)
        possible = [(total - was) / (now - moment) for moment, was in history if due - 5 <= moment <= due]
        assert any(abs(found - one) < 1e-6 * max(1.0, one) for one in possible)


def test_the_time_in_congestion_grows_with_each_report_and_leaves_silence_out() -> None:
    series = CongestionSeries()

    def turned(turn: Turn, episode: Episode) -> None:
        if turn is Turn.ONSET:
            series.began(episode.queue, episode.started_at)

    monitor = CongestionMonitor(turned, clear_after=lambda queue: 1.0)
    grown = []
    for now in (10.0, 10.5, 11.25, 20.0, 20.5, 30.0):
        monitor.report(REPORT, now)
        series.reported(QUEUE, now)
        grown.append((series.episodes(QUEUE), series.seconds(QUEUE)))
    assert grown == [(1, 0.0), (1, 0.5), (1, 1.25), (2, 1.25), (2, 1.75), (3, 1.75)]
    monitor.expire(40.0)
    over = reversed(monitor.over)
    assert [episode.duration for episode in over] == [1.25, 0.5, 0.0]
    assert series.seconds(QUEUE) == 1.75


@given(
    reports=st.lists(st.tuples(st.floats(0.0, 20.0), st.integers(1, 1000)), max_size=30),
    period=st.floats(0.5, SLOT),
)
def test_a_reader_of_any_interval_up_to_a_slot_sees_the_highest_of_all_reports(
    reports: list[tuple[float, int]], period: float
) -> None:
    maxima, now, next_scrape, seen = QueueMaxima(), 1000.0, 1000.0, 0
    for seconds, depth in reports:
        now += seconds
        while next_scrape < now:
            highest = maxima.highest(QUEUE, next_scrape)
            seen = max(seen, highest[0] if highest else 0)
            next_scrape += period
        maxima.reported(QUEUE, depth, 10.0 * depth, now)
    if reports:
        highest = maxima.highest(QUEUE, next_scrape)
        assert highest is not None and highest[1] == 10.0 * highest[0]
        assert max(seen, highest[0]) == max(depth for _, depth in reports)
    # What was is not taken for what is.
    assert maxima.highest(QUEUE, now + 2 * SLOT) is None
