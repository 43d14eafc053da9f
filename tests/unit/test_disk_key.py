"""The key of a disk by a tang server: the exchange on values, and what hostile servers and documents come to.

The server is a small one, by `cryptography` where it signs. The real one is asked in tests/tool/test_disk_key.py.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits
from adamant.model.encryption import TangServer
from adamant.model.errors import AdamantError, InputError, UnreachableError, VerificationError
from adamant.node.disk_key import binding, p521, run, tang
from adamant.node.disk_key.p521 import Point


def drawn() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP521R1())


def point_of(key: ec.EllipticCurvePrivateKey) -> Point:
    numbers = key.public_key().public_numbers()
    return Point(numbers.x, numbers.y)


def signed(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA512())))
    return r.to_bytes(p521.SIZE) + s.to_bytes(p521.SIZE)


class Server:
    """Answers as tang does, and remembers what it was asked. `gone` makes it answer nothing."""

    def __init__(self, url: str) -> None:
        self.signing, self.exchange = drawn(), drawn()
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.gone = False
        self.known = TangServer(url, tang.thumbprint(point_of(self.signing)))

    def advertisement(self, signer: ec.EllipticCurvePrivateKey | None = None, algorithm: str = "ES512") -> bytes:
        keys = [
            {**self._jwk(self.exchange), "alg": "ECMR", "key_ops": ["deriveKey"]},
            {**self._jwk(self.signing), "alg": "ES512", "key_ops": ["verify"]},
        ]
        payload = tang.encode(json.dumps({"keys": keys}).encode())
        protected = tang.encode(json.dumps({"alg": algorithm, "cty": "jwk-set+json"}).encode())
        signature = tang.encode(signed(signer or self.signing, f"{protected}.{payload}".encode()))
        return json.dumps({"payload": payload, "protected": protected, "signature": signature}).encode()

    def answer(self, path: str, body: bytes | None) -> bytes:
        self.asked.append(path)
        if self.gone:
            raise UnreachableError("tang-unreachable", f"{self.known.url}: No route to host")
        if body is None:
            return self.advertisement()
        self.bodies.append(body)
        key = json.loads(body)
        point = p521.point(tang.decode(key["x"]), tang.decode(key["y"]))
        found = p521.multiply(self.exchange.private_numbers().private_value, point)
        return json.dumps({"kty": "EC", "crv": "P-521", "alg": "ECMR", **tang.coordinates(found)}).encode()

    @staticmethod
    def _jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
        return {"kty": "EC", "crv": "P-521", **tang.coordinates(point_of(key))}


@pytest.fixture
def servers() -> list[Server]:
    return [Server("http://10.0.0.5"), Server("http://10.0.0.6:7500")]


def asker(servers: list[Server]) -> run.Ask:
    """Asks the one of `servers` that is at a URL."""
    return lambda url, path, body: next(s for s in servers if s.known.url == url).answer(path, body)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine at its first boot: an ESP, and a disk without state."""
    (tmp_path / run.ESP).mkdir(parents=True)
    (tmp_path / "run/credstore").mkdir()
    block = tmp_path / "sys/class/block/vda1"
    block.mkdir(parents=True)
    (block / "uevent").write_text("DEVTYPE=partition\nPARTNAME=esp\n")
    return tmp_path


def with_volumes(root: Path) -> None:
    (root / "sys/class/block/vda6").mkdir()
    (root / "sys/class/block/vda6/uevent").write_text("DEVTYPE=partition\nPARTNAME=state\n")


