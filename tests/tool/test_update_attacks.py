"""Attacks on the index of a repository, by whoever sits on the way to it or holds some of its keys.

The repository is a real one, the server is on the loopback, and the reader is what a machine runs (node/update/trust.py
with python-tuf). The names of the attacks are those of The Update Framework's specification, 1.5.2.
"""

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tuf import ngclient
from tuf.api.metadata import Metadata, Root, TargetFile

from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, UnreachableError, VerificationError
from adamant.node.update import trust
from adamant.node.update.origin import HttpOrigin
from adamant.release import index
from adamant.release.index import Index
from adamant.release.repository import ONLINE_DAYS, RELEASES, Repository
from adamant.release.signers import Signers, public
from tests.tool.test_release_repository import Shop

NOW = datetime.now(UTC)
Answer = bytes | Callable[[], Iterator[bytes]]
KEYS = {
    "root": ("root-1", "root-2"),
    "timestamp": ("online",),
    "snapshot": ("online",),
    "targets": ("targets",),
    "host": ("host",),
}
"""Who signs which metadata."""


class Mirror:
    """A server of a folder that gives something else for the paths in `lies`. `sent` counts the bytes of each path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lies: dict[str, Answer] = {}
        self.sent: dict[str, int] = {}
        self.base = ""

    def answer(self, path: str) -> Iterator[bytes] | None:
        lie = self.lies.get(path)
        if callable(lie):
            return lie()
        if lie is not None:
            return iter([lie])
        file = self.folder / path
        return iter([file.read_bytes()]) if file.is_file() else None


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            pieces = mirror.answer(path)
            if pieces is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    mirror.sent[path] = mirror.sent.get(path, 0) + len(piece)
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True  # the reader had enough

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        mirror.base = f"http://127.0.0.1:{server.server_address[1]}"
        yield mirror
        server.shutdown()


class Node:
    """A machine of the product host that trusts `root`, and what it keeps."""

    def __init__(self, mirror: Mirror, root: bytes, kept: Path) -> None:
        self.mirror = mirror
        self.root = root
        self.kept = kept

    def index(self, seconds: float = 10) -> Index:
        origin = HttpOrigin(self.mirror.base, seconds=seconds)
        try:
            return trust.read_index("host", self.mirror.base, self.root, self.kept, origin)[0]
        finally:
            origin.close()

    def versions(self) -> list[str]:
        return [release.version for release in self.index().releases]

    def refuses(self, reference: str = "repository-untrusted", match: str | None = None) -> None:
        with pytest.raises(AdamantError, match=match) as caught:
            self.index()
        assert caught.value.reference == reference, caught.value


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and a repository syncs each of its files."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A repository that has published release 1."""
    made = Shop(tmp_path)
    made.publish("1")
    return made


@pytest.fixture
def mirror(shop: Shop) -> Iterator[Mirror]:
    with serving(Mirror(shop.folder)) as made:
        yield made


@pytest.fixture
def node(shop: Shop, mirror: Mirror) -> Node:
    """A machine that has seen release 1."""
    made = Node(mirror, shop.root, shop.home / "kept")
    assert made.versions() == ["1"]
    return made


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's python-tuf: it takes no first root, but begins with the one that is kept."""
    whole = ngclient.Updater

    class Updater(whole):  # type: ignore[valid-type, misc]  # the one that is installed
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, bootstrap=None)

        def _persist_root(self, _version: int, data: bytes) -> None:
            self._persist_file(str(Path(self._dir) / "root.json"), data)

        def _update_root_symlink(self) -> None:
            pass

    monkeypatch.setattr(ngclient, "Updater", Updater)


def path_of(shop: Shop, role: str, version: int = 0) -> str:
    """Where the newest metadata of a role lies, or that of a version."""
    if role == "timestamp":
        return "metadata/timestamp.json"
    newest = max(int(path.name.split(".")[0]) for path in (shop.folder / "metadata").glob(f"*.{role}.json"))
    return f"metadata/{version or newest}.{role}.json"


