"""A conversation with a switch over P4Runtime: deadlines on all that is asked, and primary only while
something is written.

The switch takes writes with the primary's election id alone. Here nobody is displaced unasked: where another
client is primary, writing fails, or is done with that client's election id (`as_primary`), which the switch
cannot tell from that client's own writes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import grpc
from finsy.proto import p4r, p4r_grpc, rpc_status

from p4fabric.softswitch.client.channel import address_of, failure, open_channel, told
from p4fabric.softswitch.client.errors import AnotherPrimary, NoDevice, NoProgram, Refused, SwitchFailed
from p4fabric.softswitch.client.program import Program
from p4fabric.softswitch.client.target import Target

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
PUSH_SECONDS = 120.0
"""A switch may compile what it is given."""
CLOSE_SECONDS = 1.0
"""For the switch to end a stream."""
MOST_AT_ONCE = 1000
"""Updates in a request."""
MOST_SAID = 5
"""Refused updates that a message names."""
_DEVICE_IDS = (1, 0)
_ALREADY_EXISTS, _NOT_FOUND, _OK = 6, 5, 0
_Get = p4r.GetForwardingPipelineConfigRequest


class Switch:
    """A switch, from `with` to its end."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.address = address_of(target.grpc)
        self.name = target.name or self.address
        self._device_id = target.device_id
        self._program: Program | None = None

    def __enter__(self) -> Self:
        self.channel = open_channel(self.target)
        self.stub: Any = p4r_grpc.P4RuntimeStub(self.channel)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()

    # --- reading --------------------------------------------------------------------------------

    def version(self) -> str:
        """The P4Runtime version; empty where the switch is too old to say."""
        try:
            answer = self.stub.Capabilities(p4r.CapabilitiesRequest(), timeout=self.target.timeout)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return ""
            raise failure(self.name, self.target.timeout, error) from None
        return str(answer.p4runtime_api_version)

    @property
    def device_id(self) -> int:
        """The one that was given, or the one that the switch knows."""
        if self._device_id is None:
            self._config(_Get.COOKIE_ONLY)
        assert self._device_id is not None
        return self._device_id

    def program(self, *, brief: bool = False) -> Program:
        """What runs; `SwitchFailed` when nothing does. `brief`: without asking for the device config."""
        found = self.program_or_none(brief=brief)
        if found is None:
            raise NoProgram(f"{self.name}: it runs no program yet")
        return found

    def program_or_none(self, *, brief: bool = False) -> Program | None:
        """What runs, if anything does."""
        if self._program is None:
            answer = self._config(_Get.P4INFO_AND_COOKIE if brief else _Get.ALL)
            if answer is None or not answer.config.HasField("p4info"):
                return None
            cookie = answer.config.cookie.cookie if answer.config.HasField("cookie") else None
            self._program = Program(answer.config.p4info, answer.config.p4_device_config, cookie)
        return self._program

    def fresh_program(self) -> bytes | None:
        """The P4Info of what runs now, serialised; None when nothing does."""
        answer = self._config(_Get.P4INFO_AND_COOKIE)
        return answer.config.SerializeToString(deterministic=True) if answer is not None else None

    def read(self, *entities: p4r.Entity) -> list[p4r.Entity]:
        """All that these select; a `SwitchFailed` says what is refused."""
        request = p4r.ReadRequest(device_id=self.device_id, role=self.target.role, entities=entities)
        found: list[p4r.Entity] = []

        def all_of_it() -> None:
            for message in self.stub.Read(request, timeout=self.target.timeout):
                found.extend(message.entities)

        self._told(all_of_it)
        return found

    # --- writing --------------------------------------------------------------------------------

    @contextmanager
    def primary(self) -> Iterator[Stream]:
        """A stream that may write; `SwitchFailed` when another client is primary."""
        with self.stream() as stream:
            stream.become_primary()
            yield stream

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """A stream that has not arbitrated yet."""
        stream = Stream(self)
        try:
            yield stream
        finally:
            stream.close()

    def write(self, updates: Sequence[tuple[int, p4r.Entity]], names: Sequence[str] = ()) -> None:
        (
            """Carry out updates as primary; `Refused` says which are refused, by `names`."""
            ""
        )
        if updates:
            with self.primary() as stream:
                stream.write(updates, names)

    def push(self, config: p4r.ForwardingPipelineConfig, action: int) -> None:
        """Set the pipeline, as primary."""
        with self.primary() as stream:
            stream.push(config, action)

    # --- inside ---------------------------------------------------------------------------------

    def _told(self, call: Any) -> Any:
        return told(self.name, self.target.timeout, call)

    def _config(self, kind: int) -> p4r.GetForwardingPipelineConfigResponse | None:
        """None when there is no pipeline. Finds out the device id where none was given."""
        candidates = _DEVICE_IDS if self._device_id is None else (self._device_id,)
        said = ""
        for number in candidates:
            request = _Get(device_id=number, response_type=kind)  # type: ignore[arg-type]
            try:
                answer = self.stub.GetForwardingPipelineConfig(request, timeout=self.target.timeout)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    said = error.details() or ""
                    continue
                if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                    self._device_id = number
                    return None
                raise failure(self.name, self.target.timeout, error) from None
            self._device_id = number
            return answer  # type: ignore[no-any-return]
        listed = " or ".join(map(str, candidates))
        raise NoDevice(f"{self.name}: it has no device {listed} ({said})")