def test_points_and_signatures_are_those_of_another_implementation() -> None:
    ours, theirs = drawn(), drawn()
    secret = ours.private_numbers().private_value
    assert p521.public(secret) == point_of(ours)
    shared = p521.multiply(secret, point_of(theirs))
    assert shared.x.to_bytes(p521.SIZE) == ours.exchange(ec.ECDH(), theirs.public_key())
    assert p521.point(shared.x.to_bytes(p521.SIZE), shared.y.to_bytes(p521.SIZE)) == shared
    assert p521.add(p521.public(2), p521.public(3)) == p521.public(5)
    assert p521.add(p521.public(2), p521.public(2)) == p521.public(4)
    signature = signed(ours, b"said")
    assert p521.verify(point_of(ours), b"said", signature)
    for signer, message, other in (
        (point_of(theirs), b"said", signature),
        (point_of(ours), b"not said", signature),
        (point_of(ours), b"said", signature[:-1]),
        (point_of(ours), b"said", bytes(2 * p521.SIZE)),
        (point_of(ours), b"said", signature[p521.SIZE :] + signature[: p521.SIZE]),
    ):
        assert not p521.verify(signer, message, other)


@pytest.mark.parametrize("coordinates", [(0, 0), (1, 1), (2**521 - 1, 1), (2**521, 2**521)])
def test_what_is_no_point_of_the_curve_is_refused(coordinates: tuple[int, int]) -> None:
    with pytest.raises(VerificationError):
        p521.point(*(number.to_bytes(p521.SIZE) for number in coordinates))


def test_a_point_and_its_negative_have_no_sum() -> None:
    one = p521.public(7)
    with pytest.raises(VerificationError):
        p521.add(one, p521.negate(one))


def test_the_thumbprint_is_that_of_the_rfc(servers: list[Server]) -> None:
    xy = tang.coordinates(point_of(servers[0].signing))
    text = f'{{"crv":"P-521","kty":"EC","x":"{xy["x"]}","y":"{xy["y"]}"}}'
    assert tang.decode(servers[0].known.thumbprint) == hashlib.sha256(text.encode()).digest()


def test_an_advertisement_counts_when_the_pinned_key_has_signed_it(servers: list[Server]) -> None:
    one, other = servers
    pinned = one.known.thumbprint
    assert tang.exchange_key(one.advertisement(), pinned) == point_of(one.exchange)
    for hostile in (
        other.advertisement(),
        one.advertisement(signer=other.signing),
        one.advertisement(algorithm="none"),
    ):
        with pytest.raises(VerificationError) as caught:
            tang.exchange_key(hostile, pinned)
        assert caught.value.reference == "tang-signature"


def test_each_boot_after_the_first_gets_the_same_key_by_any_one_server(root: Path, servers: list[Server]) -> None:
    known = [server.known for server in servers]
    assert run.read_binding(root) is None
    key = run.draw(root, known, asker(servers))
    assert len(key) == binding.KEY
    with_volumes(root)
    bound = run.read_binding(root)
    assert bound is not None
    for gone in servers:
        for server in servers:
            server.gone = server is gone
        assert run.find(bound, known, asker(servers)) == key
    assert key not in (root / run.ESP / run.BINDING).read_bytes()


def test_a_server_never_sees_the_same_question_twice_nor_the_point_that_lies_on_the_disk(
    root: Path, servers: list[Server]
) -> None:
    one = servers[:1]
    known = [one[0].known]
    run.draw(root, known, asker(one))
    bound = run.read_binding(root)
    assert bound is not None
    for _ in range(2):
        run.find(bound, known, asker(one))
    first, second = (json.loads(body)["x"] for body in one[0].bodies)
    assert len({first, second, tang.coordinates(bound.servers[0].client_key)["x"]}) == 3


def test_the_first_boot_needs_all_servers_and_leaves_nothing_without_one(root: Path, servers: list[Server]) -> None:
    servers[1].gone = True
    with pytest.raises(UnreachableError):
        run.draw(root, [server.known for server in servers], asker(servers))
    assert run.read_binding(root) is None


def test_another_server_and_a_lying_one_are_named_and_open_nothing(root: Path, servers: list[Server]) -> None:
    one, other = servers
    run.draw(root, [one.known], asker(servers))
    bound = run.read_binding(root)
    assert bound is not None
    with pytest.raises(UnreachableError) as caught:
        run.find(bound, [other.known], asker(servers))
    assert "bound to none of the servers" in caught.value.message
    one.exchange = drawn()
    with pytest.raises(UnreachableError) as caught:
        run.find(bound, [one.known], asker(servers))
    assert caught.value.message.startswith("http://10.0.0.5: what the server answered gives another key")


