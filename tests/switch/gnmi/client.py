"""A gNMI client for tests: thin, on a real socket; paths are text."""

from __future__ import annotations

import asyncio
import json
import re
from types import TracebackType
from typing import Any, Self

import grpc
from finsy.proto import gnmi, gnmi_grpc

PROTO, JSON, IETF = gnmi.Encoding.PROTO, gnmi.Encoding.JSON, gnmi.Encoding.JSON_IETF
STREAM, ONCE, POLL = 0, 1, 2
_ELEMENT = re.compile(r"([^/\[]+)((?:\[[^\]]*\])*)")


def path(text: str) -> gnmi.Path:
    """`/interfaces/interface[name=port1]/state`."""
    found = gnmi.Path()
    for name, keys in _ELEMENT.findall(text):
        found.elem.add(name=name, key=dict(one.split("=") for one in re.findall(r"\[([^\]]*)\]", keys)))
    return found


def text(message: gnmi.Path) -> str:
    return "/" + "/".join(
        one.name + "".join(f"[{key}={value}]" for key, value in one.key.items()) for one in message.elem
    )


def value(typed: gnmi.TypedValue) -> Any:
    kind = typed.WhichOneof("value")
    assert kind is not None
    found = getattr(typed, kind)
    return json.loads(found) if kind.startswith("json") else found


def leaves(notification: gnmi.Notification) -> dict[str, Any]:
    found = {text(one.path): value(one.val) for one in notification.update}
    assert len(found) == len(notification.update), "a path was sent twice"
    return found


class Gnmi:
    """One client."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(address)
        self.stub = gnmi_grpc.gNMIStub(self.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.channel.close()

    async def get(
        self, *paths: str, encoding: int = PROTO, type: int = 0, prefix: str = ""
    ) -> dict[str, Any]:
        response = await self.stub.Get(self.request(*paths, encoding=encoding, type=type, prefix=prefix))
        assert all(one.timestamp for one in response.notification)
        found: dict[str, Any] = {}
        for one in response.notification:
            found |= leaves(one)
        return found

    @staticmethod
    def request(*paths: str, encoding: int = PROTO, type: int = 0, prefix: str = "") -> gnmi.GetRequest:
        request = gnmi.GetRequest(
            path=map(path, paths),
            encoding=encoding,  # type: ignore[arg-type]
            type=type,  # type: ignore[arg-type]
        )
        request.prefix.CopyFrom(path(prefix))
        return request

    async def set(
        self,
        *,
        update: dict[str, Any] | None = None,
        replace: dict[str, Any] | None = None,
        delete: tuple[str, ...] = (),
    ) -> gnmi.SetResponse:
        """Values are sent as scalars; dicts as JSON (RFC 7951)."""
        request = gnmi.SetRequest(delete=map(path, delete))
        for at, given in (update or {}).items():
            request.update.add(path=path(at), val=_typed(given))
        for at, given in (replace or {}).items():
            request.replace.add(path=path(at), val=_typed(given))
        response: gnmi.SetResponse = await self.stub.Set(request)
        return response

    def subscribe(self, *paths: str, mode: int = 0, encoding: int = PROTO, **each: Any) -> Subscriber:
        """`each`: fields of every subscription, and `updates_only`."""
        request = gnmi.SubscribeRequest()
        listed = request.subscribe
        listed.mode, listed.encoding = mode, encoding  # type: ignore[assignment]
        listed.updates_only = each.pop("updates_only", False)
        for one in paths:
            listed.subscription.add(path=path(one), **each)
        return Subscriber(self.stub.Subscribe(), request)


class Subscriber:
    """One stream of notifications."""

    def __init__(self, stream: Any, request: gnmi.SubscribeRequest) -> None:
        self.stream, self.request = stream, request

    async def send(self, request: gnmi.SubscribeRequest | None = None) -> None:
        await self.stream.write(request or self.request)

    async def next(self, timeout: float = 60.0) -> dict[str, Any]:
        """The next notification's leaves."""
        message = await self._read(timeout)
        assert message.HasField("update"), message
        return leaves(message.update)

    async def until_sync(self) -> dict[str, Any]:
        """All leaves until the switch says that that was everything."""
        found: dict[str, Any] = {}
        while not (message := await self._read(30.0)).sync_response:
            found |= leaves(message.update)
        return found

    async def poll(self) -> dict[str, Any]:
        request = gnmi.SubscribeRequest()
        request.poll.SetInParent()
        await self.send(request)
        return await self.until_sync()

    async def code(self) -> grpc.StatusCode:
        async with asyncio.timeout(60):
            found: grpc.StatusCode = await self.stream.code()
        return found

    async def _read(self, timeout: float) -> gnmi.SubscribeResponse:
        async with asyncio.timeout(timeout):
            message: gnmi.SubscribeResponse = await self.stream.read()
        assert message is not grpc.aio.EOF, await self.stream.code()
        return message


def _typed(given: Any) -> gnmi.TypedValue:
    match given:
        case bool():
            return gnmi.TypedValue(bool_val=given)
        case int():
            return gnmi.TypedValue(uint_val=given) if given >= 0 else gnmi.TypedValue(int_val=given)
        case str():
            return gnmi.TypedValue(string_val=given)
        case bytes():
            return gnmi.TypedValue(json_ietf_val=given)
    return gnmi.TypedValue(json_ietf_val=json.dumps(given).encode())
