"""The API's server: mutual TLS, one table of methods and roles, caps on everything that a client can make large.

Whoever has no certificate of the cluster's CA does not get past the handshake. Who has one gets what its role may call.
What a handler raises becomes a status with a text for people; a bug becomes INTERNAL and a line in the journal.
"""

import binascii
import json
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any

import grpc

from adamant.api import events_pb2, methods
from adamant.api.identity import Identity, parse_subject
from adamant.api.methods import Form, Method
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, VerificationError
from adamant.model.version import ADAMANT
from adamant.node.calls import Call, Gate, Requests, Watchdog
from adamant.node.events import Events
from adamant.node.identity import Keys

if TYPE_CHECKING:
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _GenericHandler = grpc.GenericRpcHandler

Handler = Callable[[Any, Call], Any]
"""What answers a method: from a request (an iterator of them, in a dialogue) and the call to an answer (an iterator of
them, in a stream or a dialogue). An iterator is closed when the call ends, however it ends."""

OPTIONS = (
    ("grpc.max_receive_message_length", limits.RPC_REQUEST_SIZE),
    ("grpc.max_send_message_length", limits.RPC_MESSAGE_SIZE),
    ("grpc.max_concurrent_streams", limits.RPC_STREAMS),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.server_handshake_timeout_ms", int(limits.HANDSHAKE_SECONDS * 1000)),
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
    # Whether a client's computer is still there is asked also of a connection without calls, which costs a descriptor.
    ("grpc.keepalive_time_ms", int(limits.KEEPALIVE_SECONDS * 1000)),
    # The same twice: newer releases of gRPC go by the second, whose default is a minute, and older ones by the first.
    ("grpc.keepalive_timeout_ms", int(limits.KEEPALIVE_ANSWER_SECONDS * 1000)),
    ("grpc.http2.ping_timeout_ms", int(limits.KEEPALIVE_ANSWER_SECONDS * 1000)),
    ("grpc.keepalive_permit_without_calls", 1),
)
THREADS = limits.RPC_WORKERS + limits.RPC_STREAMS_OPEN

_VERSION = ((methods.VERSION, ADAMANT),)


def client(context: grpc.ServicerContext) -> Identity | None:
    """Who calls, by the certificate that the handshake has verified."""
    known: Mapping[str, Any] = context.auth_context()
    subjects = list(known.get("x509_subject", ()))
    return parse_subject(subjects[0].decode("utf-8", "replace")) if len(subjects) == 1 else None


def fingerprint(context: grpc.ServicerContext) -> str:
    """SHA-256 of the certificate of who calls, in its DER form."""
    import hashlib  # noqa: PLC0415 - loads OpenSSL's part of Python, which no start waits for

    known: Mapping[str, Any] = context.auth_context()
    pem: bytes = next(iter(known.get("x509_pem_cert", ())), b"")
    return hashlib.sha256(binascii.a2b_base64(b"".join(pem.splitlines()[1:-1]))).hexdigest()


def decode(method: Method, data: bytes | None) -> Any:
    """The request that a caller's bytes are. Raises InputError `request-unreadable`, also where there are none."""
    if data is None:
        raise InputError("request-unreadable", f"{method.name} was called without a request")
    try:
        return method.request.FromString(data)
    except Exception as error:  # protobuf raises DecodeError, and others for what is nested too deep
        raise InputError("request-unreadable", f"the request of {method.name} cannot be read") from error


