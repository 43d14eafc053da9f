"""The client: one connection to one node, typed answers, named errors.

Every call has a deadline. A failure says which of four things it was: nobody answers (`node-unreachable`), one side
does not take the other's certificate (`certificate-rejected`), the role is too small (`not-authorised`), or a limit is
reached, which it names (`call-limit`, `message-size`; `node-busy` with gRPC's words where those are all there is).
"""

import os
import re
import types
from collections.abc import Collection, Generator
from contextlib import closing
from typing import Any

import msgspec

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read when gRPC is loaded; failures are told by errors, not by its log

import grpc

from adamant.api import config as configs
from adamant.api import config_pb2, events_pb2, methods, resources, tunnel
from adamant.api import node_pb2 as pb
from adamant.api import types as answers
from adamant.api.handshake import explain
from adamant.api.methods import Form
from adamant.api.pki import Credentials
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError, VerificationError

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+))(?::(?P<port>[0-9]{1,5}))?")

_OPTIONS = (
    ("grpc.max_receive_message_length", limits.RPC_MESSAGE_SIZE),
    ("grpc.max_send_message_length", limits.RPC_REQUEST_SIZE),
    ("grpc.enable_http_proxy", 0),  # a proxy could not do more than pass the bytes on, and localhost is behind none
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    # In spite of its name, also what an attempt to connect may take: a TLS handshake with a node that is far or busy.
    ("grpc.min_reconnect_backoff_ms", int(limits.HANDSHAKE_SECONDS * 1000)),
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

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        seconds: float = limits.RPC_SECONDS,
        *,
        target: str = "",
    ) -> None:
        """`target` is the address of a tunnel (`api.tunnel`) to the node, where it is not reached by `address`."""
        self.host, self.port = parse_address(address)
        self._credentials = credentials
        self._seconds = seconds
        self.adamant = ""
        """Version of Adamant that the node runs, once a call has ended; empty before, and when it does not say."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.address = f"{host}:{self.port}"
        if target:
            self._channel = grpc.insecure_channel(target, options=tunnel.OPTIONS)
        else:
            keys = grpc.ssl_channel_credentials(credentials.ca, credentials.key, credentials.certificate)
            self._channel = grpc.secure_channel(self.address, keys, options=_OPTIONS)
        make = {
            Form.UNARY: self._channel.unary_unary,
            Form.STREAM: self._channel.unary_stream,
            Form.DIALOGUE: self._channel.stream_stream,
        }
        self._calls: dict[str, Any] = {
            method.name: make[method.form](
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

    def connecting(self) -> "grpc.Future[None]":
        """Begin to connect. It is done once the node has taken the connection."""
        return grpc.channel_ready_future(self._channel)

    def again(self) -> "Node":
        """Another connection to the same node with the same keys."""
        return Node(self.address, self._credentials, self._seconds)

    def version(self) -> answers.Version:
        """What runs on the node."""
        return answers.version_from(self.call("Version", pb.VersionRequest()))

    def health(self) -> answers.Health:
        """Every health check, run now."""
        return answers.health_from(self.call("Health", pb.HealthRequest()))

    def boot(self) -> answers.Boot:
        """How the node was booted."""
        return answers.boot_from(self.call("Boot", pb.BootRequest()))

    def events(
        self, *, after: int = 0, last: int = 0, kinds: Collection[answers.EventKind] = (), follow: bool = False
    ) -> Generator[answers.Event, None, None]:
        """What happened on the node after the event `after`, and with `follow` what happens."""
        numbers = [answers.event_kind(kind) for kind in kinds]
        request = events_pb2.EventsRequest(after=after, last=last, kinds=numbers, follow=follow)
        with closing(self.stream("Events", request)) as found:
            for event in found:
                yield answers.event_from(event)

    def kinds(self) -> tuple[resources.Kind, ...]:
        """The kinds of resources that the node can show."""
        return tuple(resources.kind_from(kind) for kind in self.call("Kinds", pb.KindsRequest()).kinds)

    def get(self, kind: str, names: Collection[str] = ()) -> resources.Resources:
        """The resources of a kind, or those that are named."""
        return resources.resources_from(self.call("Get", pb.GetRequest(kind=kind, names=names)))

    def watch(self, kind: str, names: Collection[str] = ()) -> Generator[resources.Watched, None, None]:
        """The resources of a kind, or those that are named, then each change, until it is closed."""
        with closing(self.stream("Watch", pb.WatchRequest(kind=kind, names=names))) as found:
            for change in found:
                yield resources.watched_from(change)

    def config(self, generation: int = 0) -> configs.Config:
        """The config that runs, or that of a generation."""
        return configs.config_from(self.call("Config", config_pb2.ConfigRequest(generation=generation)))

    def config_history(self, last: int = 0) -> configs.History:
        """The generations of the config that are kept: the `last` so many, or all."""
        return configs.history_from(self.call("ConfigHistory", config_pb2.ConfigHistoryRequest(last=last)))

    def config_status(self) -> configs.Statuses:
        """How the machine is compared with its config."""
        return configs.statuses_from(self.call("ConfigStatus", config_pb2.ConfigStatusRequest()))

    def config_plan(self, change: config_pb2.ConfigChange) -> configs.Plan:
        """What a change of the config would do."""
        request = config_pb2.ConfigPlanRequest(change=change)
        return configs.plan_from(self.call("ConfigPlan", request, limits.CONFIG_PLAN_SECONDS))

    def config_apply(
        self, change: config_pb2.ConfigChange, mode: str = "now", seconds: float = 0, base: int | None = None
    ) -> configs.Applied:
        """Change the config: `now`, at the next `boot`, or to `try` it for `seconds`. It waits until that is done.

        `base` is the generation that must run for it.
        """
        request = config_pb2.ConfigApplyRequest(
            change=change, mode=configs.mode(mode), trial_usec=int(seconds * 1_000_000), base=base
        )
        return configs.applied_from(self.call("ConfigApply", request, limits.CONFIG_APPLY_SECONDS))

    def config_confirm(self, *, cancel: bool = False) -> configs.Confirmed:
        """Keep the config on trial, or with `cancel` go back from it."""
        request = config_pb2.ConfigConfirmRequest(cancel=cancel)
        return configs.Confirmed(self.call("ConfigConfirm", request, limits.CONFIG_APPLY_SECONDS).generation)

    def call(self, name: str, request: Any, seconds: float | None = None) -> Any:
        """The answer of the unary method `name`. `seconds` replaces the deadline of this connection."""
        try:
            answer, done = self._calls[name].with_call(request, timeout=seconds or self._seconds)
        except grpc.RpcError as error:
            self._hear_version(error)
            raise self._error(name, error) from error
        self._hear_version(done)
        return answer

    def stream(self, name: str, request: Any, seconds: float | None = None) -> Generator[Any, None, None]:
        """The answers of the method `name`, as they come; for a dialogue, `request` is an iterator of requests.

        A stream has no deadline unless `seconds` says one. Closing the iterator ends the call.
        """
        running = self._calls[name](request, timeout=seconds)
        try:
            yield from running
            self._hear_version(running)
        except grpc.RpcError as error:
            raise self._error(name, error) from error
        finally:
            running.cancel()

    def _hear_version(self, call: Any) -> None:
        for key, value in call.trailing_metadata() or ():
            if key == methods.VERSION and isinstance(value, str):
                self.adamant = value[:64]

    def _error(self, name: str, error: Any) -> AdamantError:
        """The error of this project for one of gRPC's."""
        code, details = error.code(), (error.details() or "").strip()
        where = f"{name} of {self.address}"
        found = told(error, where)
        if found is not None:
            return found
        match code:
            case grpc.StatusCode.UNAVAILABLE:
                if _REFUSED_STREAM in details:
                    return _call_limit(f"{limits.RPC_STREAMS} calls at once on one connection", where)
                return explain(self.host, self.port, self._credentials, details)
            case grpc.StatusCode.CANCELLED:
                # This side cancels nothing that it waits for: an agent that ends does, for calls under way.
                # A stream that is not taken is ended too, and then no words fit through to this side.
                return UnreachableError(
                    "node-unreachable",
                    "the node ended the call: its agent stops, or this side took nothing for "
                    f"{limits.RPC_STALL_SECONDS:.0f} s",
                    context=where,
                )
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
                return refused(details, where)
            case grpc.StatusCode.UNIMPLEMENTED:
                return AdamantError(
                    "method-unknown",
                    f"the node does not know {name}",
                    context=where,
                    hint="it runs another version: adamant node version says which",
                )
            case _:
                return AdamantError("node-failed", f"the node failed: {details} ({code.name})", context=where)