class Stream:
    """One StreamChannel."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._target = switch.target
        self.election_id: p4r.Uint128 | None = None
        """What writes carry."""
        self.is_primary = False
        """Whether this stream itself is; not where it writes as another."""
        self._requests: queue.SimpleQueue[p4r.StreamMessageRequest | None] = queue.SimpleQueue()
        self._responses: queue.SimpleQueue[p4r.StreamMessageResponse | grpc.RpcError | None]
        self._responses = queue.SimpleQueue()
        self._call = switch.stub.StreamChannel(iter(self._requests.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True, name="stream")
        self._reader.start()

    def close(self) -> None:
        """End it; if it was primary, the switch has none then."""
        self._requests.put(None)
        # When the switch has ended the stream as well, it has forgotten this client.
        self._reader.join(timeout=CLOSE_SECONDS)
        self._call.cancel()
        self._reader.join(timeout=CLOSE_SECONDS)

    def become_primary(self) -> None:
        """As the target says; `SwitchFailed` when another client is primary and is to stay it."""
        wanted = self._target.election_id
        if wanted is not None and not self._target.as_primary:
            answer = self.arbitrate(wanted)
            if answer.status.code != _OK:
                raise SwitchFailed(
                    f"{self._where}: election id {wanted} is too low, {_number(answer.election_id)} has been "
                    "used: a higher one is needed"
                )
            self.election_id, self.is_primary = _uint128(wanted), True
            return
        answer = self.arbitrate(None)
        if answer.status.code == _ALREADY_EXISTS:
            present = _number(answer.election_id)
            if not self._target.as_primary:
                raise AnotherPrimary(
                    f"{self._where}: another client is primary (election id {present}), and only the primary "
                    "writes",
                    present,
                )
            self.election_id = _uint128(wanted or present)
            return
        # The highest election id that was ever used must be reached again; beginning at 1 leaves every
        # controller its own.
        mine = max(1, _number(answer.election_id))
        answer = self.arbitrate(mine)
        if answer.status.code != _OK:
            raise SwitchFailed(f"{self._where}: another client has just become primary; try again")
        self.election_id, self.is_primary = _uint128(mine), True

    def arbitrate(self, election_id: int | None) -> p4r.MasterArbitrationUpdate:
        """Bid, and what the switch says; without an election id nobody becomes primary."""
        self.bid(election_id)
        return self.receive("arbitration", self._target.timeout).arbitration

    def bid(self, election_id: int | None) -> None:
        """Bid, without waiting for the answer."""
        request = p4r.StreamMessageRequest()
        request.arbitration.device_id = self._switch.device_id
        if self._target.role:
            request.arbitration.role.name = self._target.role
        if election_id is not None:
            request.arbitration.election_id.CopyFrom(_uint128(election_id))
        self.send(request)

    def follow_arbitration(self, update: p4r.MasterArbitrationUpdate) -> str:
        """Become primary again when the client that took its place has left. What happened, in words."""
        highest = _number(update.election_id)
        if update.status.code == _OK:
            self.election_id = _uint128(highest)
            return "primary again"
        if update.status.code == _ALREADY_EXISTS:
            return f"a client with election id {highest} is primary now: nothing is heard until it leaves"
        self.bid(max(1, highest))
        return "that client has left"

    def send(self, request: p4r.StreamMessageRequest) -> None:
        """Send a message."""
        self._requests.put(request)

    def receive(self, kind: str | None, timeout: float | None) -> p4r.StreamMessageResponse:
        """The next message, of a kind if one is named; `SwitchFailed` when the stream ends or none comes."""
        while True:
            try:
                message = self._responses.get(timeout=timeout)
            except queue.Empty:
                raise SwitchFailed(f"{self._where}: no answer in {timeout:g} s") from None
            if message is None:
                raise SwitchFailed(f"{self._where}: the switch has ended the stream")
            if isinstance(message, grpc.RpcError):
                raise failure(self._where, timeout or 0.0, message)
            if kind is None or message.WhichOneof("update") == kind:
                return message

    def try_receive(self, timeout: float | None) -> p4r.StreamMessageResponse | None:
        """The next message, or None when none comes; `SwitchFailed` when the stream ends."""
        try:
            message = self._responses.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            raise SwitchFailed(f"{self._where}: the switch has ended the stream")
        if isinstance(message, grpc.RpcError):
            raise failure(self._where, timeout or 0.0, message)
        return message

    def push(self, config: p4r.ForwardingPipelineConfig, action: int) -> None:
        """Set the pipeline."""
        request = p4r.SetForwardingPipelineConfigRequest(
            device_id=self._switch.device_id,
            role=self._target.role,
            election_id=self.election_id,
            action=action,  # type: ignore[arg-type]
            config=config,
        )
        wait = max(self._target.timeout, PUSH_SECONDS)
        call = self._switch.stub.SetForwardingPipelineConfig
        told(self._where, wait, lambda: call(request, timeout=wait), "the program is refused")

    def write(self, updates: Sequence[tuple[int, p4r.Entity]], names: Sequence[str] = ()) -> None:
        """Carry out updates in order, in requests of a thousand. `Refused` names those that are refused; what
        follows their request is not sent."""
        for at in range(0, len(updates), MOST_AT_ONCE):
            self._write(updates[at : at + MOST_AT_ONCE], names[at : at + MOST_AT_ONCE])

    def _write(self, updates: Sequence[tuple[int, p4r.Entity]], names: Sequence[str]) -> None:
        request = p4r.WriteRequest(device_id=self._switch.device_id, role=self._target.role)
        if self.election_id is not None:
            request.election_id.CopyFrom(self.election_id)
        for kind, entity in updates:
            request.updates.add(type=kind, entity=entity)
        try:
            self._switch.stub.Write(request, timeout=self._target.timeout)
        except grpc.RpcError as error:
            refused = _refusals(error)
            if not refused:
                raise failure(self._where, self._target.timeout, error) from None
            said = [
                f"{names[at]}: {text}" if at < len(names) else text for at, text in enumerate(refused) if text
            ]
            more = f"; {len(said) - MOST_SAID} more are refused" if len(said) > MOST_SAID else ""
            raise Refused("; ".join(said[:MOST_SAID]) + more) from None

    @property
    def _where(self) -> str:
        return self._switch.name

    def _read(self) -> None:
        try:
            for message in self._call:
                self._responses.put(message)
            self._responses.put(None)
        except grpc.RpcError as error:
            self._responses.put(error)


def _refusals(error: Any) -> list[str]:
    """What the status says of each update; empty for those that were carried out."""
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        found = []
        for detail in rpc_status.Status.FromString(value).details:
            one = p4r.Error()
            if detail.Unpack(one):
                name = grpc_name(one.canonical_code)
                found.append(f"{name}: {one.message}" if one.canonical_code else "")
        return found
    return []


def grpc_name(code: int) -> str:
    """`NOT_FOUND` of 5."""
    return next((one.name for one in grpc.StatusCode if one.value[0] == code), str(code))


def _uint128(number: int) -> p4r.Uint128:
    return p4r.Uint128(high=number >> 64, low=number & (1 << 64) - 1)


def _number(value: p4r.Uint128) -> int:
    return value.high << 64 | value.low
