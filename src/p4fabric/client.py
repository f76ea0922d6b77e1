"""A client of the controller's API: async `Client`, and `SyncClient` for programs without asyncio.

    with SyncClient() as client:
        for network in client.list(Network, tenant="acme"):
            print(network.key, network.status.state, network.intent.spec.subnets)

It needs `pip install 'p4fabric[client]'`, and neither a controller nor a switch. docs/reference/client.md
describes it.
"""

from p4fabric.controller.client import (
    ApiError,
    BadSettings,
    Busy,
    CannotConnect,
    Change,
    ChangeType,
    Client,
    ClientError,
    Conflict,
    Context,
    Contexts,
    Document,
    Expired,
    Forbidden,
    Invalid,
    Named,
    NotFound,
    PreconditionFailed,
    Resource,
    Retries,
    Settings,
    SyncClient,
    TooManyRequests,
    Unauthenticated,
    UnexpectedAnswer,
    WaitTimeout,
    Writable,
    Written,
    document_of,
    key_of,
)
from p4fabric.controller.documents.access import AuditDocument, MadeToken, PrincipalDocument, TokenDocument
from p4fabric.controller.documents.apply import ApplyAdmitted, ApplyDone, ApplyEvent, ApplyProgress
from p4fabric.controller.documents.drains import DrainDocument, DrainPreviewDocument
from p4fabric.controller.documents.drops import DropDocument, DropsDocument
from p4fabric.controller.documents.events import FabricEvent
from p4fabric.controller.documents.explanation import AnswerDocument
from p4fabric.controller.documents.fabric import (
    DrainState,
    EpisodeDocument,
    HostDocument,
    LinkDocument,
    PathsDocument,
    PortDocument,
    SwitchDocument,
)
from p4fabric.controller.documents.flow_paths import FlowPathDocument
from p4fabric.controller.documents.incidents import (
    IncidentDocument,
    IncidentFilmDocument,
    SeriesDocument,
    TopDocument,
    WatchedQueueDocument,
)
from p4fabric.controller.documents.intents import (
    CountersDocument,
    IntentMetadata,
    IntentState,
    IntentStatusDocument,
    Outcome,
    OwnersDocument,
    StatusReason,
)
from p4fabric.controller.documents.preview import PreviewDocument
from p4fabric.controller.documents.problems import FieldProblem, Problem
from p4fabric.controller.documents.remedies import RemediesDocument, RemedyDocument
from p4fabric.controller.documents.status import FabricStatusDocument, FindingDocument
from p4fabric.controller.documents.telemetry import TelemetryDocument
from p4fabric.controller.documents.upf import UpfAssociationDocument, UpfBufferDocument, UpfSessionDocument
from p4fabric.controller.intents import KINDS
from p4fabric.controller.intents import IntentDocument as Intent
from p4fabric.controller.intents.errors import IntentError
from p4fabric.controller.intents.kinds.endpoint import Endpoint
from p4fabric.controller.intents.kinds.firewall import FirewallPolicy
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.intents.kinds.service import Service
from p4fabric.controller.intents.kinds.upf import UpfSession
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.intents.kinds.watch import TelemetryWatch
from p4fabric.controller.names import IntentKey
from p4fabric.controller.principals import Role
from p4fabric.controller.reasons import Code

__all__ = [
    "KINDS",
    "AnswerDocument",
    "ApiError",
    "ApplyAdmitted",
    "ApplyDone",
    "ApplyEvent",
    "ApplyProgress",
    "AuditDocument",
    "BadSettings",
    "Busy",
    "CannotConnect",
    "Change",
    "ChangeType",
    "Client",
    "ClientError",
    "Code",
    "Conflict",
    "CongestionResponse",
    "Context",
    "Contexts",
    "CountersDocument",
    "Document",
    "DrainDocument",
    "DrainPreviewDocument",
    "DrainState",
    "DropDocument",
    "DropsDocument",
    "Endpoint",
    "EpisodeDocument",
    "Expired",
    "FabricEvent",
    "FabricStatusDocument",
    "FieldProblem",
    "FindingDocument",
    "FirewallPolicy",
    "FlowPathDocument",
    "Forbidden",
    "HostDocument",
    "IncidentDocument",
    "IncidentFilmDocument",
    "Intent",
    "IntentError",
    "IntentKey",
    "IntentMetadata",
    "IntentState",
    "IntentStatusDocument",
    "Invalid",
    "LinkDocument",
    "MadeToken",
    "Named",
    "Network",
    "NotFound",
    "Outcome",
    "OwnersDocument",
    "PathsDocument",
    "PortDocument",
    "PreconditionFailed",
    "PreviewDocument",
    "PrincipalDocument",
    "Problem",
    "RemediesDocument",
    "RemedyDocument",
    "Resource",
    "Retries",
    "Role",
    "SeriesDocument",
    "Service",
    "Settings",
    "StatusReason",
    "SwitchDocument",
    "SyncClient",
    "TelemetryDocument",
    "TelemetryWatch",
    "TokenDocument",
    "TooManyRequests",
    "TopDocument",
    "Unauthenticated",
    "UnexpectedAnswer",
    "Upf",
    "UpfAssociationDocument",
    "UpfBufferDocument",
    "UpfSession",
    "UpfSessionDocument",
    "WaitTimeout",
    "WatchedQueueDocument",
    "Writable",
    "Written",
    "document_of",
    "key_of",
]
