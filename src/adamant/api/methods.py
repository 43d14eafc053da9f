"""The one table of the API: each method with its messages and the roles that may call it.

Server and client are made from it, and nothing else says who may call what. A method that is not here needs admin.
"""

from enum import Enum
from typing import Any, NamedTuple

from adamant.api import attest_pb2 as attest
from adamant.api import capture_pb2 as capture
from adamant.api import config_pb2 as config
from adamant.api import crashes_pb2 as crashes
from adamant.api import debug_pb2 as debug
from adamant.api import drift_pb2 as drift
from adamant.api import encryption_pb2 as encryption
from adamant.api import events_pb2 as events
from adamant.api import keys_pb2 as keys
from adamant.api import logs_pb2 as logs
from adamant.api import node_pb2 as pb
from adamant.api import power_pb2 as power
from adamant.api import services_pb2 as services
from adamant.api import update_pb2 as update
from adamant.api.identity import Role

SERVICE = "adamant.node.v1.Node"
PORT = 4510
ERROR = "adamant-error-bin"
"""Trailing metadata of a call that failed: a JSON object with reference, message, context and hint."""
VERSION = "adamant-version"
"""Trailing metadata of every call: the version of Adamant that the node runs."""

ADMIN = frozenset({Role.ADMIN})
OPERATORS = frozenset({Role.ADMIN, Role.OPERATOR})
UPDATERS = frozenset({Role.ADMIN, Role.OPERATOR, Role.UPDATER})
READERS = frozenset({Role.ADMIN, Role.OPERATOR, Role.READER})
EVERYONE = frozenset(Role)


class Form(Enum):
    """How many messages go each way (gRPC, Core concepts)."""

    UNARY = "unary"
    """One request, one answer."""
    STREAM = "stream"
    """One request, any number of answers."""
    DIALOGUE = "dialogue"
    """Any number of both."""


class Method(NamedTuple):
    """One method: its name, its messages, who may call it, and whether it changes the node.

    A method that changes something stands in the audit log each time it is called, with the name of the caller.
    """

    name: str
    request: type[Any]
    response: type[Any]
    roles: frozenset[Role] = ADMIN
    form: Form = Form.UNARY
    changes: bool = False
    service: str = SERVICE

    @property
    def path(self) -> str:
        """The path of the call in HTTP/2 (gRPC over HTTP2, Requests)."""
        return f"/{self.service}/{self.name}"


