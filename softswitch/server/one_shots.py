"""One-shot programming of action selectors (specification, section 9.2.3): an entry's action set as a group
and members of the engine, whose ids no client sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finsy.proto import p4r
from google.protobuf.unknown_fields import UnknownFieldSet

from p4fabric.softswitch.engine.api import ActionCall, Change, GroupMember, Operation, WriteGroup, WriteMember
from p4fabric.softswitch.server.bytestrings import decode, encode, is_canonical
from p4fabric.softswitch.server.errors import Refusal, exhausted, invalid, unimplemented
from p4fabric.softswitch.server.objects import ProfileSchema
from p4fabric.softswitch.server.plan import Scene
from p4fabric.softswitch.server.store import OneShot

HEAVIEST = 1 << 20
"""The largest weight, and sum of weights, of a group in the engine."""

_Set = p4r.ActionProfileActionSet
Changes = tuple[list[Operation], OneShot, list[Operation]]
"""What to do before the entry is written, what stands behind it then, what to do after."""


@dataclass(frozen=True, slots=True)
class Share:
    """One action of a set, or one member of a group."""

    weight: int
    watch_port: int | None


def read_share(
    profile: ProfileSchema,
    given: p4r.ActionProfileAction | p4r.ActionProfileGroup.Member,
    ports: frozenset[int],
) -> Share:
    """Weight and watch port; `Refusal` says what is wrong with them."""
    weight = given.weight
    if profile.weights_disallowed:
        if weight:
            raise invalid(f"{profile.name}: weight {weight}: the switch sets the weights, leave it 0")
        weight = 1
    most = min(profile.max_member_weight or HEAVIEST, HEAVIEST)
    if not 1 <= weight <= most:
        raise invalid(f"{profile.name}: weight {weight} is not in 1..{most}")
    port = None
    match given.WhichOneof("watch_kind"):
        case "watch_port" if given.watch_port:
            try:
                port = decode(given.watch_port, 32, "watch_port")
            except Refusal as refusal:
                raise invalid(f"{profile.name}: {refusal.text}") from None
            if not is_canonical(given.watch_port):
                given.watch_port = encode(port)
        case "watch" if given.watch:
            port = given.watch
    if port is not None and port not in ports:
        raise invalid(f"{profile.name}: watch port {port} is no port of this switch")
    return Share(weight, port)


def use_profile(scene: Scene, profile: ProfileSchema, *, one_shot: bool) -> None:
    """`Refusal` when the profile is programmed in the other way (section 9.2.3 allows no mixture)."""
    state = scene.store.profiles[profile.id]
    used = True if state.one_shots else False if state.members or state.groups else None
    used = scene.expected(("style", profile.id), used)
    if used is not None and used != one_shot:
        said = ("one-shot action sets", "members and groups")
        raise invalid(
            f"{profile.name} is programmed with {said[one_shot]}; {said[not one_shot]} cannot be mixed in"
        )
    scene.expect(("style", profile.id), one_shot)


class OneShots:
    """Makes, changes and removes what stands behind one-shot entries."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def decode(self, profile: ProfileSchema, given: _Set) -> list[tuple[ActionCall, Share]]:
        """The actions with their shares; `Refusal` says what is wrong."""
        semantics = _Set.SUM_OF_MEMBERS if profile.sum_of_members else _Set.SUM_OF_WEIGHTS
        if given.size_semantics not in (_Set.DEFAULT_SIZE_DETERMINED_BY_ACTION_SELECTOR, semantics):
            raise unimplemented(f"{profile.name}: size semantics cannot be chosen for each group")
        if given.action_selection_mode not in (_Set.DEFAULT_MODE_DETERMINED_BY_ACTION_SELECTOR, _Set.HASH):
            raise unimplemented(f"{profile.name}: groups choose by hash only")
        if len(UnknownFieldSet(given)):
            raise unimplemented(f"{profile.name}: the action set has fields that P4Runtime 1.5 has not")
        found = []
        for one in given.action_profile_actions:
            found.append((profile.actions.decode(one.action), read_share(profile, one, self._scene.ports)))
        size = len(found) if profile.sum_of_members else sum(share.weight for _, share in found)
        if size > (profile.max_group_size or HEAVIEST):
            raise invalid(f"{profile.name}: a group of size {size}, {profile.max_group_size} is the most")
        return found

    def create(self, profile: ProfileSchema, actions: Sequence[tuple[ActionCall, Share]]) -> Changes:
        """A group for a new entry."""
        weight = self._room(profile, actions, 0)
        state = self._scene.store.profiles[profile.id]
        group = state.group_numbers.take()
        members = tuple(state.member_numbers.take() for _ in actions)
        before: list[Operation] = [
            WriteMember(Change.INSERT, profile.name, number, call)
            for number, (call, _) in zip(members, actions, strict=True)
        ]
        before.append(_group(Change.INSERT, profile, group, members, actions))
        return before, OneShot(group, members, weight), []

    def replace(
        self, profile: ProfileSchema, old: OneShot, actions: Sequence[tuple[ActionCall, Share]]
    ) -> Changes:
        """Other actions for an entry: its members are used again, so that a full profile can be changed."""
        weight = self._room(profile, actions, old.weight)
        state = self._scene.store.profiles[profile.id]
        members = old.members[: len(actions)]
        members += tuple(state.member_numbers.take() for _ in actions[len(members) :])
        before: list[Operation] = [
            WriteMember(Change.MODIFY if at < len(old.members) else Change.INSERT, profile.name, number, call)
            for at, (number, (call, _)) in enumerate(zip(members, actions, strict=True))
        ]
        before.append(_group(Change.MODIFY, profile, old.group, members, actions))
        after: list[Operation] = [
            WriteMember(Change.DELETE, profile.name, number) for number in old.members[len(actions) :]
        ]
        return before, OneShot(old.group, members, weight), after

    def remove(self, profile: ProfileSchema, old: OneShot) -> list[Operation]:
        """What to do when the entry is gone."""
        self._add_weight(profile, -old.weight)
        operations: list[Operation] = [WriteGroup(Change.DELETE, profile.name, old.group)]
        operations += [WriteMember(Change.DELETE, profile.name, number) for number in old.members]
        return operations

    # --- when it is done, or will not be ----------------------------------------------------------

    def keep(self, profile: ProfileSchema, old: OneShot | None, new: OneShot) -> None:
        """`new` stands behind an entry now, instead of `old`."""
        state = self._scene.store.profiles[profile.id]
        state.weight += new.weight - (old.weight if old else 0)
        state.one_shots += old is None
        for number in old.members[len(new.members) :] if old else ():
            state.member_numbers.give_back(number)

    def forget(self, profile: ProfileSchema, old: OneShot) -> None:
        """The entry is gone."""
        state = self._scene.store.profiles[profile.id]
        state.weight -= old.weight
        state.one_shots -= 1
        state.group_numbers.give_back(old.group)
        for number in old.members:
            state.member_numbers.give_back(number)

    def abandon(self, profile: ProfileSchema, old: OneShot | None, new: OneShot) -> None:
        """Nothing came of it: the ids that were taken are free again."""
        state = self._scene.store.profiles[profile.id]
        if old is None:
            state.group_numbers.give_back(new.group)
        for number in new.members[len(old.members) if old else 0 :]:
            state.member_numbers.give_back(number)

    def _room(
        self, profile: ProfileSchema, actions: Sequence[tuple[ActionCall, Share]], given_back: int
    ) -> int:
        weight = len(actions) if profile.sum_of_members else sum(share.weight for _, share in actions)
        check_weight(self._scene, profile, weight - given_back)
        self._add_weight(profile, weight - given_back)
        return weight

    def _add_weight(self, profile: ProfileSchema, more: int) -> None:
        add_weight(self._scene, profile, more)


def check_weight(scene: Scene, profile: ProfileSchema, more: int) -> None:
    """`Refusal` when the profile's groups would outgrow its size."""
    used = scene.expected(("weight", profile.id), scene.store.profiles[profile.id].weight)
    if profile.size and more > 0 and used + more > profile.size:
        raise exhausted(f"{profile.name} is full: its size is {profile.size}")


def add_weight(scene: Scene, profile: ProfileSchema, more: int) -> None:
    """Remember for the batch's later updates."""
    used = scene.expected(("weight", profile.id), scene.store.profiles[profile.id].weight)
    scene.expect(("weight", profile.id), used + more)


def _group(
    change: Change,
    profile: ProfileSchema,
    group: int,
    members: Sequence[int],
    actions: Sequence[tuple[ActionCall, Share]],
) -> WriteGroup:
    shares = tuple(
        GroupMember(number, share.weight, share.watch_port)
        for number, (_, share) in zip(members, actions, strict=True)
    )
    return WriteGroup(change, profile.name, group, shares, HEAVIEST)
