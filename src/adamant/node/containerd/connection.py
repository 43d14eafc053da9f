"""A connection to containerd: its API over its socket, one call at a time, each with a deadline."""

import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.containerd import types_pb2
from adamant.node.containers.runtime import Runtime

NAMESPACE = "containerd-namespace"
"""Metadata of a call: the namespace that it is about."""
LEASE = "containerd-lease"
"""Metadata of a call: the lease that holds what it makes until something else does."""

_SILENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}

_OPTIONS = (
    ("grpc.max_receive_message_length", limits.CONTAINERD_SIZE),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.default_authority", "localhost"),
)
_NO_CHANNEL = "Failed to create channel"
"""What gRPC itself says, of a code that containerd uses too, when there can be nobody at the address."""


class Refused(AdamantError):
    """containerd answered, with an error; `code` says of which kind."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__("containerd-refused", message)
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.code is grpc.StatusCode.NOT_FOUND

    @property
    def exists(self) -> bool:
        """Whether what was to be made is there already."""
        return self.code is grpc.StatusCode.ALREADY_EXISTS


class Containerd:
    """A connection, for calls about `namespace` unless they name another one, each of which may take `seconds`.

    Errors are AdamantError `containerd-silent`, or Refused.
    """

    def __init__(
        self, root: Path, runtime: Runtime, namespace: str = "", seconds: float = limits.CONTAINERD_SECONDS
    ) -> None:
        self.lease = ""
        """The lease that holds what calls make."""
        self._runtime = runtime
        self._namespace = namespace
        self._seconds = seconds
        self._socket = root / runtime.socket
        self._channel = grpc.insecure_channel(f"unix://{self._socket.absolute()}", options=_OPTIONS)

    def __enter__(self) -> "Containerd":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._channel.close()

    def call(
        self,
        path: str,
        request: Any,
        response: type[Any],
        namespace: str = "",
        *,
        seconds: float = 0,
    ) -> Any:
        """The answer to `request` from the method at `path`, as SERVICE/METHOD without `containerd.services.`.

        It may take `seconds`, unless 0.
        """
        send: Callable[..., Any] = self._channel.unary_unary(
            f"/containerd.services.{path}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            return send(request, timeout=seconds or self._seconds, metadata=self._metadata(namespace))
        except grpc.RpcError as error:
            raise self._error(error) from error

    def drop(self, path: str, request: Any) -> None:
        """The same for what ends or removes something: it is well when that is not there."""
        try:
            self.call(path, request, types_pb2.Empty)
        except Refused as error:
            if not error.missing:
                raise

    def read(self, path: str, request: Any, response: type[Any]) -> Iterator[Any]:
        """The stream that answers `request`."""
        send: Callable[..., Any] = self._channel.unary_stream(
            f"/containerd.services.{path}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            yield from send(request, timeout=self._seconds, metadata=self._metadata())
        except grpc.RpcError as error:
            raise self._error(error) from error

    def write(self, path: str, requests: Iterable[Any], response: type[Any]) -> None:
        """Send a stream of requests; raises what makes them raises."""
        raised: list[Exception] = []

        def sent() -> Iterator[Any]:
            try:
                yield from requests
            except Exception as error:
                raised.append(error)
                raise

        send: Callable[..., Any] = self._channel.stream_stream(
            f"/containerd.services.{path}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response.FromString,
        )
        try:
            for _ in send(sent(), timeout=limits.IMAGE_PULL_SECONDS, metadata=self._metadata()):
                pass
        except grpc.RpcError as error:
            raise (raised[0] if raised else self._error(error)) from error
        if raised:
            raise raised[0]

    def _metadata(self, namespace: str = "") -> tuple[tuple[str, str], ...]:
        found = ((NAMESPACE, namespace or self._namespace), (LEASE, self.lease))
        return tuple(pair for pair in found if pair[1])

    def _error(self, error: Any) -> AdamantError:
        said = error.details() or error.code().name
        if error.code() not in _SILENT and not said.startswith(_NO_CHANNEL):
            return Refused(error.code(), f"{self._runtime.name} refuses: {said}"[:500])
        return AdamantError(
            "containerd-silent",
            f"{self._runtime.name} does not answer: {said}"[:500],
            hint=f"adamant node get services {self._runtime.unit} says whether it runs",
        )

    def there(self) -> bool:
        """Whether there is a containerd to ask on this machine."""
        return self._socket.exists()