@pytest.mark.parametrize("left", [None, b"", b"{}", b'{"version": 2}', b"x" * (limits.TANG_BINDING + 1)])
def test_a_disk_without_volumes_is_bound_anew_and_one_with_them_never(root: Path, left: bytes | None) -> None:
    if left is not None:
        (root / run.ESP / run.BINDING).parent.mkdir()
        (root / run.ESP / run.BINDING).write_bytes(left)
    assert run.read_binding(root) is None
    with_volumes(root)
    with pytest.raises((InputError, VerificationError)):
        run.read_binding(root)


def test_the_key_is_handed_over_to_root_alone(root: Path) -> None:
    run.hand_over(root, b"key")
    store = root / "run/credstore"
    assert (store.stat().st_mode & 0o777, (store / "adamant.disk-key").stat().st_mode & 0o777) == (0o700, 0o400)
    assert (store / "adamant.disk-key").read_bytes() == b"key"


def test_a_boot_that_waits_says_why_and_not_with_each_try() -> None:
    said: list[str] = []
    saying = run.Saying(0.0, said.append)
    saying.hear("no route", limits.TANG_QUIET_SECONDS - 1)
    assert not said
    for now in range(10, 610):
        saying.hear("no route", float(now))
    assert len(said) == 1
    saying.hear("no answer", 611.0)
    saying.hear("no answer", 612.0 + limits.TANG_AGAIN_SECONDS)
    assert ["no route" in line for line in said] == [True, False, False]


FOREIGN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["EC", "P-521", "ES512", "ECMR", "verify"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["keys", "payload", "kty", "x"]) | st.text(), inner)
    ),
    max_leaves=12,
)
KEY = st.fixed_dictionaries(
    {"kty": st.just("EC") | FOREIGN},
    optional={
        "crv": st.just("P-521") | FOREIGN,
        "x": st.just(tang.encode(bytes(66))) | FOREIGN,
        "y": st.just(tang.encode(bytes(66))) | FOREIGN,
        "alg": st.sampled_from(["ES512", "ECMR"]) | FOREIGN,
        "key_ops": st.just(["verify", "deriveKey"]) | FOREIGN,
    },
)


@given(st.binary(max_size=300) | FOREIGN.map(lambda value: json.dumps(value).encode()))
def test_hostile_bytes_give_an_error_of_ours(data: bytes) -> None:
    for read in (
        lambda: tang.exchange_key(data, "a" * 43),
        lambda: tang.secret(data, p521.public(2), 3),
        lambda: binding.decode(data),
    ):
        with pytest.raises(AdamantError):
            read()


@given(st.lists(KEY, max_size=3), st.text(), st.text())
def test_hostile_keys_give_an_error_of_ours(keys: list[dict[str, Any]], protected: str, signature: str) -> None:
    payload = tang.encode(json.dumps({"keys": keys}).encode())
    document = {"payload": payload, "signatures": [{"protected": protected, "signature": signature}]}
    with pytest.raises(AdamantError):
        tang.exchange_key(json.dumps(document).encode(), "a" * 43)
    for key in keys:
        with pytest.raises(AdamantError):
            tang.secret(json.dumps(key).encode(), p521.public(2), 3)


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_binding_that_somebody_changed_gives_no_key(wrapped: str, client: str) -> None:
    key = bytes(range(binding.KEY))
    made = binding.make(key, {"a" * 43: p521.public(5)})
    bound = made.servers[0]
    secret = p521.multiply(5, bound.client_key)
    assert binding.unwrap(made, bound, secret) == key
    for changed in (
        binding.Bound(bound.thumbprint, bound.exchange, bound.client, wrapped),
        binding.Bound(bound.thumbprint, bound.exchange, client, bound.wrapped),
    ):
        with pytest.raises(VerificationError):
            binding.unwrap(made, changed, secret)
