"""The routes of intents: each says what it takes and gives; the fabric does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import APIRouter, Header, Query, Request, Response

from p4fabric.controller.access import Access, Forbidden, Principal, TenantView, errors_for
from p4fabric.controller.api import audit
from p4fabric.controller.api.apply_stream import apply_events
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.body import (
    APPLY_PATCH,
    MERGE_PATCH,
    media_type,
    read_document,
    read_documents,
    read_patch,
)
from p4fabric.controller.api.conditions import condition_of, entity_tag
from p4fabric.controller.api.intent_documents import (
    all_deleted_text,
    applied_list_text,
    applied_text,
    counters_document,
    deleted_text,
    intent_text,
    list_text,
    owners_document,
)
from p4fabric.controller.api.intent_names import kind_filter, known_kind
from p4fabric.controller.api.openapi import (
    ANY_INTENT,
    INTENT_BODY,
    INTENTS_BODY,
    KEYS_BODY,
    PATCH_BODY,
    tagged,
)
from p4fabric.controller.api.paging import Continue, Cursor, Limit
from p4fabric.controller.api.preview_documents import USUAL_ENTRIES, DryRun, DryRunEntries, preview_text
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.stream import EVENT_STREAM, EventResponse, StreamSlots
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.api.watch import IntentWatches
from p4fabric.controller.api.watch_hub import WatchFilter
from p4fabric.controller.documents.intents import (
    AppliedIntent,
    AppliedIntents,
    CountersDocument,
    DeletedIntent,
    DeletedIntents,
    IntentList,
    IntentState,
    OwnersDocument,
)
from p4fabric.controller.documents.preview import PreviewDocument
from p4fabric.controller.fabric import (
    Applied,
    ChangePreview,
    Fabric,
    IntentView,
    Outcome,
    UnknownIntent,
)
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.intents.fields import LABEL
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.reasons import Code
from p4fabric.controller.resources import Filter, How, Selector, SelectorError, Write, check
from p4fabric.controller.turns import in_turns

__all__ = ["intent_routes"]

T = TypeVar("T")
Owner = Annotated[
    str | None,
    Query(
        description="in whose name it is written; without, in that of the token",
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
    ),
]
Force = Annotated[bool, Query(description="take fields from other owners")]
OnBehalfOf = Annotated[
    str | None,
    Query(
        alias="onBehalfOf",
        description="a tenant: what it may not do is refused, whoever asks",
        pattern=f"^(?:{LABEL.pattern})$",
    ),
]

_PAGE = 500
_ONE = "/intents/{kind}/{tenant}/{name}"


def intent_routes(
    fabric: Fabric, access: Access, watches: IntentWatches, slots: StreamSlots, heartbeat: float
) -> APIRouter:
    """The routes.

    Args:
        fabric: whose intents they are of.
        access: who may see and change which.
        watches: clients that follow intents.
        slots: of streams.
        heartbeat: seconds of silence on a stream before a comment is sent.
    """
    router = APIRouter(prefix="/api/v1", tags=["intents"], route_class=StrictRoute)

    @router.get(
        "/intents",
        response_model=IntentList,
        responses={
            200: {
                "description": "A page, or with `watch=true` a stream: the `data` of each event.",
                "content": {EVENT_STREAM: {"schema": {"$ref": "#/components/schemas/WatchEvent"}}},
            },
            **problems(404, 410, 422, 503),
        },
    )
    async def list_intents(
        request: Request,
        asking: Asking,
        kind: Annotated[str | None, Query(description="only this kind")] = None,
        tenant: Annotated[str | None, Query(description="only this tenant's")] = None,
        name: Annotated[str | None, Query(description="only those of this name")] = None,
        label_selector: Annotated[
            str, Query(alias="labelSelector", description="such as app=web,tier!=db,old,!new,zone in (a,b)")
        ] = "",
        owner: Annotated[str | None, Query(description="only those of which this owner owns a field")] = None,
        state: Annotated[IntentState | None, Query(description="only those in this state")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
        watch: Annotated[
            bool, Query(description="a stream: intents as they are, then each change of them")
        ] = False,
        resource_version: Annotated[
            str | None,
            Query(
                alias="resourceVersion", description="with watch: only changes after that of a list or event"
            ),
        ] = None,
        last_event_id: Annotated[str | None, Header(description="the same, of who comes back")] = None,
    ) -> Response:
        """Intents and how far they are, in order of kind, tenant and name; or what becomes of them."""
        kind = None if kind is None else kind_filter(kind)
        filters = {"kind": kind, "tenant": tenant, "name": name, "owner": owner, "state": state}
        cursor = Cursor.read(continue_, 3, labels=label_selector, **filters)
        tenant_view = seen_by(asking)
        selector = _selector(label_selector)
        wanted = Filter(kind, tenant_view.tenant_asked_for(tenant), name, owner, selector)
        _check_watch(request, watch)
        if watch:
            seen = None if tenant_view.tenant is None else tenant_view.view
            followed = WatchFilter(wanted, state, seen)
            return watches.follow(followed, resource_version, last_event_id)
        after = None if cursor.after is None else _key_after(cursor.after)
        page = fabric.intents.page(wanted, limit, after, state)
        version = page.version if cursor.version is None else cursor.version
        token = None if page.after is None else cursor.token(version, page.after)
        return _json(list_text(await _texts(intent_text, map(tenant_view.view, page.views)), version, token))

    @router.post(
        "/intents",
        response_model=AppliedIntents | PreviewDocument,
        openapi_extra=INTENTS_BODY,
        responses={
            200: {
                "description": "What became of each; with `Accept: text/event-stream`, as it happens.",
                "content": {EVENT_STREAM: {"schema": {"$ref": "#/components/schemas/ApplyEvent"}}},
            },
            **_WRITE,
        },
    )
    async def apply_intents(
        request: Request,
        asking: Asking,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
        owner: Owner = None,
        force: Force = False,
        on_behalf_of: OnBehalfOf = None,
    ) -> Response:
        """Apply one document or a list of them: all or nothing, in any order.

        What the owner applied before and applies no more goes; fields of other owners stay. A stream of
        events tells that all are accepted, then how far each is, until all are active or degraded.
        """
        tenant_view, name = seen_by(asking, on_behalf_of), owner or asking.name
        documents = await read_documents(request)
        tenant_view.may_write(documents)
        writes = [Write(document, name, How.APPLY, force) for document in documents]
        if dry_run:
            return await _previewed(request, tenant_view, writes, dry_run_entries)
        applied = await _written(request, tenant_view, writes)
        # It is done: who finds no slot gets the usual answer.
        if EVENT_STREAM in request.headers.get("accept", "") and not slots.are_taken:
            events = apply_events(fabric, applied, tenant_view.view, heartbeat)
            return EventResponse(events, slots, is_refused=False)
        return _json(applied_list_text(await _texts(applied_text, applied), applied[0].version))

    @router.post(
        "/intents/delete",
        response_model=DeletedIntents | PreviewDocument,
        openapi_extra=KEYS_BODY,
        responses=problems(400, 404, 409, 413, 415, 422, 503),
    )
    async def delete_intents(
        request: Request,
        asking: Asking,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
    ) -> Response:
        """Take several intents out, all or none, in any order: those that need each other go together.

        Of each document, only kind, tenant and name are read.
        """
        documents, tenant_view = await read_documents(request), seen_by(asking)
        tenant_view.may_write(documents)
        keys = [_key_of(document, index, len(documents)) for index, document in enumerate(documents)]
        for key in keys:
            tenant_view.may_delete(key)
        with errors_for(tenant_view.tenant):
            if dry_run:
                audit.nothing_done(request)
                return await _preview(
                    tenant_view.preview(await fabric.intents.preview_delete_all(keys, dry_run_entries))
                )
            deleted = await fabric.intents.delete_all(keys)
        audit.deleted(request, list(dict.fromkeys(keys)), fabric.intents.revision)
        return _json(await asyncio.to_thread(all_deleted_text, tenant_view.deleted(deleted)))

    @router.put(
        _ONE,
        response_model=AppliedIntent | PreviewDocument,
        openapi_extra=tagged(INTENT_BODY),
        responses={201: {"model": AppliedIntent, "description": "It was created."}, **_WRITE},
    )
    async def put_intent(
        kind: str,
        tenant: str,
        name: str,
        request: Request,
        asking: Asking,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
        owner: Owner = None,
    ) -> Response:
        """Create an intent, or replace it; the body may leave out what the path says."""
        condition, tenant_view = condition_of(request.headers), seen_by(asking)
        tenant_view.may_write([{"tenant": tenant}])
        document = await read_document(request, kind=known_kind(kind), tenant=tenant, name=name)
        write = Write(document, owner or asking.name, How.REPLACE, condition=condition)
        return await _write(request, tenant_view, write, dry_run_entries if dry_run else None)

    @router.patch(
        _ONE,
        response_model=AppliedIntent | PreviewDocument,
        openapi_extra=tagged(PATCH_BODY),
        responses={201: {"model": AppliedIntent, "description": "It was created."}, **_WRITE},
    )
    async def patch_intent(
        kind: str,
        tenant: str,
        name: str,
        request: Request,
        asking: Asking,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
        owner: Owner = None,
        force: Force = False,
    ) -> Response:
        """Change parts of an intent: by a JSON merge patch (RFC 7396), or by what one owner applies."""
        condition, tenant_view = condition_of(request.headers), seen_by(asking)
        name_of_owner, key = owner or asking.name, _key(kind, tenant, name)
        tenant_view.may_write([{"tenant": tenant}])
        if media_type(request, MERGE_PATCH, APPLY_PATCH) == MERGE_PATCH:
            patch = await read_patch(request)
            write = Write(patch, name_of_owner, How.MERGE, condition=condition, key=key)
        else:
            document = await read_document(request, **key._asdict())
            write = Write(document, name_of_owner, How.APPLY, force, condition)
        return await _write(request, tenant_view, write, dry_run_entries if dry_run else None)

    @router.get(_ONE, response_model=None, responses={**_INTENT, **problems(404, 422)})
    async def get_intent(kind: str, tenant: str, name: str, asking: Asking) -> Response:
        """One intent and how far it is."""
        return _one(_found(kind, tenant, name, asking))

    @router.delete(
        _ONE,
        response_model=DeletedIntent | PreviewDocument,
        openapi_extra=tagged({}),
        responses=problems(404, 409, 412, 422, 503),
    )
    async def delete_intent(
        kind: str,
        tenant: str,
        name: str,
        request: Request,
        asking: Asking,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
        on_behalf_of: OnBehalfOf = None,
    ) -> Response:
        """Take an intent out, and say what goes with it; refused while others need it."""
        key, condition = _key(kind, tenant, name), condition_of(request.headers)
        tenant_view = seen_by(asking, on_behalf_of)
        if not tenant_view.sees(tenant):
            check(condition, None, key)
            _unknown(key)
        tenant_view.may_delete(key)
        with errors_for(tenant_view.tenant):
            if dry_run:
                audit.nothing_done(request)
                found = await fabric.intents.preview_delete(key, dry_run_entries, condition=condition)
                return await _preview(tenant_view.preview(found))
            deleted = await fabric.intents.delete(key, condition=condition)
        audit.deleted(request, [key], fabric.intents.revision)
        return _json(deleted_text(tenant_view.deleted(deleted)))

    @router.get(f"{_ONE}/owners", responses=problems(404, 422))
    async def get_owners(kind: str, tenant: str, name: str, asking: Asking) -> OwnersDocument:
        """Who owns which field of an intent."""
        return owners_document(_found(kind, tenant, name, asking).resource)

    @router.get(f"{_ONE}/counters", responses=problems(404, 422))
    async def get_counters(kind: str, tenant: str, name: str, asking: Asking) -> CountersDocument:
        """What is counted for an intent, read from the switches now."""
        key = _found(kind, tenant, name, asking).key
        return counters_document(key, await fabric.counters(key))

    def seen_by(asking: Principal, on_behalf_of: str | None = None) -> TenantView:
        """What somebody sees, or a tenant on whose behalf they ask."""
        if on_behalf_of is not None:
            if asking.tenant not in (None, on_behalf_of):
                why = f"must be {asking.tenant}, yours"
                raise Forbidden([FieldError("onBehalfOf", on_behalf_of, why, Code.FORBIDDEN)])
            asking = asking.acting_for(TenantName(on_behalf_of))
        return access.tenant_view(fabric, asking)

    async def _written(request: Request, tenant_view: TenantView, writes: Sequence[Write]) -> list[Applied]:
        with errors_for(tenant_view.tenant):
            applied = await fabric.intents.write(writes, tenant_view.guard)
        audit.applied(request, applied)
        return [tenant_view.applied(one) for one in applied]

    async def _previewed(
        request: Request, tenant_view: TenantView, writes: Sequence[Write], entries: int
    ) -> Response:
        audit.nothing_done(request)
        with errors_for(tenant_view.tenant):
            found = await fabric.intents.preview_write(writes, entries, tenant_view.guard)
        return await _preview(tenant_view.preview(found))

    async def _write(
        request: Request, tenant_view: TenantView, write: Write, entries: int | None
    ) -> Response:
        """Write, or (with a number of entries to list) only say what that would do."""
        if entries is not None:
            return await _previewed(request, tenant_view, [write], entries)
        (applied,) = await _written(request, tenant_view, [write])
        answer = _json(applied_text(applied), 201 if applied.outcome is Outcome.CREATED else 200)
        answer.headers["ETag"] = entity_tag(applied.view.resource.revision)
        return answer

    def _found(kind: str, tenant: str, name: str, asking: Principal) -> IntentView:
        key, tenant_view = _key(kind, tenant, name), seen_by(asking)
        view = fabric.intents.get(key) if tenant_view.sees(tenant) else None
        if view is None:
            _unknown(key)
        return tenant_view.view(view)

    return router


_WRITE = problems(400, 404, 409, 412, 413, 415, 422, 503)
_INTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The intent.", "content": {"application/json": {"schema": ANY_INTENT}}}
}


def _one(view: IntentView) -> Response:
    answer = _json(intent_text(view))
    answer.headers["ETag"] = entity_tag(view.resource.revision)
    return answer


async def _texts(write: Callable[[T], str], values: Iterable[T]) -> list[str]:
    """Write many; others have their turns meanwhile."""
    return [write(value) async for value in in_turns(values)]


async def _preview(preview: ChangePreview) -> Response:
    return _json(await asyncio.to_thread(preview_text, preview))


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")


def _key(kind: str, tenant: str, name: str) -> IntentKey:
    return IntentKey(known_kind(kind), TenantName(tenant), name)


def _key_of(document: object, index: int, of: int) -> IntentKey:
    """The key that a document names.

    Raises:
        IntentError: it names none.
    """
    parts = [document.get(part) if isinstance(document, dict) else None for part in IntentKey._fields]
    errors = [
        FieldError(part, value, "is required: a text", Code.REQUIRED)
        for part, value in zip(IntentKey._fields, parts, strict=True)
        if not isinstance(value, str)
    ]
    if errors:
        raise IntentError([error.inside(f"[{index}]") if of > 1 else error for error in errors])
    kind, tenant, name = map(str, parts)
    return IntentKey(kind_filter(kind), TenantName(tenant), name)


def _key_after(parts: tuple[str, ...]) -> IntentKey:
    kind, tenant, name = parts
    return IntentKey(kind, TenantName(tenant), name)


def _check_watch(request: Request, watch: bool) -> None:
    """A parameter that has no effect is refused."""
    others = ("limit", "continue") if watch else ("resourceVersion",)
    when = "false" if watch else "true"
    given = [name for name in others if name in request.query_params]
    if given:
        raise IntentError(
            [FieldError(name, request.query_params[name], f"is for watch={when}") for name in given]
        )


def _selector(text: str) -> Selector:
    try:
        return Selector.parse(text)
    except SelectorError as error:
        raise IntentError([FieldError("labelSelector", text, str(error))]) from None


def _unknown(key: IntentKey) -> NoReturn:
    raise UnknownIntent([FieldError("name", key.name, f"{key} does not exist", Code.NOT_FOUND)])
