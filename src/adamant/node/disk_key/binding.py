"""What a machine keeps of how its servers give the key of its disk: nothing of it is secret, and it lies on the ESP.

The key is drawn once. For each server it is kept wrapped: combined by exclusive or with a digest of the secret that
server and machine have (as in NIST SP 800-56C rev. 2, 4.1, option 1: one step of SHA-256), which is used for nothing
else. So any one of the servers gives it.
"""

import hashlib
import hmac
from typing import Literal

import msgspec
from msgspec import Struct

from adamant.model.errors import VerificationError
from adamant.node.disk_key import p521, tang
from adamant.node.disk_key.p521 import Point

KEY = 32
"""Bytes of the key of a disk."""
_WRAP = b"adamant disk key, wrapped for a tang server"
_CHECK = b"adamant disk key, to know it again"


class Bound(Struct, frozen=True, forbid_unknown_fields=True):
    """The key, wrapped for one server. Points are both coordinates, one after the other; all texts are base64url.

    `thumbprint` is that of the server's signing key in the definition, `exchange` its key S, `client` our C.
    """

    thumbprint: str
    exchange: str
    client: str
    wrapped: str

    @property
    def server_key(self) -> Point:
        """The server's key S. Raises VerificationError: tang-malformed, point-malformed."""
        return _read(self.exchange)

    @property
    def client_key(self) -> Point:
        """Our C. Raises as `server_key`."""
        return _read(self.client)


class Binding(Struct, frozen=True, forbid_unknown_fields=True):
    """The key, wrapped for each server. `check` is a digest by which it is known again."""

    version: Literal[1]
    check: str
    servers: tuple[Bound, ...]


def make(key: bytes, servers: dict[str, Point]) -> Binding:
    """The binding of `key` (KEY bytes) to servers: for the thumbprint of each, its key for an exchange."""
    bound = []
    for thumbprint, exchange in servers.items():
        client, secret = tang.bind(exchange)
        wrapped = _combine(key, _pad(secret, client, exchange))
        bound.append(Bound(thumbprint, _write(exchange), _write(client), tang.encode(wrapped)))
    return Binding(1, _check(key), tuple(bound))


def unwrap(binding: Binding, bound: Bound, secret: Point) -> bytes:
    """The key, by the secret that a server helped to find. Raises VerificationError disk-key-wrong, tang-malformed."""
    pad = _pad(secret, bound.client_key, bound.server_key)
    key = _combine(tang.decode(bound.wrapped), pad)
    if not hmac.compare_digest(_check(key).encode(), binding.check.encode()):
        raise VerificationError("disk-key-wrong", "what the server answered gives another key than that of this disk")
    return key


def encode(binding: Binding) -> bytes:
    """The document of a binding."""
    return msgspec.json.format(msgspec.json.encode(binding), indent=2)


def decode(data: bytes) -> Binding:
    """The binding of a document. Raises VerificationError binding-malformed."""
    try:
        return msgspec.json.decode(data, type=Binding)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise VerificationError(
            "binding-malformed", f"what the ESP has of the key of the disk cannot be read: {error}"
        ) from error


def _pad(secret: Point, client: Point, exchange: Point) -> bytes:
    agreed = secret.x.to_bytes(p521.SIZE)
    return hashlib.sha256((1).to_bytes(4) + agreed + _WRAP + _bytes(client) + _bytes(exchange)).digest()


def _check(key: bytes) -> str:
    return hashlib.sha256(_CHECK + key).hexdigest()


def _combine(one: bytes, other: bytes) -> bytes:
    if len(one) != len(other):
        raise VerificationError("tang-malformed", "a wrapped key has another length")
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _bytes(point: Point) -> bytes:
    return point.x.to_bytes(p521.SIZE) + point.y.to_bytes(p521.SIZE)


def _write(point: Point) -> str:
    return tang.encode(_bytes(point))


def _read(text: str) -> Point:
    data = tang.decode(text)
    return p521.point(data[: p521.SIZE], data[p521.SIZE :])
