"""What may differ between switches that speak P4Runtime: the defaults are what the specification says."""

from __future__ import annotations

from typing import ClassVar

import grpc

__all__ = ["Target", "TargetError"]


class TargetError(Exception):
    """The pipeline cannot be encoded for this target; the text says what is missing."""


class Target:
    """Base of the targets; an instance may hold what one switch needs, such as a file of its own."""

    name: ClassVar[str]
    """What a switch's configuration calls it."""
    max_receive_bytes: ClassVar[int] = 4 << 20
    """The largest message that the switch may send: gRPC's own default."""
    batch_size: ClassVar[int] = 500
    """Updates in one Write."""
    batches_in_flight: ClassVar[int] = 4
    """Writes sent before the first is answered."""

    cpu_port: ClassVar[int] = 510
    """The port that the switch sends to the controller."""
    front_ports: ClassVar[range] = range(1, 510)
    """Numbers of ports that hosts and other switches are connected to."""
    most_replicas: ClassVar[int] = 4096
    """In a multicast group or a clone session."""
    most_members: ClassVar[int] = 1 << 20
    """Members, or sum of weights, of a group of an action selector, where the program sets no bound."""

    is_hash_known: ClassVar[bool] = False
    """Whether the member of a group that a flow takes follows from the program alone, bit by bit."""

    missing_entry: ClassVar[frozenset[grpc.StatusCode]] = frozenset({grpc.StatusCode.NOT_FOUND})
    """How the switch refuses to read a counter of an entry that it does not have."""

    port_number_leaf: ClassVar[str | None] = None
    """Where gNMI has a port's number: the leaf of an interface's state. None: the switch speaks no gNMI."""

    drop_session_path: ClassVar[str | None] = None
    """Where gNMI has the clone session of packets that found their queue full; None: the program is not given
    them."""

    clock_path: ClassVar[str | None] = None
    """Where gNMI has the clock that reports go by, in nanoseconds; None: nobody can ask for it."""

    has_queue_bins: ClassVar[bool] = False
    """Whether the switch tells what its queues do, millisecond by millisecond."""

    has_clone_priorities: ClassVar[bool] = True
    """Whether copies may have a class of service of their own."""

    @property
    def untold_drops(self) -> str | None:
        """Why nobody hears how many packets found a queue full; None: it is told."""
        is_told = self.drop_session_path is not None or self.has_queue_bins
        return None if is_told else f"no tail-drop reports on {self.name}"

    @property
    def queue_limits(self) -> tuple[str, ...]:
        """What it cannot tell of its queues, or not as others do."""
        found = []
        if self.drop_session_path is None:
            found.append(f"no tail-drop reports on {self.name}")
        if not self.has_queue_bins:
            found.append(f"no bins of queues on {self.name}")
        if not self.has_clone_priorities:
            found.append(f"no priority for reports on {self.name}")
        return tuple(found)

    def device_config(self, artifact: bytes) -> bytes:
        """Encode what the P4 compiler's bmv2 back end wrote as this target's `p4_device_config`.

        Raises:
            TargetError: something that the target needs is missing or unreadable.
        """
        return artifact
