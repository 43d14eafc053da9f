"""The client: one connection to one node, typed answers, named errors.

Every call has a deadline. A failure says which of four things it was: nobody answers (`node-unreachable`), one side
does not take the other's certificate (`certificate-rejected`), the role is too small (`not-authorised`), or the node
has too much to do (`node-busy`).
"""

import os
import re
import types
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read when gRPC is loaded; failures are told by errors, not by its log

import grpc

from adamant.api import methods
from adamant.api import node_pb2 as pb
from adamant.api import types as answers
from adamant.api.handshake import explain
from adamant.api.pki import Credentials
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+))(?::(?P<port>[0-9]{1,5}))?")

_OPTIONS = (
    ("grpc.max_receive_message_length", limits.RPC_MESSAGE_SIZE),
    ("grpc.max_send_message_length", limits.RPC_REQUEST_SIZE),
    ("grpc.enable_http_proxy", 0),  # a proxy could not do more than pass the bytes on, and localhost is behind none
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
)


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`. The port is methods.PORT when none is given."""
    match = _ADDRESS.fullmatch(text)
    port = int(match["port"] or methods.PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise InputError(
            "address-malformed", f"not an address: {text[:80]!r}", hint="write HOST, HOST:PORT or [IPV6]:PORT"
        )
    return match["six"] or match["host"], port


class Node:
    """A connection to a node. It connects at the first call; close it, or use it as a context manager."""

    def __init__(self, address: str, credentials: Credentials, seconds: float = limits.RPC_SECONDS) -> None:
        self.host, self.port = parse_address(address)
        self._credentials = credentials
        self._seconds = seconds
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.address = f"{host}:{self.port}"
        self._channel = grpc.secure_channel(
            self.address,
            grpc.ssl_channel_credentials(credentials.ca, credentials.key, credentials.certificate),
            options=_OPTIONS,
        )
        self._calls = {
            method.name: self._channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            for method in methods.METHODS
        }

    def __enter__(self) -> "Node":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def version(self) -> answers.Version:
        """What runs on the node."""
        return answers.version_from(self._call("Version", pb.VersionRequest()))

    def health(self) -> answers.Health:
        """Every health check, run now."""
        return answers.health_from(self._call("Health", pb.HealthRequest()))

    def boot(self) -> answers.Boot:
        """How the node was booted."""
        return answers.boot_from(self._call("Boot", pb.BootRequest()))

    def _call(self, name: str, request: Any) -> Any:
        try:
            return self._calls[name](request, timeout=self._seconds)
        except grpc.RpcError as error:
            raise self._error(name, error) from error

    def _error(self, name: str, error: Any) -> AdamantError:
        """The error of this project for one of gRPC's."""
        code, details = error.code(), (error.details() or "").strip()
        where = f"{name} of {self.address}"
        match code:
            case grpc.StatusCode.UNAVAILABLE:
                return explain(self.host, self.port, self._credentials, details)
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return UnreachableError(
                    "node-unreachable", f"the node did not answer within {self._seconds:.0f} s", context=where
                )
            case grpc.StatusCode.PERMISSION_DENIED | grpc.StatusCode.UNAUTHENTICATED:
                return AdamantError(
                    "not-authorised",
                    details,
                    context=where,
                    hint="use the certificate of a role that may call it, or have one made",
                )
            case grpc.StatusCode.RESOURCE_EXHAUSTED:
                return BusyError("node-busy", f"the node refused: {details}", context=where, hint="try again later")
            case grpc.StatusCode.UNIMPLEMENTED:
                return AdamantError(
                    "method-unknown",
                    f"the node does not know {name}",
                    context=where,
                    hint="it runs another version: adamant node version says which",
                )
            case _:
                return AdamantError("node-failed", f"the node failed: {details} ({code.name})", context=where)


def connect(address: str, credentials: Credentials, seconds: float = limits.RPC_SECONDS) -> Node:
    """A node at `address`, each of whose calls may take `seconds`. Nothing is sent before the first call."""
    return Node(address, credentials, seconds)
