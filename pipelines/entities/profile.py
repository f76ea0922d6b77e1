"""Members and groups of action profiles, and how a table's entry names one (sections 9.2.1 and 9.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.action import Action, decode_action, decode_watch_port
from p4fabric.pipelines.entities.encoding import encode_int
from p4fabric.pipelines.entities.key import EntityKey

__all__ = ["GroupId", "GroupMember", "MemberId", "ProfileGroup", "ProfileMember"]


@dataclass(frozen=True, slots=True)
class MemberId:
    """An entry does what a member of the table's action profile does."""

    id: int


@dataclass(frozen=True, slots=True)
class GroupId:
    """An entry does what a group of the table's action selector selects."""

    id: int


@dataclass(frozen=True)
class ProfileMember:
    """Base of the generated members; a subclass adds `action`, one of the profile's."""

    PROFILE_ID: ClassVar[int]
    PROFILE_NAME: ClassVar[str]
    ACTIONS: ClassVar[dict[int, type[Action]]]

    member_id: int

    @property
    def key(self) -> EntityKey:
        """The profile and the member's number."""
        return ("member", self.PROFILE_ID, self.member_id)

    def encode(self) -> p4r.Entity:
        """Encode whole.

        Raises:
            ValueError: an argument of the action does not fit.
        """
        action: Any = self.action  # type: ignore[attr-defined]
        return p4r.Entity(
            action_profile_member=p4r.ActionProfileMember(
                action_profile_id=self.PROFILE_ID, member_id=self.member_id, action=action.encode()
            )
        )

    @classmethod
    def decode(cls, member: p4r.ActionProfileMember) -> Self:
        """Decode a member of this profile.

        Raises:
            ValueError: an action that the profile does not have.
        """
        action = decode_action(cls.PROFILE_NAME, cls.ACTIONS, member.action)
        values: dict[str, Any] = {"member_id": member.member_id, "action": action}
        return cls(**values)


@dataclass(frozen=True, slots=True, order=True)
class GroupMember:
    """A member's part in a group."""

    member_id: int
    weight: int = 1
    watch_port: int | None = None
    """It takes part while this port is up; None: always."""


@dataclass(frozen=True)
class ProfileGroup:
    """Base of the generated groups of an action selector."""

    PROFILE_ID: ClassVar[int]
    PROFILE_NAME: ClassVar[str]

    group_id: int
    members: tuple[GroupMember, ...]
    """In order of their numbers."""
    max_size: int = 0
    """The most members, or the largest sum of weights, that it will have; 0 is the profile's own bound."""

    @property
    def key(self) -> EntityKey:
        """The profile and the group's number."""
        return ("group", self.PROFILE_ID, self.group_id)

    def encode(self) -> p4r.Entity:
        """Encode whole."""
        entity = p4r.Entity()
        group = entity.action_profile_group
        group.action_profile_id = self.PROFILE_ID
        group.group_id, group.max_size = self.group_id, self.max_size
        for one in self.members:
            member = group.members.add(member_id=one.member_id, weight=one.weight)
            if one.watch_port is not None:
                member.watch_port = encode_int(one.watch_port)
        return entity

    @classmethod
    def decode(cls, group: p4r.ActionProfileGroup) -> Self:
        """Decode a group of this profile."""
        members = sorted(
            (GroupMember(one.member_id, one.weight, decode_watch_port(one)) for one in group.members),
            key=lambda member: member.member_id,
        )
        return cls(group.group_id, tuple(members), group.max_size)
