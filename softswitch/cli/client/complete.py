"""Words that the shell offers: what the switch's program has names for.

The shell waits for this, and whatever goes wrong must not show: the switch gets a second, and where nothing
is known nothing is offered. bash splits words at `=` and `:`; they are put together again here, which is why
positions are counted here and not by typer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from p4fabric.softswitch.client.program import Program, Table
    from p4fabric.softswitch.client.target import Target

SECONDS = 1.0

Offer = tuple[str, str]
"""A word, and what it is."""
Completer = Callable[[typer.Context, list[str], str], list[Offer]]


def of_table(ctx: typer.Context, args: list[str], incomplete: str) -> list[Offer]:
    """Tables, then the fields of the one that is there, then its actions and their parameters."""
    return _offers(ctx, incomplete, _of_entry)


def of_key(ctx: typer.Context, args: list[str], incomplete: str) -> list[Offer]:
    """Tables, then fields."""
    return _offers(ctx, incomplete, lambda program, words: _of_entry(program, words, actions=False))


def of_kinds(*kinds: str) -> Completer:
    """The names of P4Info's lists, as the first word."""

    def complete(ctx: typer.Context, args: list[str], incomplete: str) -> list[Offer]:
        return _offers(ctx, incomplete, lambda program, words: _named(program, kinds) if not words else [])

    return complete


def of_member(ctx: typer.Context, args: list[str], incomplete: str) -> list[Offer]:
    """Action profiles; after a member's number, actions and parameters."""
    return _offers(ctx, incomplete, _of_member)


def of_packet_out(ctx: typer.Context, args: list[str], incomplete: str) -> list[Offer]:
    """The fields of the packet_out header."""
    return _offers(
        ctx,
        incomplete,
        lambda program, words: [
            (f"{one.name}=", one.type.label) for one in program.packet_metadata("packet_out")
        ],
    )


def _of_entry(program: Program, words: list[str], *, actions: bool = True) -> Iterable[Offer]:
    if not words:
        return _named(program, ("tables",))
    return _of_words(program.table(words[0]), words[1:], actions)


def _of_words(table: Table, words: list[str], actions: bool) -> Iterator[Offer]:
    from p4fabric.softswitch.client.entries import BETWEEN, Weighted, split

    key, done = split(words)
    if BETWEEN in done:
        done = done[len(done) - done[::-1].index(BETWEEN) :] or [""]
    if done and done[0]:
        given = {word.partition("=")[0] for word in done[1:]}
        for one in table.action(Weighted.parse(done[0]).name).parameters:
            if one.name not in given:
                yield f"{one.name}=", one.type.label
        return
    given = {word.partition("=")[0] for word in key}
    if not done:
        for field in table.fields:
            if field.short not in given and field.name not in given:
                yield f"{field.short}=", field.label
    if actions:
        for action in table.actions.values():
            yield action.short, action.label


def _of_member(program: Program, words: list[str]) -> Iterator[Offer]:
    if not words:
        yield from _named(program, ("action_profiles",))
    elif len(words) >= 2:
        actions = program.profile_actions(program.find("action_profiles", words[0]))
        if len(words) == 2:
            yield from ((one.short, one.label) for one in actions.values())
            return
        for one in actions.values():
            if words[2] in (one.short, one.name):
                yield from ((f"{each.name}=", each.type.label) for each in one.parameters)


def _named(program: Program, kinds: Iterable[str]) -> Iterator[Offer]:
    from p4fabric.softswitch.client.program import KINDS

    for kind in kinds:
        for name in program.objects(kind):
            yield program.short(kind, name), f"{KINDS[kind]} {name}"


def _offers(
    ctx: typer.Context, incomplete: str, candidates: Callable[[Program, list[str]], Iterable[Offer]]
) -> list[Offer]:
    if "=" in incomplete:
        return []
    found: list[Offer] = []
    # Whatever is wrong is said when the command runs; half of a command line may be wrong in any way.
    with suppress(Exception):
        from p4fabric.softswitch.client.session import Switch

        target, words = _typed(ctx, incomplete)
        with Switch(target) as switch:
            offered = candidates(switch.program(brief=True), words)
            found = [one for one in offered if one[0].startswith(incomplete)]
    return found


def _typed(ctx: typer.Context, incomplete: str) -> tuple[Target, list[str]]:
    """The switch that is meant, and the words before the one that is being typed."""
    from p4fabric.softswitch.cli.client.options import ENVIRONMENT
    from p4fabric.softswitch.client.target import DEFAULT_ADDRESS, Target

    options: dict[str, Any] = {}
    takers = {
        name: one for one in ctx.command.params for name in one.opts if not getattr(one, "is_flag", False)
    }
    words: list[str] = []
    line = iter(_line(ctx, incomplete))
    for word in line:
        name, equals, value = word.partition("=")
        if word.startswith("-") and len(word) > 1:
            if name in takers:
                options[str(takers[name].name)] = value if equals else next(line, "")
        else:
            words.append(word)
    number = options.get("device_id", os.environ.get("P4FABRIC_DEVICE_ID"))
    target = Target(
        grpc=options.get("grpc") or os.environ.get(ENVIRONMENT) or DEFAULT_ADDRESS,
        device_id=int(number) if number else None,
        timeout=SECONDS,
        tls_ca=_path(options, "tls_ca"),
        tls_cert=_path(options, "tls_cert"),
        tls_key=_path(options, "tls_key"),
    )
    return target, words


def _path(options: Mapping[str, Any], name: str) -> Path | None:
    return Path(options[name]) if options.get(name) else None


def _line(ctx: typer.Context, incomplete: str) -> list[str]:
    """The words between the command's name and the one that is being typed."""
    text = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    words = re.sub(r"\s*([=:])\s*(?=\S)", r"\1", text).split()
    if incomplete and words and words[-1] == incomplete:
        words.pop()
    path = ctx.command_path.split()[1:]
    at = 0
    for name in path:
        at = words.index(name, at) + 1
    return words[at:]