def forge(
    shop: Shop,
    role: str,
    change: Callable[[Any], None],
    *,
    keys: tuple[str, ...] | None = None,
    later: bool = False,
) -> int:
    """Change the newest metadata of a role and sign it with `keys`, in its place or as a later version: which one."""
    metadata: Metadata[Any] = Metadata.from_bytes((shop.folder / path_of(shop, role)).read_bytes())
    change(metadata.signed)
    metadata.signed.version += later
    metadata.signatures.clear()
    for key in KEYS[role] if keys is None else keys:
        metadata.sign(shop.signers.load(key), append=True)
    version: int = metadata.signed.version
    (shop.folder / path_of(shop, role, version)).write_bytes(metadata.to_bytes())
    return version


def announce(shop: Shop, roles: dict[str, int], keys: tuple[str, ...] = ("online",)) -> None:
    """Sign a later snapshot and timestamp in which `roles` have those versions."""

    def name(signed: Any) -> None:
        for role, version in roles.items():
            signed.meta[f"{role}.json"].version = version

    snapshot = forge(shop, "snapshot", name, keys=keys, later=True)
    forge(shop, "timestamp", lambda signed: setattr(signed.snapshot_meta, "version", snapshot), keys=keys, later=True)


# -- freeze: what ran out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(KEYS))
def test_metadata_that_ran_out_is_told_apart_from_metadata_that_is_wrong(shop: Shop, mirror: Mirror, role: str) -> None:
    forge(shop, role, lambda signed: setattr(signed, "expires", NOW - timedelta(hours=1)))
    Node(mirror, shop.repository.root(), shop.home / "kept").refuses("repository-expired", "if it is 20")


def test_a_clock_that_is_far_ahead_is_named_as_a_reason(shop: Shop, node: Node) -> None:
    Repository(shop.folder, NOW - timedelta(days=3650)).refresh(shop.signers)  # as a clock ten years ahead sees it
    node.refuses("repository-expired")
    with pytest.raises(VerificationError) as caught:
        node.index()
    assert "time.servers" in caught.value.hint
    assert "repo refresh" in caught.value.hint


@pytest.mark.parametrize("days", [2, 400, 365 * 56])
def test_a_clock_that_is_behind_believes_nothing_and_says_so(tmp_path: Path, days: int) -> None:
    shop = Shop(tmp_path)
    shop.repository = Repository(shop.folder, NOW + timedelta(days=days))  # as a clock that is behind sees it
    shop.publish("1")
    with serving(Mirror(shop.folder)) as mirror:
        node = Node(mirror, shop.root, shop.home / "kept")
        with pytest.raises(BusyError) as caught:
            node.index()
        assert caught.value.reference == "clock-behind"
        assert "time.servers" in caught.value.hint
        shop.repository = Repository(shop.folder, NOW)  # the time has come from the network
        shop.repository.refresh(shop.signers)
        assert node.versions() == ["1"]


def test_a_repository_signs_for_less_time_than_tells_of_a_clock_that_is_behind() -> None:
    assert ONLINE_DAYS < limits.TIMESTAMP_DAYS


# -- rollback, mix and match, fast forward -----------------------------------------------------------------------------


def test_nobody_goes_back_to_a_timestamp_from_before(shop: Shop, mirror: Mirror, node: Node) -> None:
    mirror.lies["metadata/timestamp.json"] = (shop.folder / "metadata/timestamp.json").read_bytes()
    shop.publish("2")
    assert node.versions() == ["1"]  # held back, as long as the old timestamp holds
    del mirror.lies["metadata/timestamp.json"]
    before = (shop.folder / "metadata/timestamp.json").read_bytes()
    assert node.versions() == ["1", "2"]
    shop.publish("3")
    assert node.versions() == ["1", "2", "3"]
    mirror.lies["metadata/timestamp.json"] = before
    node.refuses(match="timestamp")