METHODS: tuple[Method, ...] = (
    Method("Version", pb.VersionRequest, pb.VersionResponse, EVERYONE),
    Method("Health", pb.HealthRequest, pb.HealthResponse, EVERYONE),
    Method("Boot", pb.BootRequest, pb.BootResponse, EVERYONE),
    Method("Events", events.EventsRequest, events.Event, READERS, Form.STREAM),
    Method("Config", config.ConfigRequest, config.ConfigResponse, READERS),
    Method("ConfigHistory", config.ConfigHistoryRequest, config.ConfigHistoryResponse, READERS),
    Method("ConfigStatus", config.ConfigStatusRequest, config.ConfigStatusResponse, READERS),
    Method("ConfigPlan", config.ConfigPlanRequest, config.ConfigPlanResponse, READERS),
    Method("ConfigApply", config.ConfigApplyRequest, config.ConfigApplyResponse, ADMIN, changes=True),
    Method("ConfigConfirm", config.ConfigConfirmRequest, config.ConfigConfirmResponse, ADMIN, changes=True),
    Method("Logs", logs.LogsRequest, logs.LogEntry, READERS, Form.STREAM),
    Method("List", logs.ListRequest, logs.FileEntry, READERS, Form.STREAM),
    Method("Read", logs.ReadRequest, logs.Chunk, OPERATORS, Form.STREAM),
    Method("Drift", drift.DriftRequest, drift.DriftResponse, READERS),
    Method("DriftText", drift.DriftTextRequest, drift.DriftTextResponse, OPERATORS),
    Method("Upgrade", update.UpgradeRequest, update.UpgradeProgress, UPDATERS, Form.STREAM, changes=True),
    Method("UpgradeFrom", update.UpgradeFromRequest, update.UpgradeFromResponse, UPDATERS, Form.DIALOGUE, changes=True),
    # It changes nothing, but who looked into packets is to be known.
    Method("Capture", capture.CaptureRequest, capture.CaptureAnswer, ADMIN, Form.STREAM, changes=True),
    Method("Attest", attest.AttestRequest, attest.AttestResponse, READERS),
    # It shows which keys one TPM has, and tells nothing of the machine.
    Method("Activate", attest.ActivateRequest, attest.ActivateResponse, READERS),
    Method("Encryption", encryption.EncryptionRequest, encryption.EncryptionResponse, READERS),
    Method("RecoveryKey", encryption.RecoveryKeyRequest, encryption.RecoveryKeyResponse, ADMIN, changes=True),
    Method("Reseal", encryption.ResealRequest, encryption.ResealResponse, ADMIN, changes=True),
    Method("Recover", encryption.RecoverRequest, encryption.RecoverResponse, ADMIN, changes=True),
    Method("Crashes", crashes.CrashesRequest, crashes.CrashesResponse, READERS),
    Method("Crash", crashes.CrashRequest, crashes.CrashResponse, READERS),
    Method("NewKey", keys.NewKeyRequest, keys.NewKeyResponse, changes=True),
    Method("TakeCertificate", keys.TakeCertificateRequest, keys.TakeCertificateResponse, changes=True),
    Method("KeepCertificate", keys.KeepCertificateRequest, keys.KeepCertificateResponse, changes=True),
    Method("Kinds", pb.KindsRequest, pb.KindsResponse, READERS),
    Method("Get", pb.GetRequest, pb.GetResponse, READERS),
    Method("Watch", pb.WatchRequest, pb.WatchResponse, READERS, Form.STREAM),
    Method("Service", services.ServiceRequest, services.ServiceResponse, OPERATORS, changes=True),
    Method("Reboot", power.RebootRequest, power.RebootResponse, OPERATORS, changes=True),
    Method("Shutdown", power.ShutdownRequest, power.ShutdownResponse, OPERATORS, changes=True),
    Method("ResetPreview", power.ResetPreviewRequest, power.ResetPreviewResponse, ADMIN),
    Method("Reset", power.ResetRequest, power.ResetResponse, ADMIN, changes=True),
    Method("Debug", debug.DebugRequest, debug.DebugResponse, ADMIN, Form.DIALOGUE, changes=True),
)


def _proofs(service: str) -> tuple[Method, ...]:
    """The methods by which anybody may ask a node's TPM for a quote; it is bound to the key that the node shows."""
    return (
        Method("Prove", attest.AttestRequest, attest.AttestResponse, frozenset(), service=service),
        Method("OpenChallenge", attest.ActivateRequest, attest.ActivateResponse, frozenset(), service=service),
    )


ENROLMENT_SERVICE = "adamant.node.v1.Enrolment"
ENROLMENT: tuple[Method, ...] = (
    Method("Identify", keys.IdentifyRequest, keys.IdentifyResponse, frozenset(), service=ENROLMENT_SERVICE),
    *_proofs(ENROLMENT_SERVICE),
    Method("Enroll", keys.EnrollRequest, keys.EnrollResponse, frozenset(), changes=True, service=ENROLMENT_SERVICE),
)
"""What a node without a certificate answers, to anybody, and all that it answers then. A node that has one answers none
of it."""

RECOVERY_SERVICE = "adamant.node.v1.Recovery"
RECOVERY: tuple[Method, ...] = (
    *_proofs(RECOVERY_SERVICE),
    Method(
        "Recover",
        encryption.RecoverRequest,
        encryption.RecoverResponse,
        frozenset(),
        changes=True,
        service=RECOVERY_SERVICE,
    ),
)
"""What a node whose state is shut answers, to anybody, and all that it answers then."""

BY_PATH: dict[str, Method] = {method.path: method for method in METHODS}
BY_NAME: dict[str, Method] = {method.name: method for method in METHODS}


def may_call(path: str, role: Role) -> bool:
    """Whether a client with `role` may call the method at `path`, known or not."""
    method = BY_PATH.get(path)
    return role in (method.roles if method else ADMIN)
