"""The API's server: mutual TLS, one table of methods and roles, caps on everything that a client can make large.

Whoever has no certificate of the cluster's CA does not get past the handshake. Who has one gets what its role may call.
What a handler raises becomes a status with a text for people; a bug becomes INTERNAL and a line in the journal.
"""

import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from adamant.api import methods
from adamant.api.identity import Identity, parse_subject
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError

if TYPE_CHECKING:
    _GenericHandler = grpc.GenericRpcHandler[Any, Any]
else:
    _GenericHandler = grpc.GenericRpcHandler

Handler = Callable[[Any], Any]

OPTIONS = (
    ("grpc.max_receive_message_length", limits.RPC_REQUEST_SIZE),
    ("grpc.max_send_message_length", limits.RPC_MESSAGE_SIZE),
    ("grpc.max_concurrent_streams", limits.RPC_STREAMS),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.server_handshake_timeout_ms", int(limits.HANDSHAKE_SECONDS * 1000)),
    ("grpc.so_reuseport", 0),  # a port that is taken is an error, not shared
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


def client(context: grpc.ServicerContext) -> Identity | None:
    """Who calls, by the certificate that the handshake has verified."""
    known: Mapping[str, Any] = context.auth_context()
    subjects = list(known.get("x509_subject", ()))
    return parse_subject(subjects[0].decode("utf-8", "replace")) if len(subjects) == 1 else None


def _guarded(method: methods.Method, handler: Handler) -> Callable[[Any, grpc.ServicerContext], Any]:
    """`handler` behind the check of the role, with its errors as statuses."""

    def call(request: Any, context: grpc.ServicerContext) -> Any:
        who = client(context)
        if who is None or not methods.may_call(method.path, who.role):
            role = f"the role {who.role}" if who else "a certificate without a role"
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{method.name} may not be called with {role}")
        try:
            return handler(request)
        except InputError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except BusyError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except AdamantError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception:
            sys.stderr.write(f"<3>{method.name} failed by a bug of the agent\n{traceback.format_exc()}")
            context.abort(grpc.StatusCode.INTERNAL, f"{method.name} failed by a bug of the agent; its log says more")
        return None

    return call


class _Table(_GenericHandler):
    """Serves the methods of the table, and no other."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        if set(handlers) != set(methods.BY_NAME):
            raise ValueError("handlers and the table of methods differ")
        self._handlers = {
            method.path: grpc.unary_unary_rpc_method_handler(
                _guarded(method, handlers[method.name]),
                request_deserializer=method.request.FromString,
                response_serializer=method.response.SerializeToString,
            )
            for method in methods.METHODS
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call, or None (UNIMPLEMENTED) when there is no such method."""
        return self._handlers.get(handler_call_details.method)


def start(
    handlers: Mapping[str, Handler], address: str, ca: bytes, certificate: bytes, key: bytes
) -> tuple[grpc.Server, int]:
    """Serve `handlers` (by the names of the table) at `address`, HOST:PORT. Returns the server and its port.

    Raises AdamantError `api-port` when the port cannot be had, or `api-keys` when the keys are no keys.
    """
    credentials = grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=limits.RPC_WORKERS, thread_name_prefix="call"),
        handlers=[_Table(handlers)],
        options=OPTIONS,
        maximum_concurrent_rpcs=limits.RPC_CALLS,
    )
    try:
        port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise AdamantError("api-port", f"cannot serve at {address}", hint="is another program there?") from error
    if port == 0:
        raise AdamantError("api-port", f"cannot serve at {address}", hint="is another program there?")
    server.start()
    return server, port
