"""Orders and news, written and read again; what is neither is refused."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.buffer.orders import (
    Batch,
    Close,
    Drop,
    Forward,
    Hold,
    News,
    NotUnderstood,
    TunnelKey,
    read_batch,
    read_news,
)

TUNNELS = st.builds(TunnelKey, st.ip_addresses(v=4), st.integers(0, 0xFFFFFFFF))
SECONDS = st.floats(0, 3600)
ORDERS = st.one_of(
    st.builds(Hold, TUNNELS, st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 20), SECONDS),
    st.builds(
        Forward,
        TUNNELS,
        st.ip_addresses(v=4),
        st.integers(0, 0xFFFFFFFF),
        st.integers(0, 63),
        SECONDS,
        SECONDS,
    ),
    st.builds(Drop, TUNNELS),
    st.builds(Close, TUNNELS, SECONDS),
)
BATCHES = st.builds(
    Batch, st.integers(0, 1 << 40), st.lists(ORDERS, max_size=4).map(tuple), st.booleans(), st.booleans()
)
NEWS = st.builds(
    News,
    st.lists(st.integers(0, 1 << 40), max_size=3).map(tuple),
    st.lists(TUNNELS, max_size=3).map(tuple),
    st.lists(TUNNELS, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=5), st.integers(0, 1 << 40), max_size=3),
)


@given(BATCHES, NEWS)
def test_what_is_written_is_read_again(batch: Batch, news: News) -> None:
    assert read_batch(batch.encode()) == batch
    assert read_news(news.encode()) == news


HOLD = ["hold", ["10.0.3.2", 1], 7, 10, 60.0]


@pytest.mark.parametrize(
    "order",
    [
        ["open", *HOLD[1:]], HOLD[:-1], [*HOLD, 1], ["hold", ["10.0.3.2", 1 << 32], 7, 10, 60.0],
        ["hold", [167772930, 1], 7, 10, 60.0], ["hold", ["10.0.3", 1], 7, 10, 60.0],
        ["hold", ["10.0.3.2", True], 7, 10, 60.0], ["hold", ["10.0.3.2", 1], -7, 10, 60.0],
        ["hold", ["10.0.3.2", 1], 7, 1 << 30, 60.0], ["hold", ["10.0.3.2", 1], 7, 10, float("nan")],
        ["forward", ["10.0.3.2", 1], "10.0.3.10", 1, 64, 0, 0], ["close", ["10.0.3.2", 1], float("inf")],
        {}, None, "hold",
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused(order: object) -> None:
    assert read_batch(json.dumps({"batch": 1, "orders": [HOLD]}).encode()).orders == (
        Hold(TunnelKey(IPv4Address("10.0.3.2"), 1), 7, 10, 60.0),
    )
    with pytest.raises(NotUnderstood):
        read_batch(json.dumps({"batch": 1, "orders": [order]}).encode())


@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda one: json.dumps(one).encode())
)
def test_octets_that_mean_nothing_are_refused_in_words(octets: bytes) -> None:
    for read in (read_batch, read_news):
        with pytest.raises(NotUnderstood):
            read(octets)
