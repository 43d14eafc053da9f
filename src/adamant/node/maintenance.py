"""Maintenance: a machine without an identity waits until somebody enrols it.

It serves over TLS with a key that it made itself, to anybody, and nothing but the four methods of the table
`methods.ENROLMENT`: it says who it is, has its TPM prove how it was booted, and takes a certificate. Nobody can prove
to it who they are: the first who brings a certificate for its key becomes its owner, and it obeys nobody else from then
on. A person knows the machine by the fingerprint of its key, which the console and the journal show; it stays the same
over reboots until the machine is enrolled.
"""

import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from adamant.api import attest, fingerprint, methods
from adamant.api import attest_pb2 as attest_pb
from adamant.api import keys_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_KEYS
from adamant.api.fingerprint import Fingerprint
from adamant.api.methods import Method
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError
from adamant.node import attesting, certificate, identity, key, server, version
from adamant.node.calls import Requests, Turns
from adamant.node.events import Events
from adamant.node.identity import Keys, Store
from adamant.node.systemd import notify
from adamant.node.tasks import task

if TYPE_CHECKING:
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _GenericHandler = grpc.GenericRpcHandler

Handle = Callable[[Any, grpc.ServicerContext], Any]
"""What answers a method: from a request and its call to an answer."""
GRACE_SECONDS = 2.0
_TURN_SECONDS = 0.5

_OPTIONS = (
    ("grpc.max_receive_message_length", limits.ENROLMENT_MESSAGE_SIZE),
    ("grpc.max_send_message_length", limits.RPC_MESSAGE_SIZE),
    ("grpc.max_concurrent_streams", limits.ENROLMENT_CALLS),
    ("grpc.max_metadata_size", 8 << 10),
    ("grpc.max_connection_idle_ms", 30_000),
    ("grpc.max_connection_age_ms", 120_000),
    ("grpc.server_handshake_timeout_ms", int(limits.HANDSHAKE_SECONDS * 1000)),
    ("grpc.so_reuseport", 0),
)


class Proof:
    """What anybody may ask the TPM of a machine that shows them the key `shown`; all of them together so often."""

    def __init__(self, shown: Fingerprint, tasks: Path = task.FOLDER) -> None:
        self._shown = shown
        self._tasks = tasks
        self._turns = Turns(limits.ENROLMENT_PROOFS, limits.ENROLMENT_PROOF_SECONDS)

    def prove(self, request: attest_pb.AttestRequest, _context: grpc.ServicerContext) -> attest_pb.AttestResponse:
        """A quote over the nonce and the machine's own key: of use to nobody who shows another."""
        nonce = attest.bound(request.nonce, self._shown)
        with self._turns.taken():
            return attesting.attest(attest_pb.AttestRequest(nonce=nonce), self._tasks)

    def open_challenge(
        self, request: attest_pb.ActivateRequest, _context: grpc.ServicerContext
    ) -> attest_pb.ActivateResponse:
        """What the TPM finds in a challenge."""
        with self._turns.taken():
            return attesting.activate(request, self._tasks)

    def handles(self) -> dict[str, Handle]:
        """What answers, by the name of the method."""
        return {"Prove": self.prove, "OpenChallenge": self.open_challenge}


class Enrolment:
    """The four methods, and the identity that came of them. `shown` is the fingerprint of the key `own_key`."""

    def __init__(
        self,
        own_key: bytes,
        shown: Fingerprint,
        request: bytes,
        store: Store,
        about: dict[str, str],
        events: Events,
        tasks: Path = task.FOLDER,
    ) -> None:
        self._own_key = own_key
        self._proof = Proof(shown, tasks)
        self._store = store
        self._events = events
        self._answer = pb.IdentifyResponse(request=request, **about)
        self._lock = threading.Lock()
        self.enrolled = threading.Event()
        self.keys: Keys | None = None

    def identify(self, _request: pb.IdentifyRequest, _context: grpc.ServicerContext) -> pb.IdentifyResponse:
        """Who this machine is: made once, so that asking costs nothing."""
        return self._answer

    def enroll(self, request: pb.EnrollRequest, context: grpc.ServicerContext) -> pb.EnrollResponse:
        """Take the certificate and the CA, when they fit; exactly once."""
        keys = Keys(request.ca, request.certificate, self._own_key)
        with self._lock:
            if self.enrolled.is_set():
                raise BusyError("node-enrolled", "the node has been enrolled already")
            for pem in (request.certificate, request.ca):
                certificate.read_pem(pem)
            identity.prove(keys)
            self._store.enroll(keys)
            self.keys = keys
            self.enrolled.set()
        fields = {"peer": context.peer(), "ca": fingerprint.show(certificate.read_pem(request.ca).own)}
        self._events.publish(EVENT_KIND_KEYS, "the machine was enrolled", fields)
        return pb.EnrollResponse()

    def handlers(self) -> dict[Method, Handle]:
        """What answers the methods."""
        handles: dict[str, Handle] = {
            "Identify": self.identify,
            "Enroll": self.enroll,
            **self._proof.handles(),
        }
        return {method: handles[method.name] for method in methods.ENROLMENT}


