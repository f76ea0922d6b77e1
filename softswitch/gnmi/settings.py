"""Set: what a request makes of the ports' settings. Nothing is applied here, so nothing is half applied.

Knows which leaves can be set. Must not know the engine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from finsy.proto import gnmi

from p4fabric.softswitch.gnmi.paths import (
    MOST_ELEMENTS,
    Path,
    Step,
    depth,
    has_wildcards,
    parse,
    refuse_unknown,
    text,
)
from p4fabric.softswitch.gnmi.tree import (
    SPEEDS,
    TEMPLATE,
    Scalar,
    SwitchFigures,
    is_known,
    switch_tree,
    tree,
)
from p4fabric.softswitch.server.errors import invalid, not_found, unimplemented
from p4fabric.softswitch.server.front_panel import FrontPanel, PortFigures, PortSettings
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.reporting import collector_address

_LIST_KEYS = {
    ("interfaces", "interface"): "name",
    ("qos", "interfaces", "interface"): "interface-id",
    ("qos", "interfaces", "interface", "output", "queues", "queue"): "name",
}
_LIMITS = {
    "rate_bps": (0, 10**13),
    "rate_pps": (0, 10**9),
    "depth": (1, 10**6),
    "report_depth": (0, (1 << 32) - 1),
    "report_wait_us": (0, 4 * 10**6),
    "drop_session": (0, 32767),
    "drop_rate": (1, 10**6),
    "drop_burst": (1, 10**6),
}
"""The least and the most of each number."""
LONGEST_JSON = 1 << 20
LONGEST_NUMBER = 24


class _Setting(NamedTuple):
    """A field of `PortSettings` or `Reporting`, and the path of its leaf, by names."""

    field: str
    names: tuple[str, ...]


_QUEUE_CONFIG = (*("qos", "interfaces", "interface", "output", "queues", "queue"), "config")
_SETTINGS = (
    _Setting("enabled", ("interfaces", "interface", "config", "enabled")),
    _Setting("speed_bps", ("interfaces", "interface", "ethernet", "config", "port-speed")),
    _Setting("rate_bps", (*_QUEUE_CONFIG, "rate-bps")),
    _Setting("rate_pps", (*_QUEUE_CONFIG, "rate-pps")),
    _Setting("depth", (*_QUEUE_CONFIG, "depth-limit")),
    _Setting("watch", (*_QUEUE_CONFIG, "watch")),
    _Setting("report_depth", (*_QUEUE_CONFIG, "report-depth")),
    _Setting("report_wait_us", (*_QUEUE_CONFIG, "report-wait")),
)
_REPORTING = tuple(
    _Setting(leaf.replace("-", "_"), ("queues", "config", leaf))
    for leaf in ("collector", "drop-session", "drop-rate", "drop-burst")
)
_BY_NAMES = {one.names: one.field for one in (*_SETTINGS, *_REPORTING)}
_OF_SWITCH = frozenset(one.field for one in _REPORTING)


class Wanted:
    """The settings that a request asks for: port by port, and what the switch reports."""

    def __init__(self, panel: FrontPanel) -> None:
        self._panel = panel
        self._numbers = {name: number for number, name in panel.names.items()}
        self.settings: dict[int, PortSettings] = dict(panel.settings)
        self.reporting = panel.reporting
        self._fixed = tree(
            PortFigures(number, name, None, 0, PortSettings(), up=False)
            for number, name in panel.names.items()
        ) | switch_tree(SwitchFigures(0))

    def take(self, request: gnmi.SetRequest) -> list[gnmi.UpdateResult]:
        """All of a request, in the order of the specification; `Refusal` says what is wrong."""
        if request.union_replace:
            raise unimplemented("union_replace is not implemented")
        results = []
        for path in request.delete:
            self._reset(parse(request.prefix, path))
            results.append(gnmi.UpdateResult(path=path, op=gnmi.UpdateResult.DELETE))
        for update in request.replace:
            self._reset(self._exact(request.prefix, update.path))
            self._update(request.prefix, update)
            results.append(gnmi.UpdateResult(path=update.path, op=gnmi.UpdateResult.REPLACE))
        for update in request.update:
            self._exact(request.prefix, update.path)
            self._update(request.prefix, update)
            results.append(gnmi.UpdateResult(path=update.path, op=gnmi.UpdateResult.UPDATE))
        return results

    def _exact(self, prefix: gnmi.Path, path: gnmi.Path) -> Path:
        found = parse(prefix, path)
        if has_wildcards(found):
            raise invalid(f"{text(found)}: what is set is named without wildcards")
        return found

    def _reset(self, pattern: Path) -> None:
        """Back to what the switch was started with."""
        if not is_known(pattern):
            raise refuse_unknown(pattern)
        touched = [path for path in TEMPLATE if depth(pattern, path, names_only=True) is not None]
        if not any(_names(path) in _BY_NAMES for path in touched):
            raise invalid(f"{text(pattern)} cannot be set")
        for path in self._fixed:
            field = _BY_NAMES.get(_names(path))
            if field is None or depth(pattern, path) is None:
                continue
            if field in _OF_SWITCH:
                self._put(path, field, getattr(self._panel.initial_reporting, field))
            else:
                self._put(path, field, getattr(self._panel.initial[self._number(path)], field))

    def _update(self, prefix: gnmi.Path, update: gnmi.Update) -> None:
        path = parse(prefix, update.path)
        if update.duplicates:
            raise invalid(f"{text(path)}: duplicates cannot be set")
        for leaf, value in _leaves(path, _value(path, update.val)):
            self._set(leaf, value)

    def _set(self, path: Path, value: object) -> None:
        if not is_known(path):
            raise refuse_unknown(path)
        node = self._fixed.get(path)
        if node is None:
            self._number(path)
            raise not_found(f"{text(path)}: there is no such leaf")
        field = _BY_NAMES.get(_names(path))
        if field is not None:
            self._put(path, field, _checked(path, field, value))
            return
        if not node.is_config:
            raise invalid(f"{text(path)} is state: it cannot be set")
        if _plain(value) not in (node.value, f"{node.leaf.identity}:{node.value!s}"):
            raise invalid(f"{text(path)} is {node.value!r} and cannot be changed")

    def _put(self, path: Path, field: str, value: Any) -> None:
        if field in _OF_SWITCH:
            self.reporting = replace(self.reporting, **{field: value})
            return
        number = self._number(path)
        self.settings[number] = replace(self.settings[number], **{field: value})

    def _number(self, path: Path) -> int:
        for step in path:
            if step.name != "interface":
                continue
            names = dict(step.keys)
            name = names.get("name", names.get("interface-id"))
            if name is None:
                raise invalid(f"{text(path)}: the interface's key is missing")
            if name not in self._numbers:
                raise not_found(f"there is no interface {name[:40]!r}")
            return self._numbers[name]
        raise refuse_unknown(path)


def _names(path: Path) -> tuple[str, ...]:
    return tuple(step.name for step in path)


def _plain(value: object) -> object:
    """A number that JSON wrote as a string is compared as one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < LONGEST_NUMBER:
        return int(value)
    return value


