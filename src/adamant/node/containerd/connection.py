"""A connection to containerd: its API over its socket, one call at a time, each with a deadline."""

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.containers.runtime import Runtime

NAMESPACE = "containerd-namespace"
"""Metadata of a call: the namespace that it is about."""

_OPTIONS = (
    ("grpc.max_receive_message_length", limits.CONTAINERD_SIZE),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.default_authority", "localhost"),
)


class Containerd:
    """A connection. Errors are AdamantError `containerd-silent`."""

    def __init__(self, root: Path, runtime: Runtime) -> None:
        self._runtime = runtime
        self._socket = root / runtime.socket
        self._channel = grpc.insecure_channel(f"unix://{self._socket.absolute()}", options=_OPTIONS)

    def __enter__(self) -> "Containerd":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self._channel.close()

    def call(self, path: str, request: Any, response: type[Any], namespace: str = "") -> Any:
        """The answer to `request` from the method at `path`, as SERVICE/METHOD without `containerd.services.`."""
        send: Callable[..., Any] = self._channel.unary_unary(
            f"/containerd.services.{path}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        metadata = ((NAMESPACE, namespace),) if namespace else ()
        try:
            return send(request, timeout=limits.CONTAINERD_SECONDS, metadata=metadata)
        except grpc.RpcError as error:
            found: Any = error
            raise AdamantError(
                "containerd-silent",
                f"{self._runtime.name} does not answer: {found.details() or found.code().name}"[:500],
                hint=f"adamant node get services {self._runtime.unit} says whether it runs",
            ) from error

    def there(self) -> bool:
        """Whether there is a containerd to ask on this machine."""
        return self._socket.exists()
