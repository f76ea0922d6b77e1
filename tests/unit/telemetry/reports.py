"""Reports of all kinds, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from p4fabric.controller.telemetry.reports import (
    Bin,
    BinsReport,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    Left,
    ReportGroup,
    Role,
    Window,
)


def bits(width: int) -> st.SearchStrategy[int]:
    """Numbers of a field."""
    return st.integers(0, (1 << width) - 1)


def _maybe(strategy: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    return st.none() | strategy


packets = st.binary(max_size=32).map(lambda data: data + bytes(-len(data) % 4))
inners = st.just(Inner(0, b"")) | st.builds(Inner, st.sampled_from([3, 4, 5, 9]), packets)
flow_words = st.builds(
    FlowWords, st.sampled_from(Role), bits(16), bits(32), bits(32), st.booleans(), st.booleans()
)
windows = st.builds(Window, bits(32), bits(8))
lefts = st.builds(Left, bits(32), bits(32), bits(32), bits(32))


@st.composite
def _packet_reports(draw: st.DrawFn) -> FlowReport:
    """Of packets, dropped or not; what shares a word is there together."""
    width = draw(st.sampled_from([16, 32]))
    ports = draw(st.none() | st.tuples(bits(width), bits(width)))
    queue = draw(st.none() | st.tuples(bits(8), bits(24)))
    drop = draw(st.none() | st.tuples(bits(8), bits(8)))
    said = {
        "ingress_port": None if ports is None else ports[0],
        "egress_port": None if ports is None else ports[1],
        "latency_us": draw(_maybe(bits(32))),
        "queue": None if queue is None else queue[0],
        "depth": None if queue is None else queue[1],
        "ingress_ns": draw(_maybe(bits(64))),
        "egress_ns": draw(_maybe(bits(64))),
        "suppressed": draw(_maybe(bits(32))),
    }
    more: dict[str, object] = {
        "congested": draw(st.booleans()),
        "tracked": draw(st.booleans()),
        "intermediate": draw(st.booleans()),
    }
    words = {"flow": draw(st.none() | flow_words), "window": draw(st.none() | windows), "inner": draw(inners)}
    more["left"] = draw(st.none() | lefts)
    if draw(st.booleans()):
        return FlowReport(**said, **more, **words)  # type: ignore[arg-type]
    names = {"drop_queue": None if drop is None else drop[0], "reason": None if drop is None else drop[1]}
    return DropReport(**said, **more, **words, **names)  # type: ignore[arg-type]


bins = st.builds(
    Bin, bits(64), bits(32), bits(32), bits(32), bits(32), bits(32), bits(24), st.booleans(), st.booleans()
)
bins_reports = st.builds(
    BinsReport,
    bits(16),
    bits(8),
    st.lists(bins, max_size=31).map(tuple),
    _maybe(bits(64)),
    st.booleans(),
    st.booleans(),
)
reports = _packet_reports() | bins_reports
groups = st.builds(
    ReportGroup, bits(32), bits(6), bits(22), st.lists(reports, min_size=1, max_size=4).map(tuple)
)