def _value(path: Path, value: gnmi.TypedValue) -> object:
    kind = value.WhichOneof("value")
    match kind:
        case "string_val" | "int_val" | "uint_val" | "bool_val":
            found: object = getattr(value, kind)
            return found
        case "ascii_val":
            return value.ascii_val
        case "json_val" | "json_ietf_val":
            return _json(path, getattr(value, kind))
        case None:
            raise invalid(f"{text(path)}: the value is missing")
    raise invalid(f"{text(path)}: a {kind} is no value of it")


def _json(path: Path, raw: bytes) -> object:
    if len(raw) > LONGEST_JSON:
        raise invalid(f"{text(path)}: {len(raw)} bytes of JSON; {LONGEST_JSON} are the most")
    try:
        found: object = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise invalid(f"{text(path)}: no JSON: {error}") from None
    return found


def _leaves(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    """The leaves in a value, which may be a whole tree of JSON."""
    if not isinstance(value, dict):
        yield path, value
        return
    if len(path) > MOST_ELEMENTS:
        raise invalid(f"{text(path)}: too deep")
    for member, inner in value.items():
        name = member.rpartition(":")[2]
        key = _LIST_KEYS.get((*_names(path), name))
        if key is None:
            yield from _leaves((*path, Step(name)), inner)
            continue
        if not isinstance(inner, list):
            raise invalid(f"{text(path)}/{name}: a list is needed")
        for entry in inner:
            yield from _leaves((*path, Step(name, ((key, _key_of(path, name, key, entry)),))), entry)


def _key_of(path: Path, name: str, key: str, entry: Any) -> str:
    if isinstance(entry, Mapping):
        for member, value in entry.items():
            if member.rpartition(":")[2] == key and isinstance(value, str):
                return value
    raise invalid(f"{text(path)}/{name}: each entry needs its key {key!r}")


def _checked(path: Path, field: str, value: object) -> Scalar:
    """A setting's value, of the right type and within bounds."""
    if field in ("enabled", "watch"):
        if not isinstance(value, bool):
            raise invalid(f"{text(path)}: true or false is needed, not {str(value)[:40]!r}")
        return value
    if field == "speed_bps":
        name = value.rpartition(":")[2] if isinstance(value, str) else ""
        if name not in SPEEDS:
            raise invalid(f"{text(path)}: {str(value)[:40]!r} is none of {', '.join(SPEEDS)}")
        return SPEEDS[name]
    if field == "collector":
        return _collector(path, value)
    number, (least, most) = _plain(value), _LIMITS[field]
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise invalid(f"{text(path)}: a number in {least}..{most} is needed, not {str(value)[:40]!r}")
    return number


def _collector(path: Path, value: object) -> str:
    if not isinstance(value, str):
        raise invalid(f"{text(path)}: a string is needed, not {str(value)[:40]!r}")
    if value:
        try:
            collector_address(value)
        except BadOption as error:
            raise invalid(f"{text(path)}: {error}") from None
    return value
