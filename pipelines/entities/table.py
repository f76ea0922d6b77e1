"""Entries of match-action tables (section 9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.action import Action, Weighted, decode_action, decode_watch_port
from p4fabric.pipelines.entities.key import EntityKey
from p4fabric.pipelines.entities.match import MatchField, decode_match, encode_match, key_part
from p4fabric.pipelines.entities.meter import MeterConfig
from p4fabric.pipelines.entities.profile import GroupId, MemberId

__all__ = ["TableEntry"]


@dataclass(frozen=True)
class TableEntry:
    """Base of the generated tables.

    The subclass's fields are the key's fields in order, then `priority` (tables with ternary, range
    or optional fields; larger wins), then `action`: one action; where the table is implemented by an
    action profile, a `MemberId`; and where that has a selector, also a `GroupId` or a tuple of `Weighted`
    actions. Then, each only in tables that have such, `idle_timeout_ns` and `meter`.
    """

    TABLE_ID: ClassVar[int]
    TABLE_NAME: ClassVar[str]
    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]]
    ACTIONS: ClassVar[dict[int, type[Action]]]
    HAS_PRIORITY: ClassVar[bool] = False
    HAS_SELECTOR: ClassVar[bool] = False
    HAS_COUNTER: ClassVar[bool] = False
    HAS_METER: ClassVar[bool] = False
    HAS_IDLE_TIMEOUT: ClassVar[bool] = False

    @property
    def key(self) -> EntityKey:
        """The table, the match and the priority."""
        # Made once: an entity is asked for its key many times. It is not a field, so it is not compared.
        found: EntityKey | None = self.__dict__.get("_key")
        if found is None:
            values = [key_part(getattr(self, field.name)) for field in self.MATCH_FIELDS]
            found = (self.TABLE_ID, *values, getattr(self, "priority", 0))
            self.__dict__["_key"] = found
        return found

    @property
    def place(self) -> EntityKey:
        """The table and the exact fields: entries of another place never match the same packet."""
        exact = (
            value
            for field, value in zip(self.MATCH_FIELDS, self.key[1:-1], strict=True)
            if field.kind == "exact"
        )
        return (self.TABLE_ID, *exact)

    def encode_key(self) -> p4r.TableEntry:
        """Encode table, match and priority only: what a delete or a counter read names.

        Raises:
            ValueError: a value does not fit.
        """
        entry = p4r.TableEntry(table_id=self.TABLE_ID, priority=getattr(self, "priority", 0))
        entry.match.extend(encode_match(self.MATCH_FIELDS, self))
        return entry

    def encode(self) -> p4r.Entity:
        """Encode whole.

        Raises:
            ValueError: a value does not fit.
        """
        entry = self.encode_key()
        action: Any = self.action  # type: ignore[attr-defined]
        if isinstance(action, Action):
            entry.action.action.CopyFrom(action.encode())
        elif isinstance(action, MemberId):
            entry.action.action_profile_member_id = action.id
        elif isinstance(action, GroupId):
            entry.action.action_profile_group_id = action.id
        else:
            members = entry.action.action_profile_action_set.action_profile_actions
            members.extend(member.encode() for member in action)
        if self.HAS_IDLE_TIMEOUT:
            entry.idle_timeout_ns = getattr(self, "idle_timeout_ns", 0)
        meter: MeterConfig | None = getattr(self, "meter", None)
        if meter is not None:
            entry.meter_config.CopyFrom(meter.encode())
        return p4r.Entity(table_entry=entry)

    @classmethod
    def decode(cls, entry: p4r.TableEntry) -> Self:
        """Decode an entry of this table.

        Raises:
            ValueError: a match field or an action that this table does not have.
        """
        values = decode_match(cls.MATCH_FIELDS, entry.match)
        if cls.HAS_PRIORITY:
            values["priority"] = entry.priority
        values["action"] = cls._decode_action(entry.action)
        if cls.HAS_IDLE_TIMEOUT:
            values["idle_timeout_ns"] = entry.idle_timeout_ns
        if cls.HAS_METER and entry.HasField("meter_config"):
            values["meter"] = MeterConfig.decode(entry.meter_config)
        return cls(**values)

    @classmethod
    def wildcard(cls) -> p4r.TableEntry:
        """What a read of all entries asks for; a meter is given only if it is asked for (section 9.1)."""
        asked = p4r.TableEntry(table_id=cls.TABLE_ID)
        if cls.HAS_METER:
            asked.meter_config.SetInParent()
        return asked

    @classmethod
    def _decode_action(
        cls, action: p4r.TableAction
    ) -> Action | MemberId | GroupId | tuple[Weighted[Action], ...]:
        match action.WhichOneof("type"):
            case "action_profile_member_id":
                return MemberId(action.action_profile_member_id)
            case "action_profile_group_id":
                return GroupId(action.action_profile_group_id)
            case "action_profile_action_set":
                return tuple(
                    Weighted(
                        decode_action(cls.TABLE_NAME, cls.ACTIONS, member.action),
                        member.weight,
                        decode_watch_port(member),
                    )
                    for member in action.action_profile_action_set.action_profile_actions
                )
            case _:
                return decode_action(cls.TABLE_NAME, cls.ACTIONS, action.action)
