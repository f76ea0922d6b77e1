"""Keeps an intent for each custom resource, and tells the resource how far it is.

    objects ──► reflectors ──► queue of names ──► reconcile ──► apply, delete ──► the controller's API
       ▲                          ▲                                                     │
       └── status, finalizer      └───────────────── what becomes of intents ◄──────────┘

All is made so each time, whatever the reason to look, so nothing depends on what was missed while one of the
three was away, and the operator keeps nothing. An object stays, by a finalizer, until its intent is gone
from all switches. One that the fabric refuses is told so, and holds nobody up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from p4fabric.controller.client.client import Client
from p4fabric.controller.client.errors import (
    ApiError,
    Busy,
    ClientError,
    NotFound,
    TooManyRequests,
    Unauthenticated,
)
from p4fabric.controller.client.following import ChangeType
from p4fabric.controller.client.resources import Resource
from p4fabric.controller.intents import KINDS, IntentDocument
from p4fabric.controller.intents.life import IntentState
from p4fabric.controller.kubernetes.conditions import Told, status_of
from p4fabric.controller.kubernetes.custom_resources import (
    FINALIZER,
    NAMESPACE_ANNOTATION,
    ROLE_LABEL,
    TENANT_LABEL,
    path_of,
)
from p4fabric.controller.kubernetes.objects import KubeObject, ObjectName, said_by
from p4fabric.controller.kubernetes.reflector import Reflector
from p4fabric.controller.kubernetes.work_queue import WorkQueue
from p4fabric.controller.log_format import fields
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.principals import Role

__all__ = ["IntentOperator"]

_log = logging.getLogger(__name__)

_WORKERS = 4
_NAMESPACES = "/api/v1/namespaces"
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


class _Object(NamedTuple):
    """An object that there may be."""

    kind: str
    name: ObjectName


class _Refused(Exception):
    """Kubernetes does not take what is written; it is tried again."""


class IntentOperator:
    """Of one cluster and one controller."""

    def __init__(self, client: Client, http: httpx.AsyncClient, owner: str) -> None:
        """Take what it stands between.

        Args:
            client: of the controller.
            http: of the API server.
            owner: in whose name intents are applied; each cluster has its own.
        """
        self._client, self._http, self._owner = client, http, owner
        self._queue: WorkQueue[_Object] = WorkQueue()
        self._namespaces = Reflector(http, _NAMESPACES, self._see_namespace)
        self._objects = {kind: self._reflector(kind) for kind in KINDS}
        self._intents: dict[IntentKey, Resource[Any]] = {}
        """Those that it owns fields of, as the controller told of them last."""
        self._of_object: dict[_Object, set[IntentKey]] = {}

    def _reflector(self, kind: str) -> Reflector:
        return Reflector(self._http, path_of(kind), lambda name: self._queue.put(_Object(kind, name)))

    async def run(self) -> None:
        """Do so, for ever."""
        reflectors = (self._namespaces, *self._objects.values())
        try:
            async with asyncio.TaskGroup() as tasks:
                for reflector in reflectors:
                    tasks.create_task(reflector.run())
                tasks.create_task(self._follow_intents())
                # Until all is known, what is not there may only not have been read.
                for reflector in reflectors:
                    await reflector.synced()
                for _ in range(_WORKERS):
                    tasks.create_task(self._work())
        finally:
            self._queue.close()

    # What changes.

    def _see_namespace(self, name: ObjectName) -> None:
        """Its objects may be another tenant's now."""
        for kind, objects in self._objects.items():
            for one in objects:
                if one.namespace == name.name:
                    self._queue.put(_Object(kind, one))

    async def _follow_intents(self) -> None:
        async for change in self._client.watch(IntentDocument, owner=self._owner):
            resource = change.resource
            key = resource.key
            if (known := self._intents.pop(key, None)) is not None and (one := _object_of(known)) is not None:
                self._of_object[one].discard(key)
                if not self._of_object[one]:
                    del self._of_object[one]
                self._queue.put(one)
            if change.type is not ChangeType.DELETED:
                self._intents[key] = resource
                if (one := _object_of(resource)) is not None:
                    self._of_object.setdefault(one, set()).add(key)
                    self._queue.put(one)
            if change.type is not ChangeType.MODIFIED:
                for waiting in self._queue.waiting:  # It may be what these were refused for.
                    self._queue.put(waiting)

    # What is done about it.

    async def _work(self) -> None:
        while True:
            one = await self._queue.take()
            failed = True
            try:
                failed = not await self._reconcile(one)
            except (ClientError, httpx.HTTPError, _Refused) as error:
                _log.warning(
                    "%s %s: %s", *one, error or type(error).__name__, extra=fields("KubernetesObject")
                )
            finally:
                self._queue.done(one, failed=failed)

    async def _reconcile(self, one: _Object) -> bool:
        """Make it so; whether that is all there is to do."""
        found = self._objects[one.kind].get(one.name)
        wanted = None
        if found is not None and not found.is_deleting:
            wanted = IntentKey(one.kind, self._tenant(one.name.namespace), one.name.name)
        gone = {key for key in self._of_object.get(one, ()) if key != wanted}
        if found is not None and found.is_deleting:
            # What was applied a moment ago may not have been told yet.
            gone.add(IntentKey(one.kind, self._tenant(one.name.namespace), one.name.name))
        problems: list[tuple[str, str]] = []
        for key in gone:
            problems += await self._delete(key, one.name.namespace)
        if found is None:
            return not problems
        if wanted is None:
            return await self._release(one.kind, found, problems)
        return await self._apply(wanted, found) and not problems

    def _tenant(self, namespace: str) -> TenantName:
        found = self._namespaces.get(ObjectName("", namespace))
        said = None if found is None else found.labels.get(TENANT_LABEL)
        return TenantName(said or namespace)

    def _acts_for(self, namespace: str, tenant: TenantName) -> TenantName | None:
        """On whose behalf the objects of a namespace are applied; None: as the fabric's operator.

        Whoever may edit the namespace may do what its tenant may, and no more.
        """
        found = self._namespaces.get(ObjectName("", namespace))
        is_operators = found is not None and found.labels.get(ROLE_LABEL) == Role.OPERATOR
        return None if is_operators else tenant

    async def _delete(self, key: IntentKey, namespace: str) -> list[tuple[str, str]]:
        """Delete an intent of a namespace, unless others own something of it, too; why it is still there."""
        try:
            now = await self._client.get(KINDS[key.kind], key.tenant, key.name)
            is_ours = now.annotations.get(NAMESPACE_ANNOTATION) == namespace
            if is_ours and now.status.state is IntentState.DELETING:
                return [("deleting", "switches have not acknowledged yet that all of it is gone")]
            if is_ours and now.metadata.owners == [self._owner]:
                tenant = self._acts_for(namespace, key.tenant)
                await self._client.delete(now, version=now.version, on_behalf_of=tenant)
                return [("deleting", "its entries are being removed")]
        except NotFound:
            pass
        except ApiError as error:
            if isinstance(error, (Busy, TooManyRequests, Unauthenticated)):
                raise
            return [(error.code, error.problem.detail)]
        return []

    async def _release(self, kind: str, found: KubeObject, problems: list[tuple[str, str]]) -> bool:
        """Let an object go, once its intent is gone."""
        if FINALIZER not in found.finalizers:
            return True
        if problems:
            told = Told(self._tenant(found.name.namespace), IntentState.DELETING, problems)
            await self._tell(kind, found, told)
            return False
        left = [each for each in found.finalizers if each != FINALIZER]
        await self._patch(
            path_of(kind, *found.name),
            {"metadata": {"finalizers": left, "resourceVersion": found.version}},
        )
        return True

    async def _apply(self, key: IntentKey, found: KubeObject) -> bool:
        if (other := self._made_elsewhere(key, found.name.namespace)) is not None:
            refused = ("already_claimed", f"{key} is what {other} of another namespace asks for")
            await self._tell(key.kind, found, Told(key.tenant, None, [refused]))
            return False
        if FINALIZER not in found.finalizers:
            finalizers = [*found.finalizers, FINALIZER]
            await self._patch(
                path_of(key.kind, *found.name),
                {"metadata": {"finalizers": finalizers, "resourceVersion": found.version}},
            )
        document = {
            **key._asdict(),
            "labels": dict(found.labels),
            "annotations": {NAMESPACE_ANNOTATION: found.name.namespace},
            "spec": found.body.get("spec"),
        }
        try:
            tenant = self._acts_for(found.name.namespace, key.tenant)
            (written,) = await self._client.apply([document], owner=self._owner, on_behalf_of=tenant)
        except ApiError as error:
            if isinstance(error, (Busy, TooManyRequests, Unauthenticated)):
                raise
            reasons = [(each.code, _text(each.field, each.message)) for each in error.errors]
            told = Told(key.tenant, None, reasons or [(error.code, error.problem.detail)])
            await self._tell(key.kind, found, told)
            return False
        status = written.resource.status
        told = Told(key.tenant, status.state, [(each.code, each.message) for each in status.reasons])
        await self._tell(key.kind, found, told)
        return True

    def _made_elsewhere(self, key: IntentKey, namespace: str) -> ObjectName | None:
        """The object of another namespace that an intent was made of, and that is still there."""
        known = self._intents.get(key)
        one = None if known is None else _object_of(known)
        if one is None or one.name.namespace == namespace:
            return None
        other = self._objects[one.kind].get(one.name)
        is_there = other is not None and not other.is_deleting
        return one.name if is_there and self._tenant(one.name.namespace) == key.tenant else None

    # What is written to Kubernetes.

    async def _tell(self, kind: str, found: KubeObject, told: Told) -> None:
        status = status_of(told, found.generation, found.body.get("status"), _now())
        if status is not None:
            await self._patch(f"{path_of(kind, *found.name)}/status", {"status": status})

    async def _patch(self, path: str, patch: Mapping[str, Any]) -> None:
        response = await self._http.patch(path, json=patch, headers=_MERGE_PATCH)
        if response.status_code == httpx.codes.NOT_FOUND or response.is_success:
            return  # What is not there any more needs nothing.
        said = said_by(response.content)
        raise _Refused(f"the API server refuses to write {path}: {response.status_code}: {said}")


def _object_of(resource: Resource[Any]) -> _Object | None:
    """What an intent was made of."""
    namespace = resource.annotations.get(NAMESPACE_ANNOTATION)
    return None if namespace is None else _Object(resource.key.kind, ObjectName(namespace, resource.key.name))


def _now() -> str:
    """As metav1.Time has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _text(field: str, message: str) -> str:
    return f"{field} {message}"
