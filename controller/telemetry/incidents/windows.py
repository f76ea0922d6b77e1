"""Whose bytes left a queue while it was congested, from reports that each say a part of it. Pure.

A report says how much has left since its window began, and how much of that was the packet's flow; the same
of the window before; and what was in the queue in front of the packet when it came. So what left from when
the first packet came that is reported until the last one left is known, of the queue and of each flow, but
for what a flow sent after its own last report. What a lost report would have said, the next one of the
window does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents.evidence import PacketEvidence

__all__ = ["WindowBytes"]

_MOST_WINDOWS = 64
_MOST_FLOWS = 256
"""Of one window."""


@dataclass(slots=True)
class _Span:
    """Which of the bytes that leave in a window are counted: from so many to so many of them."""

    low: int
    high: int

    def more(self, low: int, high: int) -> int:
        """Count these, too; returns how many of them are new."""
        found = max(0, self.low - low) + max(0, high - self.high)
        self.low, self.high = min(low, self.low), max(high, self.high)
        return found


@dataclass(slots=True)
class _Window:
    """What is counted of one window."""

    queue: _Span
    flows: dict[FlowId, _Span] = field(default_factory=dict)

    def more(self, flow: FlowId, low: int, high: int) -> int:
        """Count bytes of a flow; returns how many of them are new."""
        span = self.flows.get(flow)
        if span is not None:
            return span.more(low, high)
        if len(self.flows) >= _MOST_FLOWS:
            return 0
        self.flows[flow] = _Span(low, high)
        return high - low


class WindowBytes:
    """The windows of one queue, as far as they may matter."""

    def __init__(self) -> None:
        self._windows: dict[int, _Window] = {}

    def more(self, packet: PacketEvidence) -> tuple[int, int]:
        """What a report says that was not known before: bytes of the flow, and of the queue."""
        flow, queue, left = packet.flow_bytes, packet.queue_bytes, packet.left
        if packet.window is None or not queue:
            return flow, queue
        number = packet.window
        if left is None:
            # Only what was in front of the packet is known.
            return self._count(number, packet.flow, (0, flow), (0, queue))
        goes_on = number - 1 in self._windows
        is_whole = goes_on or queue >= left.queue
        counted = self._count(
            number,
            packet.flow,
            (0 if is_whole else max(0, left.flow - flow), left.flow),
            (0 if is_whole else left.queue - queue, left.queue),
        )
        if not is_whole or not left.queue_before:
            return counted
        # What was in front of it and did not leave in this window did in the one before.
        flow_low = max(0, left.flow_before - max(0, flow - left.flow))
        queue_low = max(0, left.queue_before - max(0, queue - left.queue))
        if goes_on and not self._windows[number - 1].queue.low:
            flow_low = 0
        before = self._count(
            number - 1, packet.flow, (flow_low, left.flow_before), (queue_low, left.queue_before)
        )
        return counted[0] + before[0], counted[1] + before[1]

    def _count(
        self, number: int, flow: FlowId, of_flow: tuple[int, int], of_queue: tuple[int, int]
    ) -> tuple[int, int]:
        window = self._windows.get(number)
        if window is None:
            if len(self._windows) >= _MOST_WINDOWS:
                del self._windows[min(self._windows)]
            window = self._windows[number] = _Window(_Span(*of_queue))
            more = of_queue[1] - of_queue[0]
        else:
            more = window.queue.more(*of_queue)
        return window.more(flow, *of_flow), more
