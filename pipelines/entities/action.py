"""Actions with their arguments, and sets of weighted actions (section 9.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from finsy.proto import p4r

from p4fabric.pipelines.entities.encoding import Parameter, decode_bytes, encode_int

__all__ = ["Action", "Weighted", "decode_action", "decode_watch_port"]

A = TypeVar("A", bound="Action", covariant=True)


@dataclass(frozen=True, slots=True)
class Action:
    """Base of the generated actions; the subclass's fields are the parameters, in order."""

    ID: ClassVar[int]
    NAME: ClassVar[str]
    PARAMETERS: ClassVar[tuple[Parameter, ...]] = ()

    def encode(self) -> p4r.Action:
        """Encode as P4Runtime's Action.

        Raises:
            ValueError: an argument does not fit.
        """
        action = p4r.Action(action_id=self.ID)
        for parameter in self.PARAMETERS:
            value = parameter.encode(getattr(self, parameter.name))
            action.params.add(param_id=parameter.id, value=value)
        return action

    @classmethod
    def decode(cls, action: p4r.Action) -> Self:
        """Decode an Action with this class's id.

        Raises:
            KeyError: a parameter is missing.
        """
        by_id = {parameter.param_id: parameter.value for parameter in action.params}
        return cls(*(parameter.decode(by_id[parameter.id]) for parameter in cls.PARAMETERS))


@dataclass(frozen=True, slots=True)
class Weighted(Generic[A]):
    """A member of a one-shot action set and its share (section 9.2.3)."""

    action: A
    weight: int = 1
    watch_port: int | None = None
    """The member takes part while this port is up; None: always."""

    def encode(self) -> p4r.ActionProfileAction:
        """Encode, the port as a byte string: `watch`, a number, is deprecated (section 9.2.3).

        Raises:
            ValueError: an argument of the action does not fit.
        """
        encoded = p4r.ActionProfileAction(action=self.action.encode(), weight=self.weight)
        if self.watch_port is not None:
            encoded.watch_port = encode_int(self.watch_port)
        return encoded


def decode_action(owner: str, actions: Mapping[int, type[Action]], action: p4r.Action) -> Action:
    """Decode one of several actions.

    Raises:
        ValueError: none of them, or a parameter is missing.
    """
    kind = actions.get(action.action_id)
    if kind is None:
        raise ValueError(f"{owner}: unknown action {action.action_id}")
    try:
        return kind.decode(action)
    except KeyError as missing:
        raise ValueError(f"{owner}: {kind.NAME} came without parameter {missing.args[0]}") from None


def decode_watch_port(member: p4r.ActionProfileAction | p4r.ActionProfileGroup.Member) -> int | None:
    """The port that a member watches, in the encoding of today or in the deprecated one; None for none."""
    match member.WhichOneof("watch_kind"):
        case "watch_port":
            return decode_bytes(member.watch_port)
        case "watch":
            return int(member.watch)
        case _:
            return None
