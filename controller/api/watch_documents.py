"""What followers of intents are told, as server-sent events with JSON; each is written once for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p4fabric.controller.api.intent_documents import intent_text
from p4fabric.controller.documents.watch import WatchError
from p4fabric.controller.fabric import Change, IntentLog, IntentView
from p4fabric.controller.reasons import Code

__all__ = [
    "Lens",
    "added_text",
    "bookmark_text",
    "change_text",
    "end_text",
]


@dataclass(frozen=True, slots=True)
class Lens:
    """What somebody follows, and how they see it."""

    passes: Callable[[IntentView], bool]
    seen: Callable[[IntentView], IntentView] | None = None
    """An intent as its own tenant sees it; None: as it is."""


def change_text(log: IntentLog, change: Change, lens: Lens) -> bytes | None:
    """A change for those who follow by a lens; None: it is nothing to them."""
    before = change.before is not None and lens.passes(change.before)
    after = change.after is not None and lens.passes(change.after)
    if not before and not after:
        return None
    name = "deleted" if not after else "modified" if before else "added"
    # All others see an intent alike, and it has one tenant.
    kept = name if lens.seen is None else f"{name}, for its tenant"
    text = change.texts.get(kept)
    if text is None:
        view = change.before if name == "deleted" else change.after
        assert view is not None
        seen = view if lens.seen is None else lens.seen(view)
        text = _event(name, _intent(name, change.number, seen), change.number)
        log.keep(change, kept, text)
    return text


def added_text(view: IntentView, version: int) -> bytes:
    """An intent that was there before; without an id, as one cannot go on from there."""
    return _event("added", _intent("added", version, view))


def bookmark_text(version: int) -> bytes:
    """That all has been told up to a number."""
    return _event("bookmark", f'{{"type": "bookmark", "resourceVersion": "{version}"}}', version)


def end_text(code: Code, message: str) -> bytes:
    """Why nothing more will come."""
    return _event("error", WatchError(type="error", code=code, message=message).model_dump_json())


def _intent(name: str, version: int, view: IntentView) -> str:
    return f'{{"type": "{name}", "resourceVersion": "{version}", "intent": {intent_text(view)}}}'


def _event(name: str, text: str, version: int | None = None) -> bytes:
    id_line = f"id: {version}\n" if version is not None else ""
    return f"{id_line}event: {name}\ndata: {text}\n\n".encode()