class _Table(_GenericHandler):
    """Serves these methods. Requests are taken, errors told and changes audited as the API does it."""

    def __init__(self, handlers: Mapping[Method, Handle], events: Events) -> None:
        self._events = events
        self._requests = Requests(limits.ENROLMENT_CALLS, limits.ENROLMENT_REQUEST_SECONDS)
        self._handlers = {
            method.path: grpc.stream_unary_rpc_method_handler(
                self._guarded(method, handle),
                request_deserializer=None,
                response_serializer=method.response.SerializeToString,
            )
            for method, handle in handlers.items()
        }

    def _guarded(self, method: Method, handle: Handle) -> Handle:
        def call(messages: Any, context: grpc.ServicerContext) -> Any:
            outcome = "failed"
            try:
                answer = handle(server.decode(method, self._requests.first(messages)), context)
                outcome = "done"
            except AdamantError as error:
                server.abort(context, error)
            finally:
                if method.changes:
                    server.audit(self._events, method, None, context.peer(), outcome)
            return answer

        return call

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)


def serve(
    handlers: Mapping[Method, Handle], events: Events, own_certificate: bytes, own_key: bytes, address: str
) -> tuple[grpc.Server, int]:
    """Serve `handlers` to anybody at `address`. Returns the server and its port. Raises AdamantError `api-port`."""
    running = grpc.server(
        ThreadPoolExecutor(max_workers=limits.ENROLMENT_CALLS, thread_name_prefix="enrolment"),
        handlers=[_Table(handlers, events)],
        options=_OPTIONS,
        maximum_concurrent_rpcs=limits.ENROLMENT_CALLS,
    )
    port = server.bind(running, address, grpc.ssl_server_credentials([(own_key, own_certificate)]))
    running.start()
    return running, port


def wait(
    store: Store,
    root: Path,
    events: Events,
    address: str,
    ended: threading.Event,
    show: Callable[[Fingerprint, int], None],
) -> Keys | None:
    """Wait in maintenance until the machine is enrolled; None when `ended` before.

    `show` gets the fingerprint of the key and the port, for the screen.
    """
    own_key = store.own_key()
    own_certificate = key.self_signed(own_key)
    own_fingerprint = certificate.read_pem(own_certificate).key
    shown = fingerprint.show(own_fingerprint)
    store.show(shown)
    told = version.answer(root)
    about = {name: getattr(told, name) for name in ("machine_id", "hostname", "adamant", "image", "image_version")}
    enrolment = Enrolment(own_key, own_fingerprint, key.request(own_key), store, about, events)
    running, port = serve(enrolment.handlers(), events, own_certificate, own_key, address)
    show(own_fingerprint, port)
    notify(f"READY=1\nSTATUS=Maintenance: waits to be enrolled, key {shown}")
    events.publish(EVENT_KIND_KEYS, f"the machine has no identity and waits to be enrolled on port {port}")
    say(
        "This machine waits to be enrolled. The fingerprint of its key is",
        shown,
        "On your computer: adamant node enroll ADDRESS --fingerprint FINGERPRINT",
    )
    while not enrolment.enrolled.wait(_TURN_SECONDS):
        if ended.is_set():
            break
    running.stop(GRACE_SECONDS).wait()
    if enrolment.keys is not None:
        notify("STATUS=Enrolled")
    return enrolment.keys


def say(*lines: str) -> None:
    """Tell the journal and the console something that a person there is to act on."""
    sys.stderr.write("".join(f"<5>{line}\n" for line in lines))
    sys.stderr.flush()
