"""Which terms select pods of which namespace, and which selectors are applied there.

Selectors may be applied to a namespace before and after the terms that they come from select it: so classes
are told apart before rules need it, and as long as rules did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from p4fabric.controller.labels import LabelSelector
from p4fabric.controller.policy.rules import EVERYTHING, PodTerm

__all__ = ["Terms"]


_MOST_REMEMBERED = 4096
"""Sets of labels of a namespace; every new version of a deployment brings one."""


@dataclass(slots=True)
class _Namespace:
    labels: Mapping[str, str]
    terms: dict[LabelSelector, dict[PodTerm, None]] = field(default_factory=dict)
    """Terms that select it, by their selector of pods."""
    applied: Counter[LabelSelector] = field(default_factory=Counter)
    selecting: dict[frozenset[tuple[str, str]], frozenset[LabelSelector]] = field(default_factory=dict)
    """Applied selectors by the labels that they were applied to."""


class Terms:
    """All that are in use, and all namespaces."""

    def __init__(self) -> None:
        """Make it, with none of both."""
        self._namespaces: dict[str, _Namespace] = {}
        self._uses: Counter[PodTerm] = Counter()
        self._by_name: dict[str, dict[PodTerm, None]] = {}
        self._by_labels: dict[LabelSelector, dict[PodTerm, None]] = {}
        self._spans: dict[LabelSelector, dict[str, None]] = {}
        """The namespaces that each selector of namespaces selects."""

    def knows(self, namespace: str) -> bool:
        """Whether there is such a namespace."""
        return namespace in self._namespaces

    def labels(self, namespace: str) -> Mapping[str, str]:
        """Of a namespace that is there."""
        return self._namespaces[namespace].labels

    def add_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """A new one, without pods."""
        self._namespaces[name] = _Namespace(labels)
        for selector, span in self._spans.items():
            if selector.selects(labels):
                span[name] = None
        for term in self._matching(name, labels):
            self._take(name, term)
            self.apply(name, term)

    def remove_namespace(self, name: str) -> None:
        """One without pods."""
        del self._namespaces[name]
        for span in self._spans.values():
            span.pop(name, None)

    def changed_by(self, name: str, labels: Mapping[str, str]) -> tuple[list[PodTerm], list[PodTerm]]:
        """The terms that would begin, and those that would cease, to select a namespace with other labels."""
        old = self._namespaces[name].labels
        begun: list[PodTerm] = []
        ceased: list[PodTerm] = []
        for selector, terms in self._by_labels.items():
            before, now = selector.selects(old), selector.selects(labels)
            if before != now:
                (begun if now else ceased).extend(terms)
        return begun, ceased

    def relabel(
        self, name: str, labels: Mapping[str, str], begun: list[PodTerm], ceased: list[PodTerm]
    ) -> None:
        """A namespace has other labels; terms as `changed_by` said."""
        namespace = self._namespaces[name]
        namespace.labels = labels
        for selector, span in self._spans.items():
            if selector.selects(labels):
                span[name] = None
            else:
                span.pop(name, None)
        for term in begun:
            self._take(name, term)
        for term in ceased:
            _remove(namespace.terms, term.pods, term)

    def apply(self, name: str, term: PodTerm) -> bool:
        """Tell pods of a namespace apart by a term's selector; whether nobody did before."""
        namespace = self._namespaces[name]
        if term.pods == EVERYTHING:
            return False
        namespace.applied[term.pods] += 1
        if namespace.applied[term.pods] == 1:
            namespace.selecting.clear()
            return True
        return False

    def withdraw(self, name: str, term: PodTerm) -> bool:
        """One reason less to do so; whether it was the last."""
        namespace = self._namespaces[name]
        if term.pods == EVERYTHING:
            return False
        namespace.applied[term.pods] -= 1
        if not namespace.applied[term.pods]:
            del namespace.applied[term.pods]
            namespace.selecting.clear()
            return True
        return False

    def acquire(self, term: PodTerm) -> list[str]:
        """One more rule has a term; the namespaces whose pods are told apart anew."""
        self._uses[term] += 1
        if self._uses[term] > 1:
            return []
        if term.namespace is not None:
            self._by_name.setdefault(term.namespace, {})[term] = None
        else:
            if term.namespaces not in self._by_labels:
                self._spans[term.namespaces] = {
                    name: None
                    for name, one in self._namespaces.items()
                    if term.namespaces.selects(one.labels)
                }
            self._by_labels.setdefault(term.namespaces, {})[term] = None
        names = list(self.namespaces_of(term))
        for name in names:
            self._take(name, term)
        return [name for name in names if self.apply(name, term)]

    def release(self, term: PodTerm) -> list[str]:
        """One rule less has it; likewise."""
        self._uses[term] -= 1
        if self._uses[term]:
            return []
        del self._uses[term]
        names = list(self.namespaces_of(term))
        if term.namespace is not None:
            _remove(self._by_name, term.namespace, term)
        else:
            _remove(self._by_labels, term.namespaces, term)
            if term.namespaces not in self._by_labels:
                del self._spans[term.namespaces]
        for name in names:
            _remove(self._namespaces[name].terms, term.pods, term)
        return [name for name in names if self.withdraw(name, term)]

    def namespaces_of(self, term: PodTerm) -> Iterable[str]:
        """The namespaces that a term in use selects pods of."""
        if term.namespace is not None:
            return (term.namespace,) if term.namespace in self._namespaces else ()
        return self._spans.get(term.namespaces, ())

    def of(self, namespace: str, selectors: Iterable[LabelSelector]) -> Iterator[PodTerm]:
        """The terms that select pods of a namespace by one of some selectors."""
        terms = self._namespaces[namespace].terms
        for selector in selectors:
            yield from terms.get(selector, ())

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> frozenset[LabelSelector]:
        """The selectors applied to a namespace that select a pod with such labels."""
        one = self._namespaces[namespace]
        key = frozenset(labels.items())
        found = one.selecting.get(key)
        if found is None:
            if len(one.selecting) >= _MOST_REMEMBERED:
                one.selecting.clear()
            found = frozenset(selector for selector in one.applied if selector.selects(labels))
            one.selecting[key] = found
        return found

    def _matching(self, name: str, labels: Mapping[str, str]) -> list[PodTerm]:
        found = list(self._by_name.get(name, ()))
        for selector, terms in self._by_labels.items():
            if selector.selects(labels):
                found.extend(terms)
        return found

    def _take(self, name: str, term: PodTerm) -> None:
        self._namespaces[name].terms.setdefault(term.pods, {})[term] = None


def _remove(index: dict[Any, dict[PodTerm, None]], key: Any, term: PodTerm) -> None:
    del index[key][term]
    if not index[key]:
        del index[key]
