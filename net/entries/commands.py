"""Commands of bmv2's simple_switch_CLI, as p4-utils' sX-commands.txt has them, as P4Runtime updates.

In them a smaller number is a higher priority, and P4Runtime has it the other way round: a priority N
becomes 2^24 - N. Commands that ask something of a running switch have no place here.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from finsy.proto import p4r

from p4fabric.net.entries.written import Written, action_of, at, entry_of, match_of
from p4fabric.net.read.document import Value
from p4fabric.net.read.errors import Wrong
from p4fabric.softswitch.client.cells import register_cell, register_data
from p4fabric.softswitch.client.program import Action, Program, Table
from p4fabric.softswitch.client.replication import clone_session, multicast_group

LOWEST = 1 << 24
_QUEUES = "a queue's rate and depth are those of the link in the topology file"
_INSTEAD = {"set_queue_rate": _QUEUES, "set_queue_depth": _QUEUES}


def read_commands(text: str, program: Program) -> list[Written]:
    """The updates that the commands ask for.

    Raises:
        Wrong: a command is unknown, or does not fit the program; names its line.
    """
    reader = _Commands(program)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", "//")):
            continue
        place = f"line {number}"
        try:
            words = [Value(word, place) for word in shlex.split(line, comments=True)]
        except ValueError as error:
            raise Wrong(place, str(error)) from None
        if words:
            reader.run(words[0], words[1:])
    return reader.updates()


@dataclass(slots=True)
class _Node:
    instance: int
    ports: list[int]


@dataclass(slots=True)
class _Group:
    place: str
    nodes: list[_Node] = field(default_factory=list)

    def replicas(self) -> list[p4r.Replica]:
        return [
            p4r.Replica(egress_port=port, instance=node.instance)
            for node in self.nodes
            for port in node.ports
        ]


@dataclass(slots=True)
class _Mirror:
    """A clone session: to a port, or to what a group has in the end."""

    place: str
    to: int | _Group

    def replicas(self) -> list[p4r.Replica]:
        return [p4r.Replica(egress_port=self.to)] if isinstance(self.to, int) else self.to.replicas()


@dataclass(slots=True)
class _Commands:
    program: Program
    found: list[Written] = field(default_factory=list)
    groups: dict[int, _Group] = field(default_factory=dict)
    nodes: list[_Node] = field(default_factory=list)
    mirrors: dict[int, _Mirror] = field(default_factory=dict)

    def run(self, name: Value, words: Sequence[Value]) -> None:
        known = {
            "table_add": self._table_add,
            "table_set_default": self._table_set_default,
            "mc_mgrp_create": self._group,
            "mc_node_create": self._node,
            "mc_node_associate": self._associate,
            "mirroring_add": self._mirror,
            "mirroring_add_mc": self._mirror_group,
            "register_write": self._register,
        }
        if name.content not in known:
            instead = _INSTEAD.get(str(name.content), f"known are {', '.join(known)}")
            raise name.wrong(f"this command is not carried out; {instead}")
        try:
            known[name.content](words)
        except IndexError:
            raise name.wrong("words are missing") from None

    def updates(self) -> list[Written]:
        """All of them; groups and sessions first, which commands build in several steps."""
        first = [
            _inserted(group.place, multicast_group(number, group.replicas()))
            for number, group in self.groups.items()
        ]
        first += [
            _inserted(mirror.place, clone_session(session, mirror.replicas()))
            for session, mirror in self.mirrors.items()
        ]
        return first + self.found

    def _table_add(self, words: Sequence[Value]) -> None:
        """table_add TABLE ACTION KEY... => PARAMETER... [PRIORITY]"""
        table, action = self._table_and_action(words)
        texts = [word.content for word in words]
        if "=>" not in texts:
            raise words[0].wrong("=> must stand between the key and the action's parameters")
        arrow = texts.index("=>")
        keys, parameters = words[2:arrow], list(words[arrow + 1 :])
        if len(keys) != len(table.fields):
            names = ", ".join(one.name for one in table.fields)
            raise words[0].wrong(f"a key of {len(table.fields)} values is needed ({names}), not {len(keys)}")
        priority = 0
        if table.needs_priority:
            if len(parameters) != len(action.parameters) + 1:
                raise words[1].wrong(f"{len(action.parameters)} parameters and a priority are needed")
            priority = LOWEST - _integer(parameters.pop(), 0, LOWEST - 1)
        match = [match_of(one, key) for one, key in zip(table.fields, keys, strict=True)]
        given = [one for one in match if one is not None]
        encoded = self._call(action, parameters, words[1])
        self._found(words[0], entry_of(table, given, encoded, words[1], priority=priority))

    def _table_set_default(self, words: Sequence[Value]) -> None:
        """table_set_default TABLE ACTION PARAMETER..."""
        table, action = self._table_and_action(words)
        given = [word for word in words[2:] if word.content != "=>"]
        encoded = self._call(action, given, words[1])
        self._found(words[0], entry_of(table, [], encoded, words[1], default=True))

    def _table_and_action(self, words: Sequence[Value]) -> tuple[Table, Action]:
        with at(words[0].place):
            table = self.program.table(words[0].text())
            return table, table.action(words[1].text())

    def _found(self, word: Value, update: p4r.Update) -> None:
        self.found.append(Written(word.place, update))

    @staticmethod
    def _call(action: Action, given: Sequence[Value], name: Value) -> p4r.Action:
        names = [one.name for one in action.parameters]
        if len(names) != len(given):
            raise name.wrong(f"{len(names)} parameters are needed ({', '.join(names)}), not {len(given)}")
        return action_of(action, dict(zip(names, given, strict=True)), name.place)

    def _group(self, words: Sequence[Value]) -> None:
        """mc_mgrp_create GROUP"""
        self.groups[_integer(words[0], 1, 65535)] = _Group(words[0].place)

    def _node(self, words: Sequence[Value]) -> None:
        """mc_node_create INSTANCE PORT..."""
        texts = [str(word.content) for word in words]
        if "|" in texts:
            raise words[texts.index("|")].wrong("link aggregation groups are not carried out")
        ports = [_integer(word, 0, 511) for word in words[1:]]
        self.nodes.append(_Node(_integer(words[0], 0, 65535), ports))

    def _associate(self, words: Sequence[Value]) -> None:
        """mc_node_associate GROUP NODE, the nodes counted from 0"""
        group = _integer(words[0], 1, 65535)
        if group not in self.groups:
            raise words[0].wrong("there is no such group before this line")
        node = _integer(words[1], 0, 1 << 32)
        if node >= len(self.nodes):
            raise words[1].wrong("there is no such node before this line")
        self.groups[group].nodes.append(self.nodes[node])

    def _mirror(self, words: Sequence[Value]) -> None:
        """mirroring_add SESSION PORT"""
        self.mirrors[_integer(words[0], 1, 32767)] = _Mirror(words[0].place, _integer(words[1], 0, 511))

    def _mirror_group(self, words: Sequence[Value]) -> None:
        """mirroring_add_mc SESSION GROUP"""
        group = _integer(words[1], 1, 65535)
        if group not in self.groups:
            raise words[1].wrong("there is no such group before this line")
        self.mirrors[_integer(words[0], 1, 32767)] = _Mirror(words[0].place, self.groups[group])

    def _register(self, words: Sequence[Value]) -> None:
        """register_write REGISTER INDEX VALUE"""
        with at(words[0].place):
            register = self.program.find("registers", words[0].text())
            index = _integer(words[1], 0, register.size - 1)
            value = register_data(self.program, register).parse(str(words[2].content))
        entity = register_cell(register, index, value)
        self._found(words[0], p4r.Update(type=p4r.Update.MODIFY, entity=entity))


def _inserted(place: str, entity: p4r.Entity) -> Written:
    return Written(place, p4r.Update(type=p4r.Update.INSERT, entity=entity))


def _number(value: Value) -> int | str:
    try:
        return int(str(value.content), 0)
    except ValueError:
        return str(value.content)


def _integer(value: Value, low: int, high: int) -> int:
    return Value(_number(value), value.place).integer(low, high)
