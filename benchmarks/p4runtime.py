"""What the benchmarks ask of a switch over P4Runtime: to be its primary, a pipeline, batches of updates.

Batches are serialised before anything is measured, so that a client's own work does not count.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import grpc
from finsy.proto import p4r, p4r_grpc

DEVICE_ID = ELECTION_ID = 1
BATCH = 500


class Primary:
    """The primary of a switch."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = p4r_grpc.P4RuntimeStub(channel)
        self._write = channel.unary_unary("/p4.v1.P4Runtime/Write")

    def push(self, config: p4r.ForwardingPipelineConfig) -> None:
        """Have it run a pipeline."""
        request = p4r.SetForwardingPipelineConfigRequest(device_id=DEVICE_ID, config=config)
        request.election_id.low, request.action = ELECTION_ID, request.VERIFY_AND_COMMIT
        self.stub.SetForwardingPipelineConfig(request)

    def write(self, made: Iterable[bytes]) -> None:
        """Send batches one after the other."""
        for batch in made:
            self._write(batch)


@contextmanager
def primary(address: str) -> Iterator[Primary]:
    """Be the primary of a switch meanwhile."""
    outgoing: queue.Queue[p4r.StreamMessageRequest | None] = queue.Queue()
    request = p4r.StreamMessageRequest()
    request.arbitration.device_id, request.arbitration.election_id.low = DEVICE_ID, ELECTION_ID
    outgoing.put(request)
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)
        found = Primary(channel)
        # Kept: a stream that nobody holds is closed.
        stream = found.stub.StreamChannel(iter(outgoing.get, None))
        answer = next(stream)
        assert answer.arbitration.status.code == 0
        try:
            yield found
        finally:
            outgoing.put(None)


def batches(
    entities: Iterable[p4r.Entity],
    kind: int = p4r.Update.INSERT,
    size: int = BATCH,
    atomicity: int = p4r.WriteRequest.CONTINUE_ON_ERROR,
) -> list[bytes]:
    """Updates of one kind, `size` in a request, serialised."""
    made, left = [], iter(entities)
    while chunk := list(islice(left, size)):
        request = p4r.WriteRequest(
            device_id=DEVICE_ID,
            atomicity=atomicity,  # type: ignore[arg-type]
        )
        request.election_id.low = ELECTION_ID
        for entity in chunk:
            request.updates.add(type=kind, entity=entity)
        made.append(request.SerializeToString())
    return made
