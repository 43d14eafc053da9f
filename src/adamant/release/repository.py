"""A repository of releases: static files signed with TUF (The Update Framework 1.0), which any web server serves.

    metadata/    N.root.json, N.targets.json, N.<product>.json, N.snapshot.json, timestamp.json
    targets/     <product>/<digest>.releases.json, <product>/<digest>.patches.json when there are patches, and the files
                 of releases as <product>/<version>/<digest>.<name>

The role targets delegates `<product>/*` to the role of each product. What is named by digest or number never changes
once it is written; `timestamp.json` is replaced last, in one step. So a reader sees the state before or after, never
between, and a publisher that is killed leaves only files that nobody is told of. Metadata of one's own repository is
verified like a stranger's when it is read: a folder that somebody changed is not signed anew.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from adamant.core import files, limits, verity_tree
from adamant.core.source import open_source
from adamant.model.arch import Arch
from adamant.model.digest import RootHash
from adamant.model.errors import BusyError, InputError, VerificationError
from adamant.release import index, patch, patches
from adamant.release.exported import ARCHIVE, METADATA, TARGET_FILES, write_archive
from adamant.release.index import File, Index, Release
from adamant.release.patches import Patch, Patches
from adamant.release.signers import ONLINE, TARGETS, Signers, public, root_name

T = TypeVar("T", bound=Signed)

RELEASES = "releases.json"
PATCHES = "patches.json"

ROOT_DAYS = 365
TARGETS_DAYS = 365
PRODUCT_DAYS = 365
ONLINE_DAYS = 14
"""How long snapshot and timestamp hold: a mirror can hold back news for so long at most."""


_RESERVED = frozenset({"root", "targets", "snapshot", "timestamp", ONLINE})


@dataclass(frozen=True, slots=True)
class RoleStatus:
    """One role: version of its metadata, until when it holds, and how many of its keys must sign."""

    role: str
    version: int
    expires: datetime
    keys: tuple[str, ...]
    threshold: int


class Repository:
    """The repository in `folder`. `now` (with a time zone) is when it is signed."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self.folder = folder
        self._now = now
        self._metadata = folder / METADATA

    def init(self, signers: Signers, roots: int, threshold: int) -> None:
        """Make a repository with new keys, `threshold` of whose `roots` root keys must sign a root.

        Raises BusyError `repository-exists`, or InputError for a threshold that makes no sense.
        """
        if not 1 <= threshold <= roots <= limits.ROOT_KEYS:
            raise InputError("repository-threshold", f"{threshold} of {roots} keys cannot sign", hint="such as 2 of 3")
        if self._metadata.exists():
            raise BusyError("repository-exists", "there is a repository already", context=str(self.folder))
        root_signers = [signers.make(root_name(number)) for number in range(1, roots + 1)]
        targets_signer, online = signers.make(TARGETS), signers.make(ONLINE)
        root = Root(expires=self._until(ROOT_DAYS), consistent_snapshot=True)
        for signer in root_signers:
            root.add_key(public(signer), "root")
        root.roles["root"].threshold = threshold
        root.add_key(public(targets_signer), "targets")
        for role in ("snapshot", "timestamp"):
            root.add_key(public(online), role)
        self._metadata.mkdir(parents=True)
        (self.folder / TARGET_FILES).mkdir(exist_ok=True)
        targets = Targets(expires=self._until(TARGETS_DAYS), delegations=Delegations(keys={}, roles={}))
        snapshot = Snapshot(expires=self._until(ONLINE_DAYS), meta={})
        with files.locked(self.folder / ".lock", "the repository"):
            self._write("root", root, root_signers)
            self._write("targets", targets, [targets_signer])
            self._commit(snapshot, None, {"targets": targets}, [online])

    def index(self, product: str) -> Index:
        """The releases of a product; none, when it is new."""
        role = self._read_product(product, self._state())
        return self._index_of(product, role) if role else Index(product)

    def patches(self, product: str) -> Patches:
        """The patches of a product; none, when it is new."""
        role = self._read_product(product, self._state())
        if role is None or f"{product}/{PATCHES}" not in role.targets:
            return Patches(product)
        return patches.decode(self._document(role.targets[f"{product}/{PATCHES}"], "list of patches"))

    def make_patch(self, base: Release, release: Release, content: dict[str, Path], out: Path) -> Patch:
        """Make a patch to `release` from `base`, which is published, in the new file `out`.

        The files of `release` are in `content`, by target path. Raises InputError `patch-base` for a base that is the
        release itself, or InputError `patch-useless`.
        """
        if base.root_hash == release.root_hash:
            raise InputError("patch-base", f"{base.version} has the image of {release.version}: a patch saves nothing")
        usr, verity = (self._place(file) for file in (base.usr, base.verity))
        for place, file in ((usr, base.usr), (verity, base.verity)):
            if not place.is_file() or files.sha256_file(place) != file.sha256:
                raise VerificationError(
                    "repository-broken", f"{file.path} of the repository is not as its release says"
                )
        with (
            open_source(usr) as old,
            open_source(content[release.usr.path]) as new,
            open_source(verity) as old_verity,
            open_source(content[release.verity.path]) as new_verity,
            out.open("xb") as written,
        ):
            old_tree = verity_tree.read_tree(old_verity, RootHash(base.root_hash))
            new_tree = verity_tree.read_tree(new_verity, RootHash(release.root_hash))
            head = patch.make(old, old_tree, new, new_tree, written)
        folder = release.usr.path.rpartition("/")[0]
        made = File(f"{folder}/from-{base.version}.patch", out.stat().st_size, files.sha256_file(out))
        digest = hashlib.sha256(patch.encode(head)).hexdigest()
        return Patch(release.version, release.arch, base.version, base.root_hash, made, head.size, digest, head.form)

    def products(self) -> list[str]:
        """Names of all products."""
        return sorted(self._state().roles)

    def publish(self, made: Index, content: dict[str, Path], signers: Signers, patched: Patches | None = None) -> None:
        """Replace a product's index, and its patches when they are given.

        The files in `content`, by the target paths that these name, become targets.

        A product that is new needs the key of the role targets, and gets a key of its own. Files of releases that are
        there already need not be in `content`.
        """
        with files.locked(self.folder / ".lock", "the repository"):
            state = self._state()
            changed: dict[str, Targets] = {}
            if made.product in _RESERVED:
                raise InputError("product-name", f"a product cannot have the name {made.product}")
            if made.product not in state.roles:
                changed["targets"] = self._delegate(state, made.product, signers)
            before = self._read_product(made.product, state)
            role = before or Targets()
            for path, source in content.items():
                role.targets[path] = self._store(path, source)
            named = [(release.version, file) for release in made.releases for file in release.files]
            named += [(p.version, p.file) for p in patched.patches] if patched else []
            self._check_files(named, role)
            documents = {RELEASES: index.encode(made)}
            index.decode(documents[RELEASES])  # what machines would refuse to read is not signed
            if patched is not None:
                documents[PATCHES] = patches.encode(patched)
            for name, data in documents.items():
                target = TargetFile.from_data(f"{made.product}/{name}", data, ["sha256"])
                self._store_bytes(target, data)
                role.targets[target.path] = target
            role.version = before.version + 1 if before else 1
            role.expires = self._until(PRODUCT_DAYS)
            self._write(made.product, role, [signers.load(made.product, state.roles[made.product].keyids)])
            changed[made.product] = role
            self._commit(state.snapshot, state.timestamp, changed, [state.online(signers)])

    def refresh(self, signers: Signers) -> None:
        """Sign snapshot and timestamp anew, so that they hold from now on. Needs the online key alone."""
        with files.locked(self.folder / ".lock", "the repository"):
            state = self._state()
            self._commit(state.snapshot, state.timestamp, {}, [state.online(signers)])

    def rotate(self, role: str, signers: Signers) -> str:
        """Replace the key of a role by a new one; the name of the file that holds it.

        The old file is kept beside it as NAME.old-N.key. For the root, the root keys are replaced one at a time: `role`
        is `root-N`. The new root is signed by the old keys and the new one, so that machines follow it.
        """
        with files.locked(self.folder / ".lock", "the repository"):
            return _Rotation(self, signers).rotate(role)

    def status(self) -> list[RoleStatus]:
        """Every role, root first."""
        state = self._state()
        root = state.root
        every: list[tuple[str, Signed]] = [
            ("root", root),
            ("targets", state.targets),
            ("snapshot", state.snapshot),
            ("timestamp", state.timestamp),
        ]
        found = [
            RoleStatus(name, s.version, s.expires, tuple(root.roles[name].keyids), root.roles[name].threshold)
            for name, s in every
        ]
        for product, delegated in state.roles.items():
            role = self._read_product(product, state)
            if role is not None:
                ids = tuple(delegated.keyids)
                found.append(RoleStatus(product, role.version, role.expires, ids, delegated.threshold))
        return found

    def root(self) -> bytes:
        """The newest root: what an image carries so that its machines trust this repository."""
        return self._path("root", self._newest_root()).read_bytes()

    def export(self, product: str, version: str, arch: Arch, out: Path) -> int:
        """Copy all metadata, a release's files and the patches to it into the new folder `out`; the bytes copied.

        An `out` whose name ends in .tar becomes a tar archive of the same in place of a folder.

        What is there is a repository that machines verify as they do this one; other releases' files are missing in it.
        """
        state = self._state()
        role = self._read_product(product, state)
        found = self.index(product)
        release = index.find(found, version, arch)
        assert role is not None
        targets = [role.targets[f"{product}/{RELEASES}"], *(role.targets[file.path] for file in release.files)]
        if f"{product}/{PATCHES}" in role.targets:
            names = [f"{product}/{PATCHES}", *(p.file.path for p in patches.to(self.patches(product), release))]
            targets += [role.targets[name] for name in names]
        metadata = [(path, Path(METADATA) / path.name) for path in sorted(self._metadata.glob("*.json"))]
        places = [(self.target_path(t), self.target_path(t).relative_to(self.folder)) for t in targets]
        if out.exists():
            raise InputError("folder-exists", f"{out} is there already", hint="name a folder that is not there yet")
        if out.suffix == ARCHIVE:
            write_archive([*metadata, *places], out)
        else:
            with files.work_folder(out.parent, "export") as folder:
                for source, name in [*metadata, *places]:
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    files.copy_file(source, folder / name)
                folder.rename(out)
        return sum(source.stat().st_size for source, _ in [*metadata, *places])

    # -- what is written -----------------------------------------------------------------------------------------------

    def _until(self, days: int) -> datetime:
        return (self._now + timedelta(days=days)).replace(microsecond=0)

    def _path(self, role: str, version: int) -> Path:
        return self._metadata / ("timestamp.json" if role == "timestamp" else f"{version}.{role}.json")

    def _write(self, role: str, signed: Signed, signers: list[CryptoSigner]) -> None:
        metadata: Metadata[Any] = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        files.write_atomic(self._path(role, signed.version), metadata.to_bytes())

    def _commit(
        self, snapshot: Snapshot, before: Timestamp | None, changed: dict[str, Targets], online: list[CryptoSigner]
    ) -> None:
        """Write a snapshot that names what changed, and then, in the one step that readers see, the timestamp."""
        for role, signed in changed.items():
            snapshot.meta[f"{role}.json"] = MetaFile(version=signed.version)
        snapshot.version = snapshot.version + 1 if before else 1
        snapshot.expires = self._until(ONLINE_DAYS)
        self._write("snapshot", snapshot, online)
        timestamp = Timestamp(
            version=before.version + 1 if before else 1,
            expires=self._until(ONLINE_DAYS),
            snapshot_meta=MetaFile(version=snapshot.version),
        )
        self._write("timestamp", timestamp, online)

    def _delegate(self, state: "_State", product: str, signers: Signers) -> Targets:
        """The targets with a new product's role; its key is made."""
        targets_signer = signers.load(TARGETS, state.root.roles["targets"].keyids)
        signer = signers.load(product) if signers.path(product).exists() else signers.make(product)
        targets = state.targets
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        targets.delegations.roles[product] = DelegatedRole(product, [], 1, terminating=True, paths=_paths(product))
        targets.add_key(public(signer), product)
        targets.version += 1
        targets.expires = self._until(TARGETS_DAYS)
        self._write("targets", targets, [targets_signer])
        return targets

    def _store(self, path: str, source: Path) -> TargetFile:
        """Copy a file of a release among the targets."""
        target = TargetFile.from_file(path, str(source), ["sha256"])
        place = self.target_path(target)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with files.work_folder(place.parent, "publish") as folder:
                files.copy_file(source, folder / "file")
                (folder / "file").chmod(0o644)
                (folder / "file").rename(place)
            files.sync_folder(place.parent)
        return target

    def _store_bytes(self, target: TargetFile, data: bytes) -> None:
        place = self.target_path(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(place, data)

    def target_path(self, target: TargetFile) -> Path:
        """Where a target lies: by its digest, so that it never changes (TUF, 6.2, consistent snapshots)."""
        folder, _, name = target.path.rpartition("/")
        return self.folder / TARGET_FILES / folder / f"{target.hashes['sha256']}.{name}"

    def _check_files(self, named: list[tuple[str, File]], role: Targets) -> None:
        """Every file, each with its release, is a target with that size and digest, and is there."""
        for version, file in named:
            target = role.targets.get(file.path)
            if target is None or (target.length, target.hashes["sha256"]) != (file.size, file.sha256):
                raise InputError("release-incomplete", f"the file {file.path} of {version} is not as the index says")
            if not self.target_path(target).is_file():
                raise InputError("release-incomplete", f"the file {file.path} of {version} is missing")

    def _place(self, file: File) -> Path:
        """Where a file of a release lies."""
        return self.target_path(TargetFile(file.size, {"sha256": file.sha256}, file.path))

    # -- what is read --------------------------------------------------------------------------------------------------

    def _newest_root(self) -> int:
        versions = [int(path.name.partition(".")[0]) for path in self._metadata.glob("[0-9]*.root.json")]
        if not versions:
            raise InputError(
                "repository-missing",
                "there is no repository",
                context=str(self.folder),
                hint="adamant repo init makes one",
            )
        return max(versions)

    def _state(self) -> "_State":
        """What the timestamp names, verified from the newest root down; expired metadata is taken, to be renewed."""
        root = self._read("root", self._newest_root(), Root, None)
        timestamp = self._read("timestamp", 0, Timestamp, root)
        snapshot = self._read("snapshot", timestamp.snapshot_meta.version, Snapshot, root)
        targets = self._read("targets", snapshot.meta["targets.json"].version, Targets, root)
        return _State(root, timestamp, snapshot, targets)

    def _read_product(self, product: str, state: "_State") -> Targets | None:
        named = state.snapshot.meta.get(f"{product}.json")
        if product not in state.roles or named is None:
            return None  # a new product, or one whose first publisher was killed
        return self._read(product, named.version, Targets, state.targets)

    def _read(self, role: str, version: int, kind: type[T], delegator: Root | Targets | None) -> T:
        path = self._path(role, version)
        data = files.read_limited(path, limits.TUF_METADATA_SIZE, "metadata of the repository")
        with _verifying(path):
            metadata: Metadata[Any] = Metadata.from_bytes(data)
            if not isinstance(metadata.signed, kind):
                raise RepositoryError(f"it is {metadata.signed.type}, not {role}")
            signed_by = metadata.signed if delegator is None else delegator
            assert isinstance(signed_by, Root | Targets)
            signed_by.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
            return metadata.signed

    def _index_of(self, product: str, role: Targets) -> Index:
        return index.decode(self._document(role.targets[f"{product}/{RELEASES}"], "index of releases"))

    def _document(self, target: TargetFile, what: str) -> bytes:
        data = files.read_limited(self.target_path(target), limits.TUF_METADATA_SIZE, what)
        with _verifying(self.target_path(target)):
            target.verify_length_and_hashes(data)
        return data


def _paths(product: str) -> list[str]:
    """What the role of a product may sign: TUF's patterns do not match a slash."""
    return [f"{product}/*", f"{product}/*/*"]


@contextmanager
def _verifying(path: Path) -> Iterator[None]:
    try:
        yield
    except (RepositoryError, DeserializationError, ValueError, KeyError) as error:
        raise VerificationError(
            "repository-broken",
            f"{path.name} of the repository is not what its signatures say: {error}",
            context=str(path),
            hint="take the file from a copy of the repository; nothing of a changed one is signed",
        ) from error


@dataclass(frozen=True, slots=True)
class _State:
    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets

    @property
    def roles(self) -> dict[str, DelegatedRole]:
        """The roles of products."""
        delegations = self.targets.delegations
        return dict(delegations.roles or {}) if delegations else {}

    def online(self, signers: Signers) -> CryptoSigner:
        """The key that signs snapshot and timestamp."""
        return signers.load(ONLINE, self.root.roles["timestamp"].keyids)


class _Rotation:
    """One replacement of a key."""

    def __init__(self, repository: Repository, signers: Signers) -> None:
        self._repository = repository
        self._signers = signers
        self._state = repository._state()

    def rotate(self, role: str) -> str:
        if role in self._state.roles:
            return self._product(role)
        if role == TARGETS:
            return self._root_role(role, ["targets"])
        if role == ONLINE:
            return self._root_role(role, ["snapshot", "timestamp"])
        if role.startswith("root-") and role in self._signers.there():
            return self._root_role(role, ["root"])
        known = ", ".join([*self._signers.there()])
        raise InputError("repository-role", f"there is no key {role!r} to replace", hint=f"there are: {known}")

    def _root_role(self, name: str, roles: list[str]) -> str:
        """A new key for roles that the root names.

        First what those roles sign is signed by the old key and the new one, so that it holds under both roots; then
        the new root is written, signed by the root keys before and after it. Killed in between, nothing is broken.
        """
        repository, state = self._repository, self._state
        root = state.root
        ids = root.roles["root"].keyids
        loaded = [self._signers.load(n) for n in self._signers.there() if n.startswith("root-")]
        own = [signer for signer in loaded if public(signer).keyid in ids]
        if len(own) < root.roles["root"].threshold:
            raise InputError(
                "repository-key",
                f"{root.roles['root'].threshold} root keys must sign, and the folder of keys holds {len(own)}",
                hint="bring the others",
            )
        old, new = self._signers.load(name, root.roles[roles[0]].keyids), self._signers.successor(name)
        changed: dict[str, Targets] = {}
        if name == TARGETS:
            state.targets.version += 1
            repository._write("targets", state.targets, [old, new])
            changed["targets"] = state.targets
        if name in {TARGETS, ONLINE}:
            online = [old, new] if name == ONLINE else [state.online(self._signers)]
            repository._commit(state.snapshot, state.timestamp, changed, online)
        for role in roles:
            root.revoke_key(public(old).keyid, role)
            root.add_key(public(new), role)
        root.version += 1
        root.expires = repository._until(ROOT_DAYS)
        repository._write("root", root, [*own, new] if roles == ["root"] else own)
        self._signers.succeed(name)
        return self._signers.path(name).name

    def _product(self, product: str) -> str:
        repository, targets = self._repository, self._state.targets
        role = repository._read_product(product, self._state)
        assert role is not None
        targets_signer = self._signers.load(TARGETS, self._state.root.roles["targets"].keyids)
        old = self._signers.load(product, self._state.roles[product].keyids)
        new = self._signers.successor(product)
        targets.revoke_key(public(old).keyid, product)
        targets.add_key(public(new), product)
        targets.version += 1
        role.version += 1
        repository._write("targets", targets, [targets_signer])
        repository._write(product, role, [new])
        online = [self._state.online(self._signers)]
        repository._commit(self._state.snapshot, self._state.timestamp, {"targets": targets, product: role}, online)
        self._signers.succeed(product)
        return self._signers.path(product).name
