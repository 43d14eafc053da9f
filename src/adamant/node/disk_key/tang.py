"""The exchange with a tang server: what it advertises, what it is asked, and the secret that comes of it. No I/O.

Specification: the protocol of McCallum and Relyea as the README of tang 15 has it; RFC 7515 (JWS), RFC 7517 (JWK),
RFC 7518 (3.4 and 6.2), RFC 7638 (thumbprints). On P-521 alone, which tang makes by default.

Bound once to the server's key S = sG, a client draws c, keeps C = cG and forgets c: the secret is cS. Later the server
is asked with X = C + eG for its Y = sX, and the secret is Y - eS. The server learns neither C nor the secret, and who
listens does not either. Whoever can ask the server and has C has the secret.
"""

import base64
import binascii
import hashlib
import json
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from adamant.model.errors import VerificationError
from adamant.node.disk_key import p521
from adamant.node.disk_key.p521 import Point

_CURVE = {"kty": "EC", "crv": "P-521"}
_T = TypeVar("_T", bound=Struct)


class _Key(Struct):
    kty: str
    crv: str = ""
    x: str = ""
    y: str = ""
    alg: str = ""
    key_ops: tuple[str, ...] = ()

    def for_use(self, algorithm: str, operation: str) -> bool:
        return (self.kty, self.crv, self.alg) == ("EC", "P-521", algorithm) and operation in self.key_ops


class _Keys(Struct):
    keys: tuple[_Key, ...]


class _Signature(Struct):
    protected: str
    signature: str


class _Signed(Struct):
    """A JWS in either of its JSON forms: of several signatures, or flattened."""

    payload: str
    signatures: tuple[_Signature, ...] = ()
    protected: str = ""
    signature: str = ""


class _Header(Struct):
    alg: str


class Question(NamedTuple):
    """What a server is asked, and the secret number that its answer is read by."""

    body: bytes
    blind: int


def thumbprint(key: Point) -> str:
    """The SHA-256 by which a key is known (RFC 7638), in base64url."""
    members = json.dumps({**_CURVE, **coordinates(key)}, sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(members.encode()).digest())


def exchange_key(advertisement: bytes, signer: str) -> Point:
    """The key that secrets are bound to, of an advertisement that the key with the thumbprint `signer` has signed.

    Raises VerificationError: tang-malformed, tang-signature, point-malformed.
    """
    signed = _decode(advertisement, _Signed)
    keys = _decode(decode(signed.payload), _Keys).keys
    found = [_point(key) for key in keys if key.for_use("ES512", "verify")]
    known = next((key for key in found if thumbprint(key) == signer), None)
    if known is None:
        raise VerificationError("tang-signature", f"the server does not advertise the signing key {signer}")
    signatures = signed.signatures or (_Signature(signed.protected, signed.signature),)
    if not any(_holds(known, signed.payload, signature) for signature in signatures):
        raise VerificationError("tang-signature", f"the key {signer} has not signed what the server advertises")
    for key in keys:
        if key.for_use("ECMR", "deriveKey"):
            return _point(key)
    raise VerificationError("tang-malformed", "the server advertises no key of P-521 for an exchange")


def bind(exchange: Point) -> tuple[Point, Point]:
    """C of a new client, and its secret with the server whose key is `exchange`."""
    secret = p521.scalar()
    return p521.public(secret), p521.multiply(secret, exchange)


def question(client: Point) -> Question:
    """What the server is asked for the secret of `client`."""
    blind = p521.scalar()
    asked = p521.add(client, p521.public(blind))
    key = {**_CURVE, "alg": "ECMR", "key_ops": ["deriveKey"], **coordinates(asked)}
    return Question(json.dumps(key).encode(), blind)


def secret(answer: bytes, exchange: Point, blind: int) -> Point:
    """The secret, of the server's answer to a question. Raises VerificationError: tang-malformed, point-malformed."""
    return p521.add(_point(_decode(answer, _Key)), p521.negate(p521.multiply(blind, exchange)))


def coordinates(key: Point) -> dict[str, str]:
    """Both coordinates as JWK has them (RFC 7518, 6.2.1)."""
    return {name: encode(value.to_bytes(p521.SIZE)) for name, value in zip("xy", key, strict=True)}


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """What `encode` has made a text of. Raises VerificationError tang-malformed."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("tang-malformed", "what a server said is not base64") from error


def _holds(signer: Point, payload: str, signature: _Signature) -> bool:
    if _decode(decode(signature.protected), _Header).alg != "ES512":
        return False
    return p521.verify(signer, f"{signature.protected}.{payload}".encode(), decode(signature.signature))


def _point(key: _Key) -> Point:
    return p521.point(decode(key.x), decode(key.y))


def _decode(data: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise VerificationError("tang-malformed", f"what a server said cannot be read: {error}") from error
