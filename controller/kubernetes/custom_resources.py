"""The custom resources that stand for intents: one for each kind, made from the kind's own model."""

from __future__ import annotations

from typing import Any

from p4fabric.controller.intents import KINDS
from p4fabric.controller.intents.life import IntentState
from p4fabric.controller.kubernetes.structural import structural

__all__ = [
    "FINALIZER",
    "GROUP",
    "NAMESPACE_ANNOTATION",
    "ROLE_LABEL",
    "TENANT_LABEL",
    "VERSION",
    "definitions",
    "path_of",
    "plural",
]

GROUP = "p4fabric.io"
VERSION = "v1alpha1"
FINALIZER = f"{GROUP}/intent"
"""Keeps an object until its intent is gone from all switches."""
TENANT_LABEL = f"{GROUP}/tenant"
"""Of a namespace: whose intents its objects are; without it, the tenant is called as the namespace."""
ROLE_LABEL = f"{GROUP}/role"
"""Of a namespace: `operator`, and its objects may ask for what concerns all tenants."""
NAMESPACE_ANNOTATION = f"{GROUP}/namespace"
"""Of an intent: where the object is that it was made of; both have one kind and one name."""
_SHORT = {
    "CongestionResponse": "p4cr",
    "Endpoint": "p4ep",
    "FirewallPolicy": "p4fw",
    "Network": "p4net",
    "Service": "p4svc",
    "TelemetryWatch": "p4watch",
    "Upf": "p4upf",
    "UpfSession": "p4ue",
}
"""`kubectl get p4net`; a kind without one has none."""
_CONDITION = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
        "reason": {"type": "string"},
        "message": {"type": "string"},
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer", "format": "int64"},
    },
}
"""As metav1.Condition has it."""
_STATUS = {
    "type": "object",
    "properties": {
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "description": "the generation of the object that this is about",
        },
        "tenant": {"type": "string", "description": "whose intent it is"},
        "state": {
            "type": "string",
            "description": f"refused, or as p4fabric says it: {', '.join(IntentState)}",
        },
        "message": {"type": "string", "description": "why it is not active, in one line"},
        "conditions": {
            "type": "array",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}
_COLUMNS = [
    {"name": "Tenant", "type": "string", "jsonPath": ".status.tenant"},
    {"name": "State", "type": "string", "jsonPath": ".status.state"},
    {"name": "Message", "type": "string", "jsonPath": ".status.message"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def plural(kind: str) -> str:
    """The resource of a kind, such as `networks`."""
    word = kind.lower()
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch")) else f"{word}s"


def path_of(kind: str, namespace: str | None = None, name: str | None = None) -> str:
    """Where objects of a kind are: all, those of a namespace, or one."""
    within = f"/namespaces/{namespace}" if namespace is not None else ""
    return f"/apis/{GROUP}/{VERSION}{within}/{plural(kind)}{f'/{name}' if name is not None else ''}"


def definitions() -> list[dict[str, Any]]:
    """A CustomResourceDefinition for each kind of intent."""
    return [_definition(kind) for kind in KINDS]


def _definition(kind: str) -> dict[str, Any]:
    schema = KINDS[kind].model_json_schema()
    spec = structural({**schema["properties"]["spec"], "$defs": schema["$defs"]})
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural(kind),
        "singular": kind.lower(),
        "categories": ["p4fabric"],
    }
    if kind in _SHORT:
        names["shortNames"] = [_SHORT[kind]]
    whole = {
        "type": "object",
        "description": schema.get("description", ""),
        "required": ["spec"],
        "properties": {"spec": spec, "status": _STATUS},
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": whole},
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