_REFUSED_STREAM = "RST_STREAM with error code 7"
"""RFC 9113, section 7."""
_TOO_LARGE = re.compile(r"message larger than max \(([0-9]+) vs\. ([0-9]+)\)")


def refused(details: str, where: str, calls: int = limits.RPC_CALLS) -> AdamantError:
    """The error for a refusal of gRPC itself, on either side, by its words; the agent's own carry theirs (`told`).

    `calls` is how many the other side takes at once.
    """
    if "Concurrent RPC limit exceeded" in details:
        return _call_limit(f"{calls} calls at once on this node", where)
    too_large = _TOO_LARGE.search(details)
    if too_large:
        size, most = too_large.groups()
        return AdamantError(
            "message-size",
            f"a message of {size} bytes is above the limit of {most} bytes",
            context=where,
            hint="ask for less at once, or send less",
        )
    return BusyError("node-busy", f"the node refused: {details}", context=where, hint="try again later")


def _call_limit(limit: str, where: str) -> BusyError:
    return BusyError("call-limit", f"the limit of {limit} is reached", context=where, hint="try again later")


_CLASSES = {
    grpc.StatusCode.INVALID_ARGUMENT: InputError,
    grpc.StatusCode.FAILED_PRECONDITION: BusyError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: BusyError,
    grpc.StatusCode.UNAUTHENTICATED: VerificationError,
}


def told(error: Any, where: str) -> AdamantError | None:
    """The error that the node's agent raised, or None when the answer holds none."""
    found = [value for key, value in error.trailing_metadata() or () if key == methods.ERROR]
    if len(found) != 1:
        return None
    try:
        parts = msgspec.json.decode(found[0], type=_Told)
    except msgspec.DecodeError:
        return None
    context = f"{parts.context}\n{where}" if parts.context else where
    kind = _CLASSES.get(error.code(), AdamantError)
    return kind(parts.reference, parts.message, context=context, hint=parts.hint)


class _Told(msgspec.Struct, frozen=True):
    """An error of the agent, as `methods.ERROR` carries it."""

    reference: str
    message: str
    context: str = ""
    hint: str = ""


def connect(address: str, credentials: Credentials, seconds: float = limits.RPC_SECONDS) -> Node:
    """A node at `address`, each of whose calls may take `seconds`. Nothing is sent before the first call."""
    return Node(address, credentials, seconds)
