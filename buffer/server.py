"""A buffer's life: its socket, the address that the controller connects to, and its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

import grpc

from p4fabric.buffer.control import Control
from p4fabric.buffer.gtpu import PORT
from p4fabric.buffer.packets import Bounds
from p4fabric.buffer.service import BufferService
from p4fabric.softswitch.server.listen import ListenAddress
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.server import Tls

__all__ = ["BufferOptions", "BufferServer"]

_GRACE = 0.3
_LARGEST_MESSAGE = 4 << 20
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
    # A controller asks whether the buffer is still there.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.keepalive_permit_without_calls", 1),
)


@dataclass(frozen=True, slots=True)
class BufferOptions:
    """What a buffer is made of.

    Attributes:
        address: of this host in the network where gNBs are.
        control: unix:PATH or HOST:PORT, for the controller. With the latter, `tls` with an authority is
            needed, or `insecure`: whoever says something there may have UEs' packets sent anywhere.
        port: of UDP; gNBs and switches know only the usual one.
    """

    address: IPv4Address
    control: str
    bounds: Bounds = field(default_factory=Bounds)
    tls: Tls | None = None
    insecure: bool = False
    port: int = PORT


class BufferServer:
    """Holds packets while the body of an `async with` runs.

    Raises:
        BadOption: an option is wrong or cannot be had.
    """

    def __init__(self, options: BufferOptions) -> None:
        """Take the options."""
        self._options = options
        self._control = ListenAddress.parse(options.control)
        self._service: BufferService | None = None
        self._server: grpc.aio.Server | None = None
        self._control_port = 0

    @property
    def service(self) -> BufferService:
        """While it runs."""
        assert self._service is not None
        return self._service

    @property
    def control(self) -> str:
        """Where the controller finds it."""
        return self._control.with_port(self._control_port)

    async def __aenter__(self) -> Self:
        options = self._options
        is_mutual = options.tls is not None and options.tls.authority is not None
        if self._control.path is None and not (is_mutual or options.insecure):
            raise BadOption(
                f"address {self._control.text}: others than the controller can connect there. Give "
                "--tls-cert, --tls-key and --tls-ca, or listen at a Unix socket (unix:PATH), or accept it "
                "with --insecure"
            )
        service = BufferService(options.bounds)
        try:
            service.open(options.address, options.port)
        except OSError as error:
            where = f"{options.address} port {options.port}"
            raise BadOption(f"packets cannot be received at {where} (UDP): {error.strerror}") from None
        try:
            server = grpc.aio.server(options=_OPTIONS)
            server.add_generic_rpc_handlers((Control(service).handler(),))
            self._control_port = self._bind(server)
            await server.start()
        except BaseException:
            service.close()
            raise
        self._service, self._server = service, server
        return self

    def _bind(self, server: grpc.aio.Server) -> int:
        port: int
        credentials = self._options.tls.credentials() if self._options.tls is not None else None
        with self._control.bindable():
            try:
                if credentials is not None:
                    port = server.add_secure_port(self._control.text, credentials)
                else:
                    port = server.add_insecure_port(self._control.text)
            except RuntimeError:
                port = 0
        if not port:
            raise BadOption(f"the controller cannot be served at {self._control.text}: is it in use?")
        return port

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await self._server.stop(_GRACE)
        if self._service is not None:
            self._service.close()
