"""Takes the reports of switches: from a socket, of known nodes, with what is lost and what the time is.

`Collector` is pure but for its counts; `open_endpoint` gives it what comes to a UDP port.
"""

from p4fabric.controller.telemetry.collector.clock import ClockEstimate, ClockSample, OffsetEstimator
from p4fabric.controller.telemetry.collector.collector import Collector, NodeFigures
from p4fabric.controller.telemetry.collector.endpoint import open_endpoint
from p4fabric.controller.telemetry.collector.exchange import exchange_clocks
from p4fabric.controller.telemetry.collector.feed import FeedSender, serve_feed
from p4fabric.controller.telemetry.collector.sequence import Arrival, SequenceCounter
from p4fabric.controller.telemetry.collector.values import (
    ClockExchange,
    CollectorSettings,
    Refused,
    ReportSink,
)

__all__ = [
    "Arrival",
    "ClockEstimate",
    "ClockExchange",
    "ClockSample",
    "Collector",
    "CollectorSettings",
    "FeedSender",
    "NodeFigures",
    "OffsetEstimator",
    "Refused",
    "ReportSink",
    "SequenceCounter",
    "exchange_clocks",
    "open_endpoint",
    "serve_feed",
]