class _Door:
    """What stands before every handler: the role, the limits, the audit log, and what becomes of errors."""

    def __init__(self, events: Events, revoked: Callable[[], Collection[str]] = frozenset) -> None:
        self._events = events
        self._revoked = revoked
        self._gate = Gate()
        self._requests = Requests(THREADS, limits.RPC_REQUEST_SECONDS)
        self._watchdog = Watchdog()

    def unary(self, method: Method, handler: Handler) -> Callable[[Any, grpc.ServicerContext], Any]:
        """`handler` behind the door, for a method with one answer."""

        def call(messages: Any, context: grpc.ServicerContext) -> Any:
            with self._through(method, context) as made:
                return handler(decode(method, self._requests.first(messages)), made)

        return call

    def stream(self, method: Method, handler: Handler) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
        """`handler` behind the door, for a method with any number of answers."""

        def read(messages: Any) -> Any:
            first = self._requests.first(messages)
            if method.form is not Form.DIALOGUE:
                return decode(method, first)
            # A dialogue has begun before its handler hears of it; one without a message is one without requests.
            return (decode(method, data) for data in chain([] if first is None else [first], messages))

        def call(messages: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with self._through(method, context) as made, closing(handler(read(messages), made)) as answers:
                key = id(context)
                try:
                    for answer in answers:
                        self._check_not_revoked(context)
                        # gRPC asks for the next answer once the client's flow control has let this one through.
                        self._watchdog.sending(key, context.cancel)
                        yield answer
                        self._watchdog.taken(key)
                finally:
                    self._watchdog.taken(key)

        return call

    @contextmanager
    def _through(self, method: Method, context: grpc.ServicerContext) -> Iterator[Call]:
        who = client(context)
        if who is None or not methods.may_call(method.path, who.role):
            role = f"the role {who.role}" if who else "a certificate without a role"
            self._audit(method, who, context, "refused")
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{method.name} may not be called with {role}")
        assert who is not None  # abort raised
        made = Call(who, context.peer(), context.is_active, context.add_callback)
        outcome = "failed"
        context.set_trailing_metadata(_VERSION)
        try:
            self._check_not_revoked(context)
            with nullcontext() if method.form is Form.UNARY else self._gate.passing(who.name):
                yield made
            outcome = "done"
        except AdamantError as error:
            if error.reference == "certificate-revoked":
                outcome = "refused"
            abort(context, error)
        except GeneratorExit:
            outcome = "ended by the client"
            raise
        except Exception:
            if not context.is_active():
                return  # the client has gone, and gRPC says so by an exception
            sys.stderr.write(f"<3>{method.name} failed by a bug of the agent\n{traceback.format_exc()}")
            context.abort(grpc.StatusCode.INTERNAL, f"{method.name} failed by a bug of the agent; its log says more")
        finally:
            self._audit(method, who, context, outcome)

    def _check_not_revoked(self, context: grpc.ServicerContext) -> None:
        """Cheap while nothing is revoked: a certificate is looked at only then."""
        listed = self._revoked()
        if listed and fingerprint(context) in listed:
            raise VerificationError(
                "certificate-revoked", "the client's certificate was revoked", hint="have a new one made"
            )

    def _audit(self, method: Method, who: Identity | None, context: grpc.ServicerContext, outcome: str) -> None:
        """A line in the audit log for what changes the node, and for what was refused."""
        if method.changes or outcome == "refused":
            audit(self._events, method, who, context.peer(), outcome)


def audit(events: Events, method: Method, who: Identity | None, peer: str, outcome: str) -> None:
    """Write a line of the audit log: `who` (None: somebody without a certificate of the cluster) called `method`."""
    fields = {
        "client": who.name if who else "",
        "role": who.role.value if who else "",
        "peer": peer,
        "method": method.name,
        "outcome": outcome,
    }
    events.publish(events_pb2.EVENT_KIND_CALL, f"{method.name} was called", fields)


def abort(context: grpc.ServicerContext, error: AdamantError) -> None:
    """End a call with an error: its text for every client, and the whole of it for ours."""
    code = "DEADLINE_EXCEEDED" if error.reference == "client-silent" else "UNKNOWN"
    if isinstance(error, VerificationError):
        code = "UNAUTHENTICATED"
    elif isinstance(error, InputError):
        code = "INVALID_ARGUMENT"
    elif isinstance(error, BusyError):
        code = "RESOURCE_EXHAUSTED" if error.reference == "call-limit" else "FAILED_PRECONDITION"
    names = ("reference", "message", "context", "hint")
    parts = {name: getattr(error, name)[: limits.RPC_ERROR_SIZE] for name in names}
    context.set_trailing_metadata((*_VERSION, (methods.ERROR, json.dumps(parts).encode())))
    context.abort(grpc.StatusCode[code], str(error)[: limits.RPC_ERROR_SIZE])


class _Table(_GenericHandler):
    """Serves the methods of the table, and no other."""

    def __init__(self, handlers: Mapping[str, Handler], door: _Door) -> None:
        if set(handlers) != set(methods.BY_NAME):
            raise ValueError(f"handlers and the table of methods differ in {set(handlers) ^ set(methods.BY_NAME)}")
        # On the wire, one request is a stream of one. As a single one, gRPC would wait for it without a limit, in a
        # thread of the agent and before the door; as a stream, it is the door that takes it.
        make = {
            Form.UNARY: (grpc.stream_unary_rpc_method_handler, door.unary),
            Form.STREAM: (grpc.stream_stream_rpc_method_handler, door.stream),
            Form.DIALOGUE: (grpc.stream_stream_rpc_method_handler, door.stream),
        }
        self._handlers = {
            method.path: make[method.form][0](
                make[method.form][1](method, handlers[method.name]),
                # Bytes of a caller are read behind the door, once its role is known.
                request_deserializer=None,
                response_serializer=method.response.SerializeToString,
            )
            for method in methods.METHODS
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call, or None (UNIMPLEMENTED) when there is no such method."""
        return self._handlers.get(handler_call_details.method)


def bind(server: grpc.Server, address: str, credentials: grpc.ServerCredentials) -> int:
    """The port that `server` got at `address`, HOST:PORT. Raises AdamantError `api-port` when it cannot be had."""
    try:
        port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise AdamantError("api-port", f"cannot serve at {address}", hint="is another program there?") from error
    if port == 0:
        raise AdamantError("api-port", f"cannot serve at {address}", hint="is another program there?")
    return port


def _credentials(keys: Keys, fetch: Callable[[], Keys | None]) -> grpc.ServerCredentials:
    """Mutual TLS with the keys that `fetch` says at each handshake; it says None while they stay as they are."""

    def configuration(now: Keys) -> Any:
        return grpc.ssl_server_certificate_configuration([(now.key, now.certificate)], root_certificates=now.ca)

    def changed() -> Any:
        now = fetch()
        return configuration(now) if now else None

    return grpc.dynamic_ssl_server_credentials(configuration(keys), changed, require_client_authentication=True)


def start(
    handlers: Mapping[str, Handler],
    events: Events,
    address: str,
    ca: bytes,
    certificate: bytes,
    key: bytes,
    *,
    fetch: Callable[[], Keys | None] = lambda: None,
    revoked: Callable[[], Collection[str]] = frozenset,
) -> tuple[grpc.Server, int]:
    """Serve `handlers` (by the names of the table) at `address`, HOST:PORT. Returns the server and its port.

    `fetch` is asked for other keys at each handshake; None means that they stay. `revoked` says which certificates of
    clients, by the SHA-256 of their DER form, are refused: it is asked at each call, and in a stream at each message.
    Raises AdamantError `api-port` when the port cannot be had.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="call"),
        handlers=[_Table(handlers, _Door(events, revoked))],
        options=OPTIONS,
        maximum_concurrent_rpcs=limits.RPC_CALLS,
    )
    port = bind(server, address, _credentials(Keys(ca, certificate, key), fetch))
    server.start()
    return server, port
