"""Why something was not done. Messages are whole sentences for people; what else a command can suggest is
its own business, by the kind of the error."""

from __future__ import annotations


class BadInput(Exception):
    """A name, a value or a file that cannot be used: nothing was sent."""


class NeedsPriority(BadInput):
    """An entry of a table in which entries may overlap has no priority."""


class NeedsMember(BadInput):
    """An entry cannot have an action of its own, only a member of an action profile."""


class SwitchFailed(Exception):
    """The switch cannot be reached, or refuses."""


class Unreachable(SwitchFailed):
    """Nobody answers at the address."""


class NoDevice(SwitchFailed):
    """The switch has no such device id."""


class NoProgram(SwitchFailed):
    """The switch runs no program yet."""


class Refused(SwitchFailed):
    """Updates that the switch refuses; names each, but not the switch."""


class AnotherPrimary(SwitchFailed):
    """Another client is primary; `election_id` is that client's."""

    def __init__(self, message: str, election_id: int) -> None:
        self.election_id = election_id
        super().__init__(message)