def test_nobody_goes_back_to_a_snapshot_from_before_whoever_signs_it(shop: Shop, node: Node) -> None:
    shop.publish("2")
    assert node.versions() == ["1", "2"]
    before = int(path_of(shop, "snapshot").split("/")[1].split(".")[0]) - 1
    forge(shop, "timestamp", lambda signed: setattr(signed.snapshot_meta, "version", before), later=True)
    node.refuses(match="snapshot version")


@pytest.mark.parametrize("role", ["targets", "host"])
def test_nobody_goes_back_to_targets_from_before_whoever_signs_the_snapshot(shop: Shop, node: Node, role: str) -> None:
    shop.publish("2")
    shop.publish("1", product="edge")
    assert node.versions() == ["1", "2"]
    announce(shop, {role: 1})
    node.refuses(match="version")


def test_a_product_does_not_vanish_from_the_snapshot(shop: Shop, node: Node) -> None:
    forge(shop, "snapshot", lambda signed: signed.meta.pop("host.json"), later=True)
    announce(shop, {})
    node.refuses(match=r"missing info for 'host\.json'")


@pytest.mark.parametrize("role", ["snapshot", "targets", "host"])
def test_metadata_of_another_time_is_not_mixed_in(shop: Shop, mirror: Mirror, node: Node, role: str) -> None:
    before = (shop.folder / path_of(shop, role)).read_bytes()
    shop.publish("2")
    shop.publish("1", product="edge")
    mirror.lies[path_of(shop, role)] = before
    node.refuses(match=r"Expected .*, got ")
    Node(mirror, shop.root, shop.home / "new").refuses(match=r"Expected .*, got ")
    del mirror.lies[path_of(shop, role)]
    assert node.versions() == ["1", "2"]


def test_versions_that_ran_forward_with_a_stolen_key_do_not_bind_once_it_is_replaced(shop: Shop, node: Node) -> None:
    forge(shop, "timestamp", lambda signed: setattr(signed, "version", 1 << 40))
    assert node.versions() == ["1"]
    forge(shop, "timestamp", lambda signed: setattr(signed, "version", 10))
    shop.repository.rotate("online", shop.signers)
    shop.repository.refresh(shop.signers)  # signed by the new key alone
    assert node.versions() == ["1"]


# -- the root ----------------------------------------------------------------------------------------------------------


def newer_root(shop: Shop, signed_by: tuple[str, ...], *, with_new_keys: bool = False) -> None:
    """A root of the next version, in the folder of the repository."""
    metadata: Metadata[Root] = Metadata.from_bytes(shop.repository.root())
    metadata.signed.version += 1
    metadata.signatures.clear()
    if with_new_keys:
        for keyid in list(metadata.signed.roles["root"].keyids):
            metadata.signed.revoke_key(keyid, "root")
        for name in ("new-1", "new-2"):
            metadata.signed.add_key(public(shop.signers.make(name)), "root")
    for name in signed_by:
        metadata.sign(shop.signers.load(name), append=True)
    path = shop.folder / path_of(shop, "root", metadata.signed.version)
    path.write_bytes(metadata.to_bytes())


def test_a_root_that_too_few_signed_is_refused(shop: Shop, node: Node) -> None:
    newer_root(shop, ("root-1",))
    node.refuses(match="signed by 1/2 keys")


def test_a_root_that_one_key_signed_twice_is_refused(shop: Shop, node: Node) -> None:
    newer_root(shop, ("root-1",))
    path = shop.folder / path_of(shop, "root")
    document = json.loads(path.read_text())
    document["signatures"] *= 2
    path.write_text(json.dumps(document))
    node.refuses()


@pytest.mark.parametrize("signed_by", [("new-1", "new-2"), ("root-1", "new-1", "new-2"), ("root-1", "root-2", "new-1")])
def test_a_root_with_new_keys_wants_old_and_new_ones_to_sign(
    shop: Shop, mirror: Mirror, node: Node, signed_by: tuple[str, ...]
) -> None:
    newer_root(shop, signed_by, with_new_keys=True)
    node.refuses(match="root was signed by")
    Node(mirror, shop.root, shop.home / "new").refuses(match="root was signed by")


