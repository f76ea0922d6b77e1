"""What is derived step by step is what would be derived at once, and costs what a change touches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.state import Change, CycleError, Database, Query, Table


class Shop:
    """Prices and baskets: enough for indexes, queries of queries, and cut-offs."""

    def __init__(self) -> None:
        self.db = Database()
        self.prices: Table[str, int] = self.db.table("prices")
        self.baskets: Table[int, tuple[str, ...]] = self.db.table("baskets")
        self.cheap = self.prices.relation(lambda name, price: [("cheap" if price < 10 else "dear", name)])
        self.users = self.baskets.by(lambda number, names: set(names))
        self.rounded = self.db.query(self._rounded)
        self.total = self.db.query(self._total)
        self.popular = self.db.query(self._popular)
        self.bills = self.db.derive("bills", self.baskets, self._bill)
        self.made: list[object] = []

    def _rounded(self, name: str) -> int:
        self.made.append(("rounded", name))
        return (self.prices.get(name) or 0) // 10 * 10

    def _total(self, number: int) -> int:
        self.made.append(("total", number))
        return sum(self.rounded(name) for name in self.baskets.get(number) or ())

    def _popular(self, name: str) -> bool:
        return len(self.users.of(name)) > 2

    def _bill(self, number: int) -> tuple[int, tuple[str, ...], bool]:
        self.made.append(("bill", number))
        names = self.baskets[number]
        popular = tuple(name for name in names if self.popular(name))
        # What is read depends on what was read before.
        return self.total(number), popular, bool(names) and names[0] in self.cheap.of("cheap")

    def price(self, name: str, price: int | None) -> Change:
        return Change(self.prices, name, price)

    def basket(self, number: int, *names: str) -> Change:
        return Change(self.baskets, number, names)


def test_a_derivation_has_a_result_for_each_row() -> None:
    shop = Shop()
    settled = shop.db.apply([shop.price("tea", 12), shop.basket(1, "tea", "tea"), shop.basket(2)])
    assert settled.results == {"bills": {1: (None, (20, (), False)), 2: (None, (0, (), False))}}
    settled = shop.db.apply([Change(shop.baskets, 2, None)])
    assert settled.results == {"bills": {2: ((0, (), False), None)}}


def test_only_what_read_a_change_is_made_again() -> None:
    shop = Shop()
    shop.db.apply(
        [shop.price("tea", 12), shop.price("milk", 30), shop.basket(1, "tea"), shop.basket(2, "milk")]
    )
    shop.made.clear()
    shop.db.apply([shop.price("tea", 25)])
    assert shop.made == [("rounded", "tea"), ("total", 1), ("bill", 1)]


def test_the_same_value_stops_a_change() -> None:
    shop = Shop()
    shop.db.apply([shop.price("tea", 12), shop.basket(1, "tea")])
    shop.made.clear()
    assert shop.db.apply([shop.price("tea", 15)]).results == {}
    assert shop.made == [("rounded", "tea")]


def test_a_row_that_was_not_there_is_read_as_well() -> None:
    shop = Shop()
    shop.db.apply([shop.basket(1, "tea")])
    settled = shop.db.apply([shop.price("tea", 12)])
    assert settled.results == {"bills": {1: ((0, (), False), (10, (), False))}}


def test_undo_takes_changes_back() -> None:
    shop = Shop()
    shop.db.apply([shop.price("tea", 12), shop.basket(1, "tea")])
    before = shop.bills[1]
    settled = shop.db.apply([shop.price("tea", 99), shop.basket(1, "tea", "milk"), shop.basket(3, "tea")])
    shop.db.apply(settled.undo)
    assert shop.bills[1] == before and shop.bills.get(3) is None
    assert dict(shop.prices.rows()) == {"tea": 12}


def test_a_function_that_raises_leaves_everything_as_it_was() -> None:
    db = Database()
    rows: Table[str, int] = db.table("rows")
    inverse = db.derive("inverse", rows, lambda key: 100 // rows[key])
    db.apply([Change(rows, "a", 4)])
    with pytest.raises(ZeroDivisionError):
        db.apply([Change(rows, "a", 5), Change(rows, "b", 0)])
    assert dict(rows.rows()) == {"a": 4} and inverse["a"] == 25 and inverse.get("b") is None
    assert db.apply([Change(rows, "a", 10)]).results == {"inverse": {"a": (25, 10)}}


def test_a_query_that_raises_raises_for_all_its_readers_until_what_it_read_changes() -> None:
    db = Database()
    rows: Table[str, int] = db.table("rows")
    inverse: Query[str, int] = db.query(lambda key: 100 // rows[key])

    def told(key: str) -> str:
        try:
            return str(inverse(key))
        except ZeroDivisionError:
            return "infinite"

    shown = db.derive("shown", rows, told)
    db.apply([Change(rows, "a", 0)])
    assert shown["a"] == "infinite"
    db.apply([Change(rows, "a", 50)])
    assert shown["a"] == "2"


def test_a_query_of_its_own_result_is_refused() -> None:
    db = Database()
    rows: Table[int, int] = db.table("rows")
    query: Query[int, int] = db.query(lambda key: query(1 - key))
    db.derive("loop", rows, lambda key: query(key))
    with pytest.raises(CycleError):
        db.apply([Change(rows, 0, 1)])


def test_results_that_nobody_needs_are_forgotten() -> None:
    shop = Shop()
    shop.db.apply([shop.price("tea", 12), shop.basket(1, "tea"), shop.basket(2, "tea")])
    assert len(shop.total) == 2 and len(shop.rounded) == 1
    shop.db.apply([Change(shop.baskets, 1, None)])
    assert len(shop.total) == 1 and len(shop.rounded) == 1
    shop.db.apply([Change(shop.baskets, 2, None)])
    assert len(shop.total) == len(shop.rounded) == len(shop.popular) == 0


def test_a_query_must_not_read_a_whole_table() -> None:
    db = Database()
    rows: Table[int, int] = db.table("rows")
    db.derive("all", rows, lambda key: list(rows.rows()))
    with pytest.raises(RuntimeError, match="must not read all of rows"):
        db.apply([Change(rows, 0, 1)])


_NAMES = st.sampled_from("abcde")
_CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("price"), _NAMES, st.one_of(st.none(), st.integers(0, 40))),
        st.tuples(
            st.just("basket"),
            st.integers(0, 5),
            st.one_of(st.none(), st.lists(_NAMES, max_size=4).map(tuple)),
        ),
    ),
    max_size=6,
)


def _changes(shop: Shop, drawn: list[tuple[str, object, object]]) -> list[Change]:
    tables: dict[str, Table[Any, Any]] = {"price": shop.prices, "basket": shop.baskets}
    return [Change(tables[name], key, value) for name, key, value in drawn]


@given(st.lists(st.tuples(_CHANGES, st.booleans()), max_size=8))
def test_step_by_step_is_the_same_as_at_once(
    steps: list[tuple[list[tuple[str, object, object]], bool]],
) -> None:
    shop = Shop()
    known: dict[object, object] = {}
    for drawn, undone in steps:
        settled = shop.db.apply(_changes(shop, drawn))
        results = {} if undone else dict(settled.results)
        if undone:
            shop.db.apply(settled.undo)
        for key, (before, now) in results.get("bills", {}).items():
            assert known.pop(key, None) == before
            if now is not None:
                known[key] = now
        fresh = Shop()
        fresh.db.apply(
            [
                *(fresh.price(name, price) for name, price in shop.prices.rows()),
                *(Change(fresh.baskets, key, names) for key, names in shop.baskets.rows()),
            ]
        )
        assert known == {key: fresh.bills[key] for key, _ in fresh.baskets.rows()}
        assert len(fresh.total) == len(shop.total) and len(fresh.rounded) == len(shop.rounded)
