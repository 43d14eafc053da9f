"""Arithmetic on the curve P-521, for which images have no library: points, and signatures that are checked.

Specification: SEC 1 2.0 (2.2.1, 2.3.3, 4.1.4) and NIST SP 800-186, 3.2.1.5. Its time depends on the numbers: whoever
runs programs on the machine while it starts could measure it, and has the machine.
"""

import hashlib
import secrets
from typing import NamedTuple

from adamant.model.errors import VerificationError

SIZE = 66
"""Bytes of a coordinate or of a scalar."""
_P = 2**521 - 1
_ORDER = _P + 1 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7
_B = int(
    "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451f"
    "d46b503f00",
    16,
)


class Point(NamedTuple):
    """A point of the curve other than the one at infinity, by its coordinates."""

    x: int
    y: int


_G = Point(
    int(
        "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e"
        "31c2e5bd66",
        16,
    ),
    int(
        "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be9"
        "4769fd16650",
        16,
    ),
)

_Jacobian = tuple[int, int, int]
_INFINITY: _Jacobian = (1, 1, 0)


def point(x: bytes, y: bytes) -> Point:
    """The point of these coordinates, SIZE bytes each. Raises VerificationError point-malformed."""
    found = Point(int.from_bytes(x), int.from_bytes(y))
    on_curve = (found.y * found.y - found.x**3 + 3 * found.x - _B) % _P == 0
    if not (len(x) == len(y) == SIZE and found.x < _P and found.y < _P and on_curve):
        raise VerificationError("point-malformed", "a key is no point of the curve P-521")
    return found


def scalar() -> int:
    """A secret number from 1 to the order of the curve, without it."""
    return secrets.randbelow(_ORDER - 1) + 1


def public(secret: int) -> Point:
    """The generator, `secret` times."""
    return multiply(secret, _G)


def multiply(number: int, of: Point) -> Point:
    """`of`, `number` times. Raises VerificationError point-malformed when that is the point at infinity."""
    return _affine(_times(number, of))


def add(first: Point, second: Point) -> Point:
    """The sum of two points. Raises VerificationError point-malformed when that is the point at infinity."""
    return _affine(_sum(_jacobian(first), _jacobian(second)))


def negate(of: Point) -> Point:
    """The point whose sum with `of` is the one at infinity."""
    return Point(of.x, _P - of.y)


def verify(signer: Point, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (r and s, SIZE bytes each) is that of `signer` on SHA-512 of `message` (RFC 7518, 3.4)."""
    r, s = int.from_bytes(signature[:SIZE]), int.from_bytes(signature[SIZE:])
    if len(signature) != 2 * SIZE or not (0 < r < _ORDER and 0 < s < _ORDER):
        return False
    inverse = pow(s, -1, _ORDER)
    digest = int.from_bytes(hashlib.sha512(message).digest())
    found = _sum(_times(digest * inverse, _G), _times(r * inverse, signer))
    return found[2] != 0 and _affine(found).x % _ORDER == r


def _jacobian(of: Point) -> _Jacobian:
    return of.x, of.y, 1


def _affine(of: _Jacobian) -> Point:
    x, y, z = of
    if z == 0:
        raise VerificationError("point-malformed", "a key is no point of the curve P-521, but the one at infinity")
    inverse = pow(z, -1, _P)
    return Point(x * inverse**2 % _P, y * inverse**3 % _P)


def _times(number: int, of: Point) -> _Jacobian:
    found, base = _INFINITY, _jacobian(of)
    for bit in f"{number % _ORDER:b}":
        found = _double(found)
        if bit == "1":
            found = _sum(found, base)
    return found


def _double(of: _Jacobian) -> _Jacobian:
    """dbl-2001-b of the Explicit-Formulas Database, for curves whose a is -3."""
    x, y, z = of
    delta, gamma = z * z % _P, y * y % _P
    beta = x * gamma % _P
    alpha = 3 * (x - delta) * (x + delta) % _P
    x_out = (alpha * alpha - 8 * beta) % _P
    z_out = ((y + z) ** 2 - gamma - delta) % _P
    return x_out, (alpha * (4 * beta - x_out) - 8 * gamma * gamma) % _P, z_out


def _sum(first: _Jacobian, second: _Jacobian) -> _Jacobian:
    """add-2007-bl of the same."""
    (x1, y1, z1), (x2, y2, z2) = first, second
    if z1 == 0:
        return second
    if z2 == 0:
        return first
    square1, square2 = z1 * z1 % _P, z2 * z2 % _P
    u1, u2 = x1 * square2 % _P, x2 * square1 % _P
    s1, s2 = y1 * z2 * square2 % _P, y2 * z1 * square1 % _P
    if u1 == u2:
        return _double(first) if s1 == s2 else _INFINITY
    h = u2 - u1
    i = 4 * h * h % _P
    j, r, v = h * i % _P, 2 * (s2 - s1) % _P, u1 * i % _P
    x_out = (r * r - j - 2 * v) % _P
    return x_out, (r * (v - x_out) - 2 * s1 * j) % _P, ((z1 + z2) ** 2 - square1 - square2) * h % _P