def test_a_root_with_new_keys_that_old_and_new_ones_signed_is_followed(shop: Shop, node: Node) -> None:
    newer_root(shop, ("root-1", "root-2", "new-1", "new-2"), with_new_keys=True)
    assert node.versions() == ["1"]


@pytest.mark.parametrize("client", ["newer", "debian"])
def test_the_chain_of_roots_leads_from_any_image_s_root_to_the_newest(
    shop: Shop, mirror: Mirror, node: Node, client: str, request: pytest.FixtureRequest
) -> None:
    if client == "debian":
        request.getfixturevalue("debian")
    roots = [shop.root]
    for name in ("root-1", "online", "root-2", "targets", "root-3", "root-1"):
        shop.repository.rotate(name, shop.signers)
        roots.append(shop.repository.root())
    shop.publish("2")
    for number, root in enumerate(roots[::3]):
        assert Node(mirror, root, shop.home / f"new-{number}").versions() == ["1", "2"]
    for root in (roots[0], roots[3], roots[-1], roots[1]):  # images come and go on one machine
        node.root = root
        assert node.versions() == ["1", "2"]


@pytest.mark.parametrize("client", ["newer", "debian"])
def test_a_root_that_was_reached_is_not_given_up_when_a_mirror_hides_it(
    shop: Shop, mirror: Mirror, node: Node, client: str, request: pytest.FixtureRequest
) -> None:
    if client == "debian":
        request.getfixturevalue("debian")
    stolen = (shop.folder / "metadata/timestamp.json").read_bytes()
    shutil.copy(shop.signers.path("online"), shop.signers.path("stolen"))
    shop.repository.rotate("root-1", shop.signers)
    between = shop.repository.root()
    shop.repository.rotate("online", shop.signers)
    shop.repository.refresh(shop.signers)
    assert node.versions() == ["1"]
    (shop.folder / "metadata/timestamp.json").write_bytes(stolen)
    forge(shop, "timestamp", lambda signed: setattr(signed, "version", 99), keys=("stolen",))
    (shop.folder / "metadata/3.root.json").unlink()
    for image in (shop.root, between, shop.root):
        node.root = image
        node.refuses(match="timestamp was signed by 0/1 keys")


@pytest.mark.parametrize("client", ["newer", "debian"])
def test_an_image_with_the_root_of_another_repository_trusts_that_one_alone(
    shop: Shop, mirror: Mirror, node: Node, client: str, request: pytest.FixtureRequest
) -> None:
    if client == "debian":
        request.getfixturevalue("debian")
    for name in ("root-1", "root-2"):
        shop.repository.rotate(name, shop.signers)
    assert node.versions() == ["1"]
    home = shop.home / "another"
    home.mkdir()
    other = Shop(home)
    other.publish("7")
    node.root = other.root
    node.refuses()
    with serving(Mirror(other.folder)) as others:
        node.mirror = others
        assert node.versions() == ["7"]
        node.mirror = mirror
        node.refuses()


@pytest.mark.parametrize("client", ["newer", "debian"])
@pytest.mark.parametrize("left", [b"", b"\0" * 4096, b'{"signed": {"version": 1}}'])
def test_what_a_power_cut_left_of_what_is_kept_does_not_end_updates(
    shop: Shop, node: Node, left: bytes, client: str, request: pytest.FixtureRequest
) -> None:
    if client == "debian":
        request.getfixturevalue("debian")
    shop.repository.rotate("root-1", shop.signers)
    assert node.versions() == ["1"]
    for path in node.kept.rglob("*.json"):
        path.resolve().write_bytes(left)
    assert node.versions() == ["1"]


# -- endless and slow --------------------------------------------------------------------------------------------------


def endless() -> Iterator[bytes]:
    piece = b" " * (64 << 10)
    while True:
        yield piece


def dribble() -> Iterator[bytes]:
    while True:
        yield b" "
        time.sleep(0.02)


