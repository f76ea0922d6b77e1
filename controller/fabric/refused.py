"""What the store keeps and this version does not accept or understand.

While there is any of it that may say what switches hold, what they held before and nobody asks for is left
alone. This module knows no switch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from p4fabric.controller.fabric.views import RefusedIntent
from p4fabric.controller.names import IntentKey
from p4fabric.controller.store.records import Contents, NotUnderstood

__all__ = ["RefusedIntents"]


class RefusedIntents:
    """Intents by key, and records that cannot be read; those stay as they are until they are deleted."""

    def __init__(self, contents: Contents) -> None:
        """Take what the store keeps; which intents are refused is not known yet."""
        self._intents: dict[IntentKey, RefusedIntent] = {}
        self._records = {record.key: record for record in contents.not_understood}

    def __iter__(self) -> Iterator[IntentKey]:
        return iter(self._intents)

    def __contains__(self, key: object) -> bool:
        return key in self._intents

    def __len__(self) -> int:
        return len(self._intents)

    @property
    def unread(self) -> Mapping[str, str]:
        """Records that cannot be read, by key, and why."""
        return {key: record.reason for key, record in self._records.items()}

    def record(self, key: str) -> NotUnderstood | None:
        """A record that cannot be read, or None."""
        return self._records.get(key)

    @property
    def reasons(self) -> Mapping[IntentKey, str]:
        """Why each intent is refused."""
        return {key: "; ".join(map(str, refused.error.listed())) for key, refused in self._intents.items()}

    def __getitem__(self, key: IntentKey) -> RefusedIntent:
        return self._intents[key]

    def get(self, key: IntentKey) -> RefusedIntent | None:
        """A refused intent, or None."""
        return self._intents.get(key)

    def add(self, refused: RefusedIntent) -> None:
        """An intent is refused."""
        self._intents[refused.key] = refused

    def remove(self, key: IntentKey) -> None:
        """An intent was deleted or replaced."""
        self._intents.pop(key, None)

    def remove_record(self, key: str) -> None:
        """A record that cannot be read was deleted."""
        self._records.pop(key, None)

    def is_last(self, one: IntentKey | NotUnderstood) -> bool:
        """Whether switches hold nothing that follows from any other of this."""
        intents = self._intents.keys() - {one}
        return not intents and not any(r.may_have_meaning for r in self._records.values() if r is not one)

    def may_stand(self) -> bool:
        """Whether switches may hold something that follows from any of this."""
        return bool(self._intents) or any(record.may_have_meaning for record in self._records.values())
