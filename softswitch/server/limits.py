"""What clients may take of the gRPC server: connections, calls, time.

Peers that connect and say nothing are let go, so that descriptors come back; those that are dead are found by
HTTP/2 pings. Sizes of requests are in `rpc`, of clients' queues in `stream`.
"""

from __future__ import annotations

import resource

from p4fabric.softswitch.server.rpc import LARGEST_REQUEST

MOST_CONNECTIONS = 512
"""Open at a time; more are closed at once. Half of the usual 1024 descriptors: the engine needs some."""
HANDSHAKE_SECONDS = 5
"""From a connection's beginning to the end of TLS' and HTTP/2's handshakes; a slower peer is let go."""
IDLE_SECONDS = 30
"""That a connection lives without a call; gRPC's clients open another when they need one."""
PING_SECONDS, PING_TIMEOUT_SECONDS = 20, 10
"""Between pings to a silent peer, and until one that does not answer is let go."""
MOST_CALLS_OF_CONNECTION = 256
"""HTTP/2 streams of one connection; a client's further calls wait."""
MOST_CALLS = 1024
"""Calls and streams of all clients together; more are RESOURCE_EXHAUSTED."""

GRPC_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_REQUEST),
    ("grpc.so_reuseport", 0),
    ("grpc.max_allowed_incoming_connections", MOST_CONNECTIONS),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1000),
    ("grpc.max_connection_idle_ms", IDLE_SECONDS * 1000),
    ("grpc.max_concurrent_streams", MOST_CALLS_OF_CONNECTION),
    # What a call may send before its turn stays the initial window, 64 KiB, however fast the network is.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.keepalive_time_ms", PING_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", PING_TIMEOUT_SECONDS * 1000),
    ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_SECONDS * 1000),  # the longer of the two counts
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
)


def raise_descriptor_limit() -> None:
    """As many descriptors as this process may have: many shells give 1024 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