def asked(shop: Shop) -> list[str]:
    """Every file that a machine asks for on its way to the index."""
    releases = next((shop.folder / "targets/host").glob(f"*.{RELEASES}"))
    metadata = [path_of(shop, role) for role in ("timestamp", "snapshot", "targets", "host")]
    return ["metadata/2.root.json", *metadata, str(releases.relative_to(shop.folder))]


def test_endless_data_ends_at_its_cap_whatever_file_it_is_given_for(shop: Shop, mirror: Mirror) -> None:
    for number, path in enumerate(asked(shop)):
        mirror.lies = {path: endless}
        Node(mirror, shop.root, shop.home / f"kept-{number}").refuses(match="exceeding")
        assert mirror.sent.get(path, 0) < limits.TUF_METADATA_SIZE + (
            16 << 20
        )  # a cap, and what the kernel has on its way


def test_an_index_whose_signed_length_is_endless_is_not_fetched_at_all(shop: Shop, mirror: Mirror, node: Node) -> None:
    path = asked(shop)[-1]
    version = forge(
        shop, "host", lambda signed: setattr(signed.targets[f"host/{RELEASES}"], "length", 1 << 40), later=True
    )
    announce(shop, {"host": version})
    mirror.sent.clear()
    node.refuses(match="index has")
    assert path not in mirror.sent


def test_a_server_that_gives_byte_after_byte_is_given_up(shop: Shop, mirror: Mirror) -> None:
    for number, path in enumerate(asked(shop)):
        mirror.lies = {path: dribble}
        begin = time.monotonic()
        with pytest.raises(AdamantError, match="slower than 1000 bytes a second") as caught:
            Node(mirror, shop.root, shop.home / f"kept-{number}").index(seconds=0.3)
        assert caught.value.reference == "origin-failed"
        assert time.monotonic() - begin < 3


def test_a_server_without_a_repository_is_unreachable_and_not_untrusted(shop: Shop, mirror: Mirror) -> None:
    (shop.folder / "metadata/timestamp.json").unlink()
    with pytest.raises(UnreachableError, match=r"there is no metadata/timestamp\.json"):
        Node(mirror, shop.root, shop.home / "kept").index()


# -- bytes that are not what was signed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.replace(b'"stable"', b'"sTable"'),
        lambda _data: b"",
    ],
)
def test_an_index_of_other_length_or_other_bytes_is_refused(
    shop: Shop, mirror: Mirror, node: Node, change: Callable[[bytes], bytes]
) -> None:
    path = asked(shop)[-1]
    changed = change((shop.folder / path).read_bytes())
    assert changed != (shop.folder / path).read_bytes()
    mirror.lies[path] = changed
    node.refuses()
    del mirror.lies[path]
    assert node.versions() == ["1"]


NO_METADATA = {
    "nothing": b"",
    "no JSON": b"<html>sign in to this network</html>",
    "another encoding": '{"signed": {}}'.encode("utf-16"),
    "not UTF-8": b'{"signed": "\xff\xfe"}',
    "half a character": b'{"signatures": [], "signed": {"_type": "\\ud800"}}',
    "another kind of value": b"[]",
    "null": b"null",
    "deep": b"[" * 12_000,
    "deep and closed": b'{"signed": ' + b'{"a":' * 2000 + b"1" + b"}" * 2000 + b"}",
    "a long number": b'{"signed": {"version": ' + b"9" * 15_000 + b"}}",
    "no number": b'{"signed": {"version": NaN}}',
    "infinite": b'{"signed": {"version": 1e999}}',
    "no signatures": b'{"signed": {"_type": "timestamp"}}',
}


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets", "host"])
def test_what_is_no_metadata_is_refused_by_name(shop: Shop, mirror: Mirror, node: Node, role: str) -> None:
    shop.publish("1", product="edge")
    shop.publish("2")
    path = "metadata/2.root.json" if role == "root" else path_of(shop, role)
    for data in NO_METADATA.values():
        mirror.lies = {path: data}
        node.refuses()
    mirror.lies.clear()
    assert node.versions() == ["1", "2"]


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "host"])
def test_metadata_with_any_value_replaced_is_refused_by_name(shop: Shop, mirror: Mirror, node: Node, role: str) -> None:
    shop.publish("1", product="edge")
    shop.publish("2")
    path = path_of(shop, role)
    document = json.loads((shop.folder / path).read_text())
    chance = random.Random(role)
    values: list[Any] = [None, -1, 1 << 70, 1.5, True, "", "\ud800", "9" * 40, [], {}, [[]], {"a": {}}]
    for _ in range(20):
        mirror.lies = {path: json.dumps(replaced(document, chance, values)).encode()}
        node.refuses()
    mirror.lies.clear()
    assert node.versions() == ["1", "2"]


