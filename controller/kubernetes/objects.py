"""Objects of Kubernetes as far as anybody here looks at them; what is not understood stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["KubeObject", "ObjectName", "said_by"]


class ObjectName(NamedTuple):
    """Which object of a resource."""

    namespace: str
    """Empty: it is of the cluster."""
    name: str

    def __str__(self) -> str:
        """As kubectl writes it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class KubeObject:
    """One version of an object."""

    name: ObjectName
    uid: str
    version: str
    """metadata.resourceVersion; it can only be compared for being the same (Kubernetes, API conventions)."""
    generation: int
    is_deleting: bool
    """Somebody has deleted it; it goes when its finalizers have gone."""
    finalizers: tuple[str, ...]
    labels: Mapping[str, str]
    body: Mapping[str, Any]

    @classmethod
    def read(cls, body: Any) -> KubeObject:
        """Read one.

        Raises:
            ValueError: it is no object of Kubernetes.
        """
        metadata = body.get("metadata") if isinstance(body, Mapping) else None
        if not isinstance(metadata, Mapping):
            raise ValueError("has no metadata")
        texts = [metadata.get(part) for part in ("name", "uid", "resourceVersion")]
        name, uid, version = (part if isinstance(part, str) else "" for part in texts)
        if not name or not version:
            raise ValueError("has no metadata.name or no metadata.resourceVersion")
        namespace, generation = metadata.get("namespace"), metadata.get("generation")
        finalizers, labels = metadata.get("finalizers"), metadata.get("labels")
        return cls(
            ObjectName(namespace if isinstance(namespace, str) else "", name),
            uid,
            version,
            generation if isinstance(generation, int) else 0,
            metadata.get("deletionTimestamp") is not None,
            tuple(map(str, finalizers)) if isinstance(finalizers, list) else (),
            labels if isinstance(labels, Mapping) else {},
            body,
        )


def said_by(answer: bytes) -> str:
    """Why an API server refuses something: the message of its Status, or else the beginning of its answer."""
    try:
        message: str = json.loads(answer)["message"]
    except (ValueError, KeyError, TypeError):
        return answer[:200].decode(errors="replace")
    return message
