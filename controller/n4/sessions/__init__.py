"""Sessions as values: what the rules of one session are, and what a message makes of them.

    changed = establish(request, up_seid, resources)
    changed = modify(changed.session, request, resources)

A message is carried out in whole or not at all: both return a new value and what it means besides, or raise
`MessageRefused` with the cause, offending IE and failed rule of the answer, and have then given back whatever
they took of resources. Nothing here knows switches; who installs rules compares two values of a session.
"""

from p4fabric.controller.n4.sessions.change import Changed, EndMarker, ended, establish, modify
from p4fabric.controller.n4.sessions.limits import Limits
from p4fabric.controller.n4.sessions.resources import NotAvailable, Resources
from p4fabric.controller.n4.sessions.values import Far, Filter, Forwarding, Pdr, Session

__all__ = [
    "Changed",
    "EndMarker",
    "Far",
    "Filter",
    "Forwarding",
    "Limits",
    "NotAvailable",
    "Pdr",
    "Resources",
    "Session",
    "ended",
    "establish",
    "modify",
]
