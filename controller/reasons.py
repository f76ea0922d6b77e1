"""Why something was refused, or does not do all it should: a closed set of codes, for programs.

A code is the fragment of its section in docs/reference/problems.md, which says what each means and what to
do about it. This module does not know who finds what.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["PROBLEMS_PAGE", "Code", "Reason"]

PROBLEMS_PAGE = "https://p4fabric.github.io/p4fabric/reference/problems/"
"""Where codes are described."""


class Code(StrEnum):
    """What kind of problem; `heading` says it in words that are the same each time."""

    heading: str

    def __new__(cls, code: str, heading: str) -> Code:
        """Take the code and its heading."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.heading = heading
        return member

    # Requests that are refused.
    BAD_REQUEST = "bad-request", "The request is not HTTP/1.1"
    UNREADABLE_BODY = "unreadable-body", "The body cannot be read"
    UNAUTHENTICATED = "unauthenticated", "No token or certificate, or a wrong one"
    FORBIDDEN = "forbidden", "Whoever asks may not do that"
    NOT_FOUND = "not-found", "It does not exist"
    UNKNOWN_PATH = "unknown-path", "There is no such path"
    METHOD_NOT_ALLOWED = "method-not-allowed", "The path does not have this method"
    REQUEST_TIMEOUT = "request-timeout", "The request took too long to come in"
    CONFLICT = "conflict", "It does not stand together with other intents"
    IN_USE = "in-use", "Others need it"
    NO_ROOM = "no-room", "Tables of switches have no room"
    OWNED_BY_OTHERS = "owned-by-others", "Somebody else owns fields"
    SWITCH_CONNECTED = "switch-connected", "The switch is connected"
    LINK_UP = "link-up", "The link is up, or configured"
    EXPIRED = "expired", "It is too old to go on from"
    PRECONDITION_FAILED = "precondition-failed", "It is not as the request expects it"
    BODY_TOO_LARGE = "body-too-large", "The body is too large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type", "The body is of a type that is not read here"
    INVALID = "invalid", "The request or a document is wrong by itself"
    TOO_MANY_REQUESTS = "too-many-requests", "Requests come too fast"
    INTERNAL_ERROR = "internal-error", "The controller has a fault"
    STORE_FAILED = "store-failed", "The store does not keep changes"
    BUSY = "busy", "Too much is in flight"

    # Streams that end.
    SLOW = "slow", "The client reads too slowly"

    # Fields that are wrong.
    REQUIRED = "required", "It is missing"
    UNKNOWN_FIELD = "unknown-field", "There is no such field"
    UNKNOWN_PARAMETER = "unknown-parameter", "There is no such query parameter"
    UNKNOWN_KIND = "unknown-kind", "There is no such kind"
    INVALID_VALUE = "invalid-value", "The value is not valid"
    GIVEN_TWICE = "given-twice", "It is given more than once"
    ALREADY_CLAIMED = "already-claimed", "Another intent has it"
    NOT_THERE = "not-there", "It refers to something that does not exist"
    NUMBERS_EXHAUSTED = "numbers-exhausted", "There is no number left"
    SHARE_USED = "share-used", "The tenant has its share of a table"
    MORE = "more", "There are more than are shown"

    # Reasons why something does not do all it should.
    SWITCH_DISCONNECTED = "switch-disconnected", "A switch is not connected"
    SWITCH_UNREAD = "switch-unread", "A switch was not read yet since it was connected"
    SWITCH_HELD = "switch-held", "Nothing is written to a switch until an operator decides"
    UNKNOWN_SWITCH = "unknown-switch", "A switch is not part of the fabric"
    PORT_MISSING = "port-missing", "A switch does not have a port"
    TARGET_LIMITS = "target-limits", "Switches of this kind cannot do all of it"
    SHORT_WINDOW = "short-window", "Another watch on the switch counts bytes in shorter windows"
    PORT_LINKED = "port-linked", "Another switch is linked to a port of a network"
    NO_PATH = "no-path", "There is no path between two switches"
    NO_OTHER_WAY = "no-other-way", "What is drained is the only way for somebody"
    SERVER_UNSEEN = "server-unseen", "A server was not seen yet"
    SERVER_UNCHECKED = "server-unchecked", "A server cannot be checked"
    SERVER_DOWN = "server-down", "A server fails its checks"
    NEXT_HOP_UNSEEN = "next-hop-unseen", "The next hop of a route was not seen yet"
    GNB_UNSEEN = "gnb-unseen", "A base station was not seen yet"
    ENTRY_REFUSED = "entry-refused", "A switch refuses an entry"
    ENTRY_WAITING = "entry-waiting", "An entry waits for others"
    NOT_UNDERSTOOD = "not-understood", "This version refuses a stored intent"

    @property
    def url(self) -> str:
        """Where it is described; RFC 9457's `type`."""
        return f"{PROBLEMS_PAGE}#{self.value}"


class Reason(str):
    """A sentence for people, and for programs what it is about.

    Two reasons are the same if they read the same.
    """

    __slots__ = ("code", "facts")

    code: Code
    facts: tuple[tuple[str, str | int], ...]
    """What the sentence names, such as `("switch", "leaf1")`; names as the API has them."""

    def __new__(cls, code: Code, message: str, **facts: str | int) -> Reason:
        """Take the code, the sentence, and what it names."""
        reason = super().__new__(cls, message)
        reason.code, reason.facts = code, tuple(facts.items())
        return reason

    def and_then(self, more: str, **facts: str | int) -> Reason:
        """The same reason with more to say."""
        return Reason(self.code, f"{self}{more}", **{**dict(self.facts), **facts})

    def as_dict(self) -> dict[str, str | int]:
        """The reason as JSON has it."""
        return {"code": self.code.value, "message": str(self), **dict(self.facts)}
