"""A cluster on the person's side: its CA, every certificate that the CA has signed, and those that are revoked.

A cluster is a folder of mode 0700. The CA's key never leaves it:

    ca.crt, ca.key          the CA; its key may be encrypted with a passphrase
    NAME.crt, NAME.key      a client
    nodes/NAME/adamant.*    what a node is given at provisioning: systemd credentials
    issued/SERIAL.crt       every certificate that was signed, so that it can be shown and revoked
    revoked.yaml            the short list that machine configs carry

Nodes know no other list of what was signed: a certificate that is lost is revoked by its fingerprint.
"""

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

from adamant.api import pki
from adamant.api.fingerprint import Fingerprint
from adamant.api.identity import Role, check_name
from adamant.api.pki import Facts, KeyedCertificate
from adamant.core import files, limits, places
from adamant.model.document import decode
from adamant.model.errors import BusyError, InputError

AUTHORITY = "ca"
LOCAL = "local"
"""The cluster of the machines on this computer, which `adamant up` makes."""
_ISSUED = "issued"
_NODES = "nodes"
_REVOKED = "revoked.yaml"


class Revoked(Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate that no node may take any more, until it ends by itself."""

    fingerprint: str
    name: str
    ends: datetime.date


class _List(Struct, frozen=True, forbid_unknown_fields=True):
    revoked: tuple[Revoked, ...] = ()


def place(named: str) -> Path:
    """The folder of the cluster that a person names: a folder when it has a slash, else one of their configuration."""
    if "/" in named or named in {".", ".."}:
        return Path(named)
    if named == LOCAL:
        return places.config() / LOCAL
    return places.config() / "clusters" / check_name(named)


def init(folder: Path, name: str, now: datetime.datetime, passphrase: bytes | None = None) -> None:
    """Make the CA called `name` in `folder`; its key is encrypted when there is a passphrase."""
    authority = pki.make_authority(name, now)
    pki.save(folder, AUTHORITY, pki.encrypt(authority, passphrase) if passphrase else authority)


def certificate(folder: Path) -> bytes:
    """The CA's certificate."""
    path = folder / f"{AUTHORITY}.crt"
    if not path.exists():
        raise InputError(
            "cluster-missing", f"there is no cluster in {folder}", hint="make one: adamant keys cluster init NAME"
        )
    return files.read_limited(path, limits.PEM_SIZE, "CA certificate")


def unlock(folder: Path, ask: Callable[[], bytes]) -> KeyedCertificate:
    """The CA with its key in the clear; `ask` is called for the passphrase when the key has one."""
    certificate(folder)
    authority = pki.load(folder, AUTHORITY)
    return pki.decrypt(authority, ask()) if pki.is_encrypted(authority.key) else authority


def record(folder: Path, signed: bytes) -> None:
    """Remember a certificate that the CA has signed. Call it before the certificate is handed out."""
    issued = folder / _ISSUED
    issued.mkdir(mode=0o700, exist_ok=True)
    files.write_atomic(issued / f"{pki.facts(signed).serial}.crt", signed, mode=0o600)


def add_client(
    folder: Path,
    authority: KeyedCertificate,
    name: str,
    role: Role,
    now: datetime.datetime,
    days: int = pki.CLIENT_DAYS,
    *,
    replace: bool = False,
) -> tuple[Path, Path]:
    """A new client's certificate and key in the folder; with `replace`, in place of the one of that name."""
    if name == AUTHORITY:
        raise InputError("client-name", f"{name} is the CA's own name here", hint="choose another name")
    pair = pki.issue_client(authority, name, role, now, days)
    record(folder, pair.certificate)
    return pki.save(folder, name, pair, replace=replace)


def add_node(
    folder: Path,
    authority: KeyedCertificate,
    name: str,
    addresses: Sequence[str],
    now: datetime.datetime,
    days: int = pki.NODE_DAYS,
) -> list[Path]:
    """Write the credentials that give a node its identity at provisioning, and return their files.

    Their names are those of the systemd credentials (systemd.exec(5)) that the agent takes.
    """
    target = folder / _NODES / check_name(name)
    pair = pki.issue_node(authority, [name, *addresses], now, days)
    with files.locked(folder / ".lock", f"the folder {folder}"):
        if target.exists():
            raise BusyError(
                "key-exists",
                f"the node {name} has credentials already",
                context=f"in {target}",
                hint="move them away first when they are really to be replaced",
            )
        record(folder, pair.certificate)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with files.work_folder(target.parent, name) as work:
            for credential, data in node_credentials(authority.certificate, pair).items():
                files.write_atomic(work / credential, data, mode=0o600)
            work.chmod(0o700)
            work.rename(target)
    return sorted(target.iterdir())


def node_credentials(ca: bytes, pair: KeyedCertificate) -> dict[str, bytes]:
    """The systemd credentials that give a node its identity, by name."""
    return {"adamant.ca": ca, "adamant.cert": pair.certificate, "adamant.key": pair.key}


def sign_request(
    folder: Path,
    authority: KeyedCertificate,
    request: bytes,
    key: Fingerprint,
    names: Sequence[str],
    now: datetime.datetime,
    days: int = pki.NODE_DAYS,
) -> bytes:
    """The certificate for a node that made its key itself (`pki.sign_node`), remembered."""
    signed = pki.sign_node(authority, request, key, names, now, days)
    record(folder, signed)
    return signed


def issued(folder: Path) -> list[Facts]:
    """Every certificate that the CA has signed, those that end first at the front."""
    found = sorted((folder / _ISSUED).glob("*.crt")) if (folder / _ISSUED).is_dir() else []
    facts = [pki.facts(files.read_limited(path, limits.PEM_SIZE, "certificate")) for path in found]
    return sorted(facts, key=lambda fact: (fact.ends, fact.serial))


def revoked(folder: Path) -> tuple[Revoked, ...]:
    """The certificates that were revoked."""
    path = folder / _REVOKED
    if not path.exists():
        return ()
    return decode(files.read_limited(path, limits.CONTEXTS_SIZE, "list of revoked certificates"), _List, _REVOKED)[
        0
    ].revoked


def revoke(folder: Path, named: str, now: datetime.datetime) -> Revoked:
    """Put a certificate on the list: by its serial number, by its fingerprint, or by its file.

    Those that have ended by `now` leave the list, which so stays short.
    """
    found = _find(folder, named)
    if found.kind == "ca":
        raise InputError("revoke-ca", "this is the CA's own certificate", hint="a CA is replaced by making a new one")
    entry = Revoked(found.fingerprint, found.name, found.ends.date())
    with files.locked(folder / ".lock", f"the folder {folder}"):
        kept = {old.fingerprint: old for old in revoked(folder) if old.ends >= now.date()}
        kept[entry.fingerprint] = entry
        listed = _List(tuple(sorted(kept.values(), key=lambda e: (e.ends, e.fingerprint))))
        files.write_atomic(folder / _REVOKED, _yaml(listed), mode=0o600)
    return entry


def _find(folder: Path, named: str) -> Facts:
    if Path(named).is_file():
        return pki.facts(files.read_limited(Path(named), limits.PEM_SIZE, "certificate"))
    typed = named.replace(":", "").lower()
    for facts in issued(folder):
        if typed in {facts.serial, facts.fingerprint}:
            return facts
    raise InputError(
        "certificate-unknown",
        f"this cluster has signed no certificate {named[:80]!r}, and there is no such file",
        hint="adamant keys cluster show lists all by serial number",
    )


def config_of(entries: Sequence[Revoked]) -> str:
    """The part of a machine config (kind: Machine) that carries the list."""
    listed = [{"fingerprint": entry.fingerprint, "name": entry.name} for entry in entries]
    return yaml.safe_dump({"certificates": {"revoked": listed}}, sort_keys=False)


def _yaml(listed: _List) -> bytes:
    return yaml.safe_dump(msgspec.to_builtins(listed), sort_keys=False).encode()
