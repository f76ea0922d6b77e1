"""Rates of ports: what counters grow by between two samples, and nothing where there are not two."""

from __future__ import annotations

import pytest

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.port_samples import PortSample, QueueSample
from p4fabric.controller.telemetry.port_counts import PortCounts
from p4fabric.pipelines.values import Port

LEAF, PORT = SwitchName("leaf1"), Port(3)


class Sampled:
    """Ports that are sampled at given times."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.counts = PortCounts([LEAF], lambda: self.now)

    def sample(self, after: float, **counters: int) -> dict[str, float] | None:
        """Let some seconds pass and the port say its counters; the rates that are known then."""
        self.now += after
        named = {name.replace("_", "-"): value for name, value in counters.items()}
        self.counts.ports_sampled(LEAF, [PortSample(PORT, "eth3", True, named, ())])
        rates = self.counts.of(LEAF)[PORT].rates
        return None if rates is None else dict(rates)


@pytest.fixture
def port() -> Sampled:
    return Sampled()


def test_a_rate_is_the_growth_between_the_last_two_samples(port: Sampled) -> None:
    assert port.sample(0, in_octets=5000) is None
    assert port.sample(5, in_octets=6000, in_pkts=10) == {"in-octets": 200.0}
    assert port.sample(2, in_octets=6000, in_pkts=30) == {"in-octets": 0.0, "in-pkts": 10.0}


def test_what_comes_in_several_messages_is_one_sample(port: Sampled) -> None:
    port.sample(0, in_octets=0, out_octets=0)
    port.sample(4, in_octets=400, out_octets=0)
    assert port.sample(0.001, in_octets=400, out_octets=800) == {"in-octets": 100.0, "out-octets": 200.0}
    assert port.sample(4, in_octets=400, out_octets=800) == {"in-octets": 0.0, "out-octets": 0.0}


def test_a_switch_that_starts_anew_counts_on(port: Sampled) -> None:
    port.sample(0, in_octets=9000)
    assert port.sample(1, in_octets=50) == {"in-octets": 50.0}


def test_nothing_is_known_of_the_time_in_which_nothing_was_sampled(port: Sampled) -> None:
    port.sample(0, in_octets=0)
    port.sample(1, in_octets=100)
    port.counts.ports_unread(LEAF, "not connected")
    assert port.counts.of(LEAF)[PORT].rates is None
    assert port.sample(60, in_octets=100_000) is None
    assert port.sample(1, in_octets=100_010) == {"in-octets": 10.0}


def test_the_rate_that_a_queue_may_send_at_holds_for_the_moment(port: Sampled) -> None:
    queue = QueueSample("egress", {"rate-bps": 10_000_000, "transmit-pkts": 7})
    port.counts.ports_sampled(LEAF, [PortSample(PORT, "eth3", True, {}, (queue,))])
    found = port.counts.of(LEAF)[PORT].queues["egress"]
    assert (found.now, found.totals) == ({"rate-bps": 10_000_000}, {"transmit-pkts": 7})
    port.counts.ports_unread(LEAF, "not connected")
    assert found.now == {}


def test_what_leaves_at_most_is_told_when_it_is_another_and_holds_while_nobody_says() -> None:
    told: list[tuple[PortRef, int | None]] = []
    counts = PortCounts([LEAF], rate_changed=lambda port, rate_bps: told.append((port, rate_bps)))

    def sample(*rates: int) -> None:
        queues = tuple(QueueSample(f"egress-{n}", {"rate-bps": rate}) for n, rate in enumerate(rates))
        counts.ports_sampled(LEAF, [PortSample(PORT, "eth3", True, {}, queues)])

    for rates in ((), (0,), (10**7, 0), (10**7, 0), (2 * 10**7, 10**7)):
        sample(*rates)
    counts.ports_unread(LEAF, "not connected")
    sample(2 * 10**7)
    sample(0)
    where = PortRef(LEAF, PORT)
    assert told == [(where, 10**7), (where, 2 * 10**7), (where, None)]
