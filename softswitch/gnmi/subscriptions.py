"""Subscriptions: what of the tree is sent when. Must not know streams, or where the tree comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from finsy.proto import gnmi

from p4fabric.softswitch.gnmi.encode import check_encoding, leaf_update
from p4fabric.softswitch.gnmi.films import Film
from p4fabric.softswitch.gnmi.paths import Path, depth, parse, refuse_unknown
from p4fabric.softswitch.gnmi.tree import TEMPLATE, Node, Scalar, Tree, is_known, leaves_below
from p4fabric.softswitch.server.errors import Code, Refusal, invalid, unimplemented

LOOK = 0.1
"""Seconds between two looks at counters that are to be sent on change; also the shortest sample interval."""
RARE_LOOK = 1.0
"""The same for all else, whose changes are signalled when they happen."""
TARGET_INTERVAL = 10.0
"""Seconds between samples of counters where the client leaves the mode to the switch."""
MOST_PATHS = 256
MOST_UPDATES = 500
MOST_BYTES = 1 << 20
"""Of one notification, and of the bins in it: a client takes 4 MiB by default."""

_List = gnmi.SubscriptionList


@dataclass
class Watch:
    """One path of a STREAM subscription. `interval` 0: changes are sent, and all of it every `heartbeat`."""

    pattern: Path
    counters: bool | None
    interval: float
    heartbeat: float
    only_changes: bool
    due: float = 0.0
    beat: float = 0.0
    sent: dict[Path, Scalar] = field(default_factory=dict)
    """What the client knows: of bins, where they ended."""
    judged: dict[Path, bool] = field(default_factory=dict)
    """What `selects` has said: the same paths come up at each look."""

    @property
    def period(self) -> float:
        """Seconds between two looks."""
        return self.interval or (LOOK if self.counts else RARE_LOOK)

    @cached_property
    def counts(self) -> bool:
        """Whether it watches counters, whose changes nobody signals."""
        return self.counters is not False and any(
            node.leaf.counter and depth(self.pattern, path, names_only=True) is not None
            for path, node in TEMPLATE.items()
        )

    def selects(self, path: Path, node: Node) -> bool:
        """Whether a leaf is watched here; `counters` None takes all leaves."""
        known = self.judged.get(path)
        if known is None:
            known = self.counters in (None, node.leaf.counter) and depth(self.pattern, path) is not None
            self.judged[path] = known
        return known

    def look(self, tree: Tree, now: float) -> Tree:
        """What is to be sent now."""
        self.due = now + self.period
        whole = not self.only_changes
        if self.heartbeat and now >= self.beat:
            self.beat, whole = now + self.heartbeat, True
        found: Tree = {}
        for path, node in tree.items():
            if not self.selects(path, node):
                continue
            if isinstance(node.value, Film):
                bins, self.sent[path] = node.value.after(self._end(path))
                if bins:
                    found[path] = Node(node.leaf, bins)
            elif whole or not (node.leaf.volatile or self.sent.get(path) == node.value):
                self.sent[path] = node.value
                found[path] = node
        return found

    def _end(self, path: Path) -> int:
        end = self.sent.get(path, 0)
        return end if isinstance(end, int) else 0


class Subscriptions:
    """One client's list of subscriptions."""

    def __init__(self, request: gnmi.SubscriptionList) -> None:
        """`Refusal` says what cannot be subscribed to."""
        check_encoding(request.encoding)
        if request.use_models:
            raise unimplemented("use_models cannot be chosen: all models are used")
        if not request.subscription or len(request.subscription) > MOST_PATHS:
            raise invalid(f"{len(request.subscription)} subscriptions; 1..{MOST_PATHS} are needed")
        if request.mode not in _List.Mode.values():
            raise invalid(f"mode {request.mode} is not known")
        self.mode = request.mode
        self.updates_only = request.updates_only
        self._encoding = request.encoding
        self._target = request.prefix.target
        self.patterns = []
        self.watches: list[Watch] = []
        for one in request.subscription:
            pattern = parse(request.prefix, one.path)
            if not is_known(pattern):
                raise refuse_unknown(pattern)
            self.patterns.append(pattern)
            if self.mode == _List.STREAM:
                self.watches += _watches(pattern, one)
        self.wanted = leaves_below(self.patterns)
        """The leaves of an interface that are subscribed to."""

    def select(self, tree: Tree) -> Tree:
        """All that is subscribed to; `Refusal` (NOT_FOUND) for a path of nothing, unless it streams."""
        found: Tree = {}
        for pattern in self.patterns:
            selected = {path: node for path, node in tree.items() if depth(pattern, path) is not None}
            if not selected and self.mode != _List.STREAM:
                raise Refusal(Code.NOT_FOUND, "a path names nothing that is there")
            found |= selected
        return found

    def begin(self, tree: Tree, now: float) -> None:
        """Take what is sent at first as sent."""
        for watch in self.watches:
            watch.due, watch.beat = now + watch.period, now + watch.heartbeat
            watch.sent = {
                path: node.value.kept[1] if isinstance(node.value, Film) else node.value
                for path, node in tree.items()
                if watch.selects(path, node)
            }

    @property
    def due(self) -> float:
        """When to look next."""
        return min(watch.due for watch in self.watches)

    def look(self, tree: Tree, now: float, *, changed: bool) -> Tree:
        """What the watches whose time has come want sent; that of watches for changes has, if any has been
        signalled (`changed`)."""
        found: Tree = {}
        for watch in self.watches:
            if watch.due <= now or (changed and not watch.interval):
                found |= watch.look(tree, now)
        return found

    def messages(self, selected: Tree, timestamp: int) -> Iterator[gnmi.SubscribeResponse]:
        """Leaves as notifications of bounded size."""
        updates: list[gnmi.Update] = []
        size = 0
        for path, node in selected.items():
            more = len(content) if isinstance(content := node.content, bytes) else 0
            if updates and (len(updates) == MOST_UPDATES or size + more > MOST_BYTES):
                yield self._message(updates, timestamp)
                updates, size = [], 0
            updates.append(leaf_update(path, node, self._encoding))
            size += more
        if updates:
            yield self._message(updates, timestamp)

    def _message(self, updates: Sequence[gnmi.Update], timestamp: int) -> gnmi.SubscribeResponse:
        response = gnmi.SubscribeResponse()
        notification = response.update
        notification.timestamp = timestamp
        if self._target:
            notification.prefix.target = self._target
        notification.update.extend(updates)
        return response


def _watches(pattern: Path, one: gnmi.Subscription) -> Sequence[Watch]:
    """A subscription as watches: a target-defined one samples counters and watches all else for changes."""
    interval, heartbeat = one.sample_interval / 1e9, one.heartbeat_interval / 1e9
    if 0 < interval < LOOK or 0 < heartbeat < LOOK:
        raise invalid(f"intervals are 0 or at least {int(LOOK * 1e9)} ns")
    if one.mode == gnmi.SAMPLE:
        return [Watch(pattern, None, interval or LOOK, heartbeat, one.suppress_redundant)]
    if one.mode == gnmi.ON_CHANGE:
        return [Watch(pattern, None, 0.0, heartbeat, True)]
    if one.mode == gnmi.TARGET_DEFINED:
        return [
            Watch(pattern, True, interval or TARGET_INTERVAL, heartbeat, False),
            Watch(pattern, False, 0.0, heartbeat, True),
        ]
    raise invalid(f"subscription mode {one.mode} is not known")
