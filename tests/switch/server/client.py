"""A P4Runtime client for tests: thin, on a real socket, with default gRPC settings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
from finsy.proto import p4i, p4r, p4r_grpc, rpc_status
from google.protobuf import text_format

from p4fabric.pipelines import fabric

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
Push = p4r.SetForwardingPipelineConfigRequest
PROGRAMS = Path(__file__).parent / "programs"
ENGINE_PROGRAMS = Path(__file__).parents[1] / "engine" / "programs"


@cache
def fabric_config() -> p4r.ForwardingPipelineConfig:
    return p4r.ForwardingPipelineConfig(p4info=fabric.p4info(), p4_device_config=fabric.device_config())


@cache
def kinds_config() -> p4r.ForwardingPipelineConfig:
    return _config(PROGRAMS / "kinds")


@cache
def state_config() -> p4r.ForwardingPipelineConfig:
    return _config(ENGINE_PROGRAMS / "state")


@cache
def program_config(name: str) -> p4r.ForwardingPipelineConfig:
    """A program of `programs/`."""
    return _config(PROGRAMS / name)


def _config(program: Path) -> p4r.ForwardingPipelineConfig:
    p4info = text_format.Parse(program.with_suffix(".p4info.txtpb").read_text(), p4i.P4Info())
    return p4r.ForwardingPipelineConfig(
        p4info=p4info, p4_device_config=program.with_suffix(".json").read_bytes()
    )


MACROS = {
    "BRIDGE": 'match { field_id: 1 exact { value: "\\1" } } match { field_id: 2 exact { value: "\\2" } }',
    "VRF": 'match { field_id: 1 exact { value: "\\1" } }',
    "GROUP": 'match { field_id: 1 exact { value: "\\1" } }',
    "SRC": 'match { field_id: 4 exact { value: "\\1" } }',
    "TO_PORT": 'action { action { action_id: $to_port params { param_id: 1 value: "\\3" } } }',
    "ALLOW": "action { action { action_id: $allow_ipv4 } }",
    "SEND": 'action { action { action_id: $send params { param_id: 1 value: "\\1" } } }',
    "ROUTE": 'action { action { action_id: $route_to params { param_id: 1 value: "\\1" }'
    ' params { param_id: 2 value: "\\1" } params { param_id: 3 value: "\\1" } } }',
    "KIND": 'match { field_id: 1 exact { value: "\\5" } }',
    "FORWARD": 'action { action { action_id: $forward params { param_id: 1 value: "\\2" } } }',
    "SET": "action { action_profile_action_set { action_profile_actions {"
    ' action { action_id: $to_port params { param_id: 1 value: "\\1" } } ARGUMENT } } }',
}


def entity(text: str, config: p4r.ForwardingPipelineConfig) -> p4r.Entity:
    """An entity in text form; `$name` is the id of the object of that alias, `<NAME argument>` a macro."""
    text = re.sub(r"<(\w+) ?([^>]*)>", lambda found: MACROS[found[1]].replace("ARGUMENT", found[2]), text)
    ids = {
        one.preamble.alias: one.preamble.id
        for kind in (
            *("tables", "actions", "action_profiles", "counters", "meters", "registers", "digests"),
            "value_sets",
        )
        for one in getattr(config.p4info, kind)
    }
    return text_format.Parse(re.sub(r"\$([\w.]+)", lambda found: str(ids[found[1]]), text), p4r.Entity())


class Case(NamedTuple):
    """An update that must be refused."""

    kind: int
    entity: p4r.Entity
    code: int
    said: str


def refusals(name: str, config: p4r.ForwardingPipelineConfig) -> list[Case]:
    """The cases of `refusals/NAME.txt`: `KIND -> CODE: what the text must say`, and the entity below."""
    cases = []
    for block in (Path(__file__).parent / "refusals" / f"{name}.txt").read_text().strip().split("\n\n"):
        head, _, body = block.partition("\n")
        kind, _, rest = head.partition(" -> ")
        code, _, said = rest.partition(": ")
        number = grpc.StatusCode[code.rstrip(":")].value[0]
        cases.append(Case(p4r.Update.Type.Value(kind), entity(body, config), number, said))
    return cases


def refusal_of(error: grpc.aio.AioRpcError) -> list[tuple[int, str]]:
    """The p4.v1.Error details of a status: code and text of each."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            status = rpc_status.Status.FromString(value)
            assert (status.code, status.message) == (error.code().value[0], error.details())
            found = []
            for detail in status.details:
                one = p4r.Error()
                assert detail.Unpack(one)
                found.append((one.canonical_code, one.message))
            return found
    return []


