"""Calls to a machine that is known by nothing but the fingerprint of its key, which its console shows.

Whoever stands in between can pass bytes on or cut them off, and nothing else.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc

from adamant.api import client, pki
from adamant.api import fingerprint as fingerprints
from adamant.api import tunnel as tunnels
from adamant.api.fingerprint import Fingerprint
from adamant.api.methods import Method
from adamant.api.tunnel import Tunnel
from adamant.core import limits
from adamant.model.errors import AdamantError, UnreachableError, VerificationError


@contextmanager
def channel(
    address: str, expected: Fingerprint | None, check: Callable[[bytes], None] = lambda _certificate: None
) -> Iterator[tuple[grpc.Channel, Fingerprint]]:
    """A channel to the machine at `address`, and its key; `expected` is the fingerprint that its console shows.

    Without one, whatever machine answers is taken. `check` looks at the certificate (DER) before. Raises
    VerificationError `fingerprint-differs`, UnreachableError, and what `check` raises; nothing was sent then.
    """
    with Tunnel(*client.parse_address(address), anybody()) as tunnel:
        check(tunnel.certificate)
        key = pki.key_fingerprint(tunnel.certificate)
        if expected is not None and key != expected:
            raise VerificationError(
                "fingerprint-differs",
                f"what answers at {address} has another key than the one that you expect",
                context=f"expected {fingerprints.show(expected)}\nfound    {fingerprints.show(key)}",
                hint="is the address right, and the fingerprint that of this machine's console? Otherwise somebody "
                "stands between you and the machine: nothing was sent to them",
            )
        with grpc.insecure_channel(tunnel.target, options=tunnels.OPTIONS) as made:
            yield made, key


class Machine(NamedTuple):
    """What answers `methods` at `address`, through `channel`. `unknown` is what is wrong when it lacks one of them."""

    channel: grpc.Channel
    address: str
    methods: tuple[Method, ...]
    unknown: Callable[[str], AdamantError]

    def call(self, name: str, request: Any, seconds: float = limits.RPC_SECONDS) -> Any:
        """The answer of the method `name`."""
        method = next(entry for entry in self.methods if entry.name == name)
        return call(self.channel, method, request, self.address, self.unknown(name), seconds)


def anybody() -> ssl.SSLContext:
    """TLS with whoever answers. That the other side has the key of its certificate is proved by the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def call(
    channel: grpc.Channel,
    method: Method,
    request: Any,
    address: str,
    unknown: AdamantError,
    seconds: float = limits.RPC_SECONDS,
) -> Any:
    """The answer of the machine at `address`. Raises `unknown` when it has no such method, and what it tells."""
    asked = channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    try:
        return asked(request, timeout=seconds)
    except grpc.RpcError as error:
        where = f"{method.name} of {address}"
        told = client.told(error, where)
        if told is not None:
            raise told from error
        details = str(getattr(error, "details", lambda: "")() or "")[:400]
        code = getattr(error, "code", lambda: None)()
        if code is grpc.StatusCode.UNIMPLEMENTED:
            raise unknown from error
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise client.refused(details, where, limits.ENROLMENT_CALLS) from error
        raise UnreachableError(
            "node-unreachable",
            f"the machine broke off {method.name}",
            context=f"{where}\n{details}",
            hint="try again",
        ) from error
