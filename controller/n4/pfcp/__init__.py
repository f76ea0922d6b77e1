"""The codec of PFCP: datagrams to frozen values and back (3GPP TS 29.244, Release 17).

    header = decode_header(datagram)
    message = decode_body(header, datagram)
    answer = encode(HeartbeatResponse(recovery_time_stamp=started), header.sequence)

Groups and messages are declared as dataclasses of IEs (`schema`, `ies`, `rules`, `reports`, `messages`). What
is wrong with a message is an exception that holds the cause, the offending IE and the failed rule of its
answer.
"""

from p4fabric.controller.n4.pfcp.causes import Cause, FailedRule, RuleKind
from p4fabric.controller.n4.pfcp.datagram import Header, decode_body, decode_header, encode
from p4fabric.controller.n4.pfcp.errors import MessageDiscarded, MessageRefused, VersionNotSupported
from p4fabric.controller.n4.pfcp.ie_types import IeType
from p4fabric.controller.n4.pfcp.message_types import MessageType
from p4fabric.controller.n4.pfcp.messages import Message

__all__ = [
    "Cause",
    "FailedRule",
    "Header",
    "IeType",
    "Message",
    "MessageDiscarded",
    "MessageRefused",
    "MessageType",
    "RuleKind",
    "VersionNotSupported",
    "decode_body",
    "decode_header",
    "encode",
]