class Client:
    """One client with one stream."""

    def __init__(
        self,
        address: str,
        election_id: int | None = 1,
        *,
        role: str = "",
        device_id: int = 1,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self.channel = (
            grpc.aio.secure_channel(address, credentials)
            if credentials is not None
            else grpc.aio.insecure_channel(address)
        )
        self.stub = p4r_grpc.P4RuntimeStub(self.channel)
        self.device_id, self.role, self.election_id = device_id, role, election_id
        self.stream: Any = self.stub.StreamChannel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stream.cancel()
        await self.channel.close()

    async def bid(self, election_id: int | None = None, **other: Any) -> None:
        """Send an arbitration update, without waiting for an answer."""
        request = p4r.StreamMessageRequest()
        request.arbitration.device_id = other.get("device_id", self.device_id)
        if role := other.get("role", self.role):
            request.arbitration.role.name = role
        if election_id is not None:
            request.arbitration.election_id.CopyFrom(uint128(election_id))
        await self.stream.write(request)

    async def arbitrate(self) -> int:
        """Bid, and return the status code of the answer: 0 for primary."""
        await self.bid(self.election_id)
        return (await self.arbitration()).status.code

    async def arbitration(self) -> p4r.MasterArbitrationUpdate:
        return (await self.receive("arbitration")).arbitration

    async def receive(self, kind: str, timeout: float = 60.0) -> p4r.StreamMessageResponse:
        """The next message, which must be of this kind."""
        async with asyncio.timeout(timeout):
            message: p4r.StreamMessageResponse = await self.stream.read()
        assert message is not grpc.aio.EOF, await self.stream.code()
        assert message.WhichOneof("update") == kind, message
        return message

    async def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes."""
        try:
            await asyncio.wait_for(asyncio.shield(self._pending()), seconds)
        except TimeoutError:
            return True
        return False

    def _pending(self) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(self.stream.read())
        self.stream = _Resumed(self.stream, task)
        return task

    async def push(
        self, config: p4r.ForwardingPipelineConfig | None, action: int = Push.VERIFY_AND_COMMIT
    ) -> None:
        request = Push(device_id=self.device_id, role=self.role, action=action)  # type: ignore[arg-type]
        if self.election_id is not None:
            request.election_id.CopyFrom(uint128(self.election_id))
        if config is not None:
            request.config.CopyFrom(config)
        await self.stub.SetForwardingPipelineConfig(request)

    async def config(self, response_type: int = 0) -> p4r.GetForwardingPipelineConfigResponse:
        request = p4r.GetForwardingPipelineConfigRequest(
            device_id=self.device_id,
            response_type=response_type,  # type: ignore[arg-type]
        )
        response: p4r.GetForwardingPipelineConfigResponse = await self.stub.GetForwardingPipelineConfig(
            request
        )
        return response

    async def write(
        self, *updates: tuple[int, p4r.Entity], atomicity: int = p4r.WriteRequest.CONTINUE_ON_ERROR
    ) -> list[tuple[int, str]]:
        """Write; returns (code, text) of each update, nothing when all succeeded."""
        request = p4r.WriteRequest(
            device_id=self.device_id,
            role=self.role,
            atomicity=atomicity,  # type: ignore[arg-type]
        )
        if self.election_id is not None:
            request.election_id.CopyFrom(uint128(self.election_id))
        for kind, one in updates:
            request.updates.add(type=kind, entity=one)
        try:
            await self.stub.Write(request)
        except grpc.aio.AioRpcError as error:
            found = refusal_of(error)
            if not found:
                raise
            assert len(found) == len(updates)
            return found
        return []

    async def read(self, *requests: p4r.Entity, role: str = "") -> list[p4r.Entity]:
        return [one for message in await self.messages(*requests, role=role) for one in message.entities]

    async def messages(self, *requests: p4r.Entity, role: str = "") -> list[p4r.ReadResponse]:
        request = p4r.ReadRequest(device_id=self.device_id, role=role, entities=requests)
        return [message async for message in self.stub.Read(request)]


class _Resumed:
    """A stream of which one read is on the way already."""

    def __init__(self, stream: Any, task: asyncio.Task[Any]) -> None:
        self._stream, self._task = stream, task

    async def read(self) -> Any:
        task, self._task = self._task, None  # type: ignore[assignment]
        return await (task if task is not None else self._stream.read())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def uint128(value: int) -> p4r.Uint128:
    return p4r.Uint128(high=value >> 64, low=value & (1 << 64) - 1)


def everything() -> list[p4r.Entity]:
    """Requests for all that a switch can hold."""
    texts = (
        "table_entry {}", "action_profile_member {}", "action_profile_group {}",
        "packet_replication_engine_entry { multicast_group_entry {} }",
        "packet_replication_engine_entry { clone_session_entry {} }",
        "digest_entry {}", "counter_entry {}", "register_entry {}",
        "meter_entry {}", "direct_meter_entry {}", "value_set_entry {}",
    )  # fmt: skip
    return [text_format.Parse(text, p4r.Entity()) for text in texts]


def as_set(entities: Iterable[p4r.Entity]) -> set[bytes]:
    """For comparing: the order of entities means nothing."""
    found = [one.SerializeToString(deterministic=True) for one in entities]
    assert len(set(found)) == len(found), "an entity was read twice"
    return set(found)


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    """The status of a call that must fail."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError("the call was not refused")


Build = Callable[[str], p4r.Entity]


def select(found: Sequence[p4r.Entity], kind: str) -> list[p4r.Entity]:
    return [one for one in found if one.WhichOneof("entity") == kind]
