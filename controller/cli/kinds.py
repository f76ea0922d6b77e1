"""Which kind somebody means: `network`, `networks` and `Network` are one.

Kinds are found where the controller finds them: one module each in `intents/kinds/`. These are read, not
imported, as importing them takes longer than most requests.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from p4fabric.controller.cli.failures import Usage

__all__ = ["kind_named", "kinds_in", "kinds_in_order", "split_name"]

_FOLDER = Path(__file__).parents[1] / "intents" / "kinds"
_BASE = "IntentDocument"
_SHORT = {
    "net": "Network",
    "fw": "FirewallPolicy",
    "svc": "Service",
    "ue": "UpfSession",
    "tw": "TelemetryWatch",
}


def kinds_in(folder: Path) -> tuple[str, ...]:
    """The kinds whose modules are in a folder, those first that others refer to.

    A module that imports another one is about intents that refer to those of the other.
    """
    kinds: dict[str, list[str]] = {}
    graph: dict[str, list[str]] = {}
    for path in sorted(folder.glob("[!_]*.py")):
        module = ast.parse(path.read_bytes())
        classes = (node for node in module.body if isinstance(node, ast.ClassDef))
        kinds[path.stem] = [one.name for one in classes if _is_kind(one)]
        imported = (node.module or "" for node in module.body if isinstance(node, ast.ImportFrom))
        graph[path.stem] = [name.rpartition(".")[2] for name in imported if ".intents.kinds." in name]
    return tuple(kind for module in TopologicalSorter(graph).static_order() for kind in kinds.get(module, ()))


def _is_kind(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == _BASE for base in node.bases)


@cache
def kinds_in_order() -> tuple[str, ...]:
    """All kinds, those first that others refer to."""
    return kinds_in(_FOLDER)


def kind_named(text: str) -> str:
    """Find the kind: by its name, a short one (`fw`), or by its last word (`policy`) where only one has that.

    Raises:
        Usage: there is none of that name.
    """
    wanted = _SHORT.get(text.lower(), text).lower()
    forms = {wanted, wanted.removesuffix("s"), wanted.removesuffix("es"), wanted.removesuffix("ies") + "y"}
    kinds = kinds_in_order()
    last_words = Counter(_last_word(kind) for kind in kinds)
    for kind in kinds:
        if kind.lower() in forms:
            return kind
    for kind in kinds:
        short = _last_word(kind)
        if short in forms and last_words[short] == 1:
            return kind
    short = ", ".join(_SHORT)
    raise Usage(f"{text!r} is no kind of intent; there are {', '.join(kinds)}, in short {short}")


def _last_word(kind: str) -> str:
    """`policy` of FirewallPolicy."""
    return kind[max(index for index, letter in enumerate(kind) if letter.isupper()) :].lower()


def split_name(name: str, tenant: str | None) -> tuple[str | None, str]:
    """Read `tenant/name`, or a name alone.

    Raises:
        Usage: the tenant is given twice, differently.
    """
    said, slash, rest = name.partition("/")
    if not slash:
        return tenant, name
    if tenant not in (None, said):
        raise Usage(f"{name} names tenant {said}, --tenant {tenant}")
    return said, rest
