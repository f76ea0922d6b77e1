"""Who is primary (sections 5 and 10): a state machine over arbitration updates.

This module knows election ids. It sends and receives nothing itself.
"""

from __future__ import annotations

from enum import Enum

from finsy.proto import U128, p4r

from p4fabric.controller.p4runtime.update import Code

__all__ = ["Arbitration", "Standing"]


class Standing(Enum):
    """What the switch last said of us."""

    UNKNOWN = "unknown"
    PRIMARY = "primary"
    BACKUP = "backup"


class Arbitration:
    """Bids with one election id; raises it only where the switch has no primary or the id is taken.

    So of two controllers the one with the larger id rules, and the other takes over when it is gone.
    """

    def __init__(self, device_id: int, election_id: int) -> None:
        """Take an election id.

        Raises:
            ValueError: it is not 1 to 2^128 - 1.
        """
        if not 0 < election_id < 1 << 128:
            raise ValueError(f"an election id is 1 to 2^128 - 1, not {election_id}")
        self._device_id = device_id
        self._first_bid = election_id
        self.election_id = election_id
        self.standing = Standing.UNKNOWN
        self.reason = ""
        """Why we are not primary."""
        self._head: tuple[int, bytes] = (0, b"")

    def request(self) -> p4r.StreamMessageRequest:
        """The bid, to be sent first on a new stream and whenever `update` says so."""
        request = p4r.StreamMessageRequest()
        request.arbitration.device_id = self._device_id
        request.arbitration.election_id.CopyFrom(self.encoded_election_id())
        return request

    def encoded_election_id(self) -> p4r.Uint128:
        """The election id that writes carry."""
        return U128.encode(self.election_id)

    def write_head(self) -> bytes:
        """A WriteRequest without updates, encoded: which switch, and who writes."""
        if self._head[0] != self.election_id:
            head = p4r.WriteRequest(device_id=self._device_id, election_id=self.encoded_election_id())
            self._head = self.election_id, head.SerializeToString()
        return self._head[1]

    def restart(self) -> None:
        """Forget what a closed stream said, and bid as at first."""
        self.election_id = self._first_bid
        self.standing, self.reason = Standing.UNKNOWN, ""

    def id_is_taken(self) -> None:
        """Bid one more from now on: our own dead connection may still hold the id."""
        self._first_bid = min(self._first_bid + 1, (1 << 128) - 1)

    def update(self, update: p4r.MasterArbitrationUpdate) -> bool:
        """Take in what the switch said; returns whether a new bid is to be sent."""
        theirs = U128.decode(update.election_id)
        code = Code(update.status.code)
        if code is Code.OK and theirs == self.election_id:
            self.standing, self.reason = Standing.PRIMARY, ""
            return False
        self.standing = Standing.BACKUP
        if code is Code.NOT_FOUND:
            self.reason = "no controller is primary"
            bid = min(max(self.election_id, theirs + 1), (1 << 128) - 1)
            # A server that says so of our own, highest id is not asked again and again.
            again, self.election_id = bid != self.election_id, bid
            return again
        self.reason = f"another controller is primary with election id {theirs}"
        return False
