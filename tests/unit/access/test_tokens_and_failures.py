"""Tokens in a store that is damaged, and the memory that failed logins take."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4fabric.controller.access.failures import ADDRESSES, LoginFailures
from p4fabric.controller.access.tokens import TokenBook, TokenExists, UnknownToken
from p4fabric.controller.principals import Role
from p4fabric.controller.store import SqliteStore, StoreError
from p4fabric.controller.store.records import TOKENS
from p4fabric.controller.store.revisions import Transaction


async def test_tokens_that_cannot_be_read_admit_nobody_and_can_be_made_anew(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "db", new=True)
    book = await TokenBook.load(store)
    _, good = await book.create("good", Role.READER, None, None, "operator")
    _, bad = await book.create("bad", Role.READER, None, None, "operator")
    record = await store.get(TOKENS + "bad")
    assert record is not None
    widened = record.value.replace(b'"reader"', b'"tenant"')  # a tenant of nobody
    await store.commit(Transaction({TOKENS + "bad": widened, TOKENS + "worse": b"{"}))
    again = await TokenBook.load(store)
    assert [one.name for one in again] == ["good"]
    assert again.find(good) is not None and again.find(bad) is None
    with pytest.raises(TokenExists):  # what is not understood is not written over
        await again.create("bad", Role.READER, None, None, "operator")
    await again.revoke("bad")
    await again.create("bad", Role.READER, None, None, "operator")
    await store.close()


async def test_a_token_is_refused_though_the_store_cannot_forget_it(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "db", new=True)
    book = await TokenBook.load(store)
    _, token = await book.create("t", Role.OPERATOR, None, None, "operator")
    await store.close()
    with pytest.raises(StoreError):
        await book.revoke("t")
    assert book.find(token) is None and [one.name for one in book] == ["t"]
    with pytest.raises(UnknownToken):
        await book.revoke("u")


async def test_only_the_whole_token_is_right_and_only_until_it_expires(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "db", new=True)
    now = 1000.0
    book = TokenBook(store, lambda: now)
    _, token = await book.create("t", Role.OPERATOR, None, 1010.0, "operator")
    _, other = await book.create("u", Role.OPERATOR, None, None, "operator")
    mixed = "_".join([*token.split("_")[:2], other.split("_", 2)[2]])
    for wrong in (token[:-1], token + "x", token.upper(), token.split("_", 2)[2], mixed, f" {token}", ""):
        assert book.find(wrong) is None, wrong
    assert book.find(token) is not None
    now = 1010.0
    assert book.find(token) is None and book.find(other) is not None
    await store.close()


def test_failures_are_counted_by_site_and_forgiven_with_time() -> None:
    failures = LoginFailures(3)
    for number in range(3):
        assert failures.wait("2001:db8:1:2::1", 0.0) == 0
        failures.count(f"2001:db8:1:2::{number}", 0.0)
    assert failures.wait("2001:db8:1:2:ffff::9", 0.0) == 1
    assert failures.wait("2001:db8:1:3::1", 0.0) == failures.wait("192.0.2.1", 0.0) == 0
    assert failures.wait("2001:db8:1:2::1", 0.5) == 0.5 and failures.wait("2001:db8:1:2::1", 1.0) == 0
    for _ in range(3):
        failures.count("::ffff:192.0.2.1", 0.0)
    assert failures.wait("192.0.2.1", 0.0) == 1


def test_failures_take_bounded_memory() -> None:
    failures = LoginFailures(3)
    for number in range(2 * ADDRESSES):
        failures.count(f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert len(failures) == ADDRESSES