def replaced(document: Any, chance: random.Random, values: list[Any]) -> Any:
    """The document with one value, wherever it stands, replaced by another one."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            places.append((value, key))
            walk(value[key])

    copied = json.loads(json.dumps(document))
    walk(copied)
    holder, key = chance.choice(places)
    holder[key] = chance.choice([value for value in values if value != holder[key]])
    return copied


# -- one product's key, another product's files ------------------------------------------------------------------------


def add_target(path: str, data: bytes) -> Callable[[Any], None]:
    def add(signed: Any) -> None:
        signed.targets[path] = TargetFile.from_data(path, data, ["sha256"])

    return add


def test_the_key_of_a_product_says_nothing_of_another_product_s_files(shop: Shop, mirror: Mirror, node: Node) -> None:
    shop.publish("1", product="edge")
    shop.publish("2", product="edge")
    lie = index.encode(Index("host"))
    target = TargetFile.from_data(f"host/{RELEASES}", lie, ["sha256"])
    (shop.folder / "targets/host" / f"{target.hashes['sha256']}.{RELEASES}").write_bytes(lie)
    KEYS["edge"] = ("edge",)
    version = forge(shop, "edge", add_target(f"host/{RELEASES}", lie), later=True)
    announce(shop, {"edge": version})
    assert node.versions() == ["1"]
    version = forge(shop, "host", add_target(f"host/{RELEASES}", lie), keys=("edge",), later=True)
    announce(shop, {"host": version})
    node.refuses(match="host was signed by 0/1 keys")
    Node(mirror, shop.root, shop.home / "new").refuses(match="host was signed by 0/1 keys")


def test_the_key_of_a_product_delegates_nothing_of_another_product(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.publish("1", product="edge")
    lie = index.encode(Index("host"))
    KEYS["edge"] = ("edge",)
    version = forge(shop, "edge", add_target(f"host/{RELEASES}", lie), later=True)
    announce(shop, {"edge": version})
    with serving(Mirror(shop.folder)) as mirror:
        Node(mirror, shop.root, shop.home / "kept").refuses("product-unknown")


def test_an_index_of_another_product_is_refused_in_the_place_of_this_one_s(shop: Shop, node: Node) -> None:
    lie = index.encode(Index("edge"))
    target = TargetFile.from_data(f"host/{RELEASES}", lie, ["sha256"])
    (shop.folder / "targets/host" / f"{target.hashes['sha256']}.{RELEASES}").write_bytes(lie)
    version = forge(shop, "host", add_target(f"host/{RELEASES}", lie), later=True)
    announce(shop, {"host": version})
    node.refuses(match="releases of edge in the place of those of host")


def test_the_keys_of_another_repository_sign_nothing_here(shop: Shop, mirror: Mirror, node: Node) -> None:
    other = Signers(shop.home / "other")
    metadata: Metadata[Any] = Metadata.from_bytes((shop.folder / "metadata/timestamp.json").read_bytes())
    metadata.signed.version += 1
    metadata.signatures.clear()
    metadata.sign(other.make("online"))
    mirror.lies["metadata/timestamp.json"] = metadata.to_bytes()
    node.refuses(match="timestamp was signed by 0/1 keys")
