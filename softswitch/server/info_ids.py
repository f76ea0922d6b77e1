"""The ids of a P4Info (specification, section 6.3): they are there, differ, and refer to something.

Must not know the engine's pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from finsy.proto import p4i

from p4fabric.softswitch.server.errors import invalid

_KINDS = (
    *("tables", "actions", "action_profiles", "counters", "direct_counters", "meters", "direct_meters"),
    *("registers", "digests", "value_sets"),
)
_PARTS = (("tables", "match_fields"), ("actions", "params"), ("value_sets", "match"))


def check_ids(info: p4i.P4Info) -> None:
    """`Refusal` names the first id that is 0, taken twice, or that of nothing."""
    for kind in _KINDS:
        objects: Sequence[p4i.Table] = getattr(info, kind)
        _check_distinct(kind, [(one.preamble.name, one.preamble.id) for one in objects])
    for kind, field in _PARTS:
        for at, one in enumerate(getattr(info, kind)):
            place = f"{kind}[{at}] ({one.preamble.name}): {field}"
            _check_distinct(place, [(part.name, part.id) for part in getattr(one, field)])
    tables = {one.preamble.id for one in info.tables}
    for kind in ("direct_counters", "direct_meters"):
        for at, one in enumerate(getattr(info, kind)):
            if one.direct_table_id not in tables:
                raise invalid(f"P4Info: {kind}[{at}]: there is no table {one.direct_table_id}")


def _check_distinct(place: str, objects: Iterable[tuple[str, int]]) -> None:
    seen = {0}
    for at, (name, number) in enumerate(objects):
        if number in seen:
            raise invalid(f"P4Info: {place}[{at}] ({name}): id {number} is 0 or taken")
        seen.add(number)
