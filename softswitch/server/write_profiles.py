"""Updates of action profile members and groups (specification, sections 9.2.1 and 9.2.2)."""

from __future__ import annotations

from collections.abc import Sequence

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import Change, GroupMember, Outcome, WriteGroup, WriteMember
from p4fabric.softswitch.server.errors import exhausted, invalid
from p4fabric.softswitch.server.objects import ProfileSchema
from p4fabric.softswitch.server.one_shots import HEAVIEST, add_weight, check_weight, read_share, use_profile
from p4fabric.softswitch.server.plan import Plan, Scene
from p4fabric.softswitch.server.store import StoredGroup


class ProfileUpdates:
    """Plans updates of members and groups; who refers to whom is the engine's to know."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def member(self, change: Change, given: p4r.ActionProfileMember) -> Plan:
        """An update of a member."""
        profile = self._scene.schema.profile(given.action_profile_id)
        if not given.member_id:
            raise invalid(f"{profile.name}: member_id is missing")
        state = self._scene.store.profiles[profile.id]
        number = given.member_id
        use_profile(self._scene, profile, one_shot=False)
        if change is Change.DELETE:

            def forget(_: Sequence[Outcome]) -> None:
                state.members.pop(number, None)

            return Plan((WriteMember(change, profile.name, number),), forget)
        if not given.HasField("action"):
            raise invalid(f"{profile.name}: member {number} needs an action")
        call = profile.actions.decode(given.action)
        wire = given.SerializeToString()

        def commit(_: Sequence[Outcome]) -> None:
            state.members[number] = wire

        return Plan((WriteMember(change, profile.name, number, call),), commit)

    def group(self, change: Change, given: p4r.ActionProfileGroup) -> Plan:
        """An update of a group."""
        profile = self._scene.schema.profile(given.action_profile_id)
        if not profile.selector:
            raise invalid(f"{profile.name} has no selector: it takes no groups")
        if not given.group_id:
            raise invalid(f"{profile.name}: group_id is missing")
        state = self._scene.store.profiles[profile.id]
        number = given.group_id
        use_profile(self._scene, profile, one_shot=False)
        stored: StoredGroup | None = self._scene.expected(
            ("group", profile.id, number), state.groups.get(number)
        )
        if change is Change.DELETE:
            self._scene.expect(("group", profile.id, number), None)
            if stored:
                add_weight(self._scene, profile, -stored.weight)

            def forget(_: Sequence[Outcome]) -> None:
                gone = state.groups.pop(number, None)
                state.weight -= gone.weight if gone else 0

            return Plan((WriteGroup(change, profile.name, number),), forget)
        members = self._members(profile, given)
        size = len(members) if profile.sum_of_members else sum(one.weight for one in members)
        limit = self._limit(profile, given, stored if change is Change.MODIFY else None)
        if profile.sum_of_members and size > limit:
            raise invalid(f"{profile.name}: group {number} has {size} members, {limit} are the most")
        more = size - (stored.weight if stored and change is Change.MODIFY else 0)
        check_weight(self._scene, profile, more)
        new = StoredGroup(given.SerializeToString(), given.max_size, size)
        if change is Change.MODIFY or stored is None:
            add_weight(self._scene, profile, more)
            self._scene.expect(("group", profile.id, number), new)

        def commit(_: Sequence[Outcome]) -> None:
            old = state.groups.get(number)
            state.weight += new.weight - (old.weight if old else 0)
            state.groups[number] = new

        bound = HEAVIEST if profile.sum_of_members else limit
        return Plan((WriteGroup(change, profile.name, number, members, bound),), commit)

    def _members(self, profile: ProfileSchema, given: p4r.ActionProfileGroup) -> tuple[GroupMember, ...]:
        members = []
        for one in given.members:
            if not one.member_id:
                raise invalid(f"{profile.name}: group {given.group_id}: member_id is missing")
            share = read_share(profile, one, self._scene.ports)
            members.append(GroupMember(one.member_id, share.weight, share.watch_port))
        if len({one.member for one in members}) != len(members):
            raise invalid(f"{profile.name}: group {given.group_id} names a member twice; give it a weight")
        return tuple(members)

    def _limit(
        self, profile: ProfileSchema, given: p4r.ActionProfileGroup, stored: StoredGroup | None
    ) -> int:
        """The group's largest size (section 9.2.2.1)."""
        if stored is not None and stored.max_size != given.max_size:
            raise invalid(
                f"{profile.name}: group {given.group_id}: max_size is {stored.max_size} and cannot be changed"
            )
        most = profile.max_group_size
        if given.max_size < 0 or (most and not 0 < given.max_size <= most):
            wanted = f"1..{most}" if most else "0 or more"
            raise invalid(
                f"{profile.name}: group {given.group_id}: max_size {given.max_size} is not {wanted}"
            )
        if given.max_size > HEAVIEST:
            raise exhausted(f"{profile.name}: group {given.group_id}: max_size {HEAVIEST} is the most")
        return min(given.max_size or profile.size or HEAVIEST, HEAVIEST)
