"""Contexts: which nodes a person knows, and the keys for each, in `config.yaml` of the person's configuration folder.

A context holds paths of key files, never keys. Relative paths are relative to that folder. Writers hold a lock and
replace the file as a whole; the rest of it stays as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta, Struct

from adamant.api import cluster
from adamant.api.client import parse_address
from adamant.api.pki import Credentials
from adamant.core import files, limits, places
from adamant.model.document import decode
from adamant.model.errors import BusyError, InputError

FILE = "config.yaml"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
KeyPath = Annotated[str, Meta(min_length=1, max_length=4096)]


class Context(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One node: its address, the CA's certificate, and the client's certificate and key."""

    address: Annotated[str, Meta(min_length=1, max_length=300)]
    ca: KeyPath
    certificate: KeyPath
    key: KeyPath
    attestation: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Fingerprint of the attestation key of the node's TPM, once `adamant node attest` has pinned it."""


class Contexts(Struct, frozen=True, forbid_unknown_fields=True):
    """All contexts, and which one is meant when none is named."""

    contexts: dict[Name, Context] = {}
    current: Name | None = None


def _path() -> Path:
    return places.config() / FILE


def read() -> Contexts:
    """All contexts; none when there is no file yet."""
    path = _path()
    if not path.exists():
        return Contexts()
    data = files.read_limited(path, limits.CONTEXTS_SIZE, "file of contexts")
    return decode(data, Contexts, FILE)[0]


def _write(contexts: Contexts) -> None:
    data = yaml.safe_dump(msgspec.to_builtins(contexts), sort_keys=True, allow_unicode=True).encode()
    # The same check that the next reader makes, before the file is replaced.
    decode(data, Contexts, FILE)
    files.write_atomic(_path(), data, mode=0o600)


def put(name: str, context: Context, *, current: bool = True, replace: bool = True) -> None:
    """Add the context `name`, and with `current` make it the one that is meant when none is named.

    Raises BusyError when there is another of that name, unless it is to `replace` it.
    """
    parse_address(context.address)
    with _changing() as before:
        _check_free(before, name, context, replace)
        if not replace and name in before.contexts:
            context = before.contexts[name]  # the same but for what is pinned
        _write(Contexts({**before.contexts, name: context}, name if current else before.current))


def check_free(name: str, context: Context, *, replace: bool) -> None:
    """Raise what `put` would raise, before anything is done that cannot be undone."""
    decode(yaml.safe_dump({"contexts": {name: msgspec.to_builtins(context)}}).encode(), Contexts, FILE)
    _check_free(read(), name, context, replace)


def _check_free(every: Contexts, name: str, context: Context, replace: bool) -> None:
    if not replace and not _same(every.contexts.get(name, context), context):
        raise BusyError(
            "context-exists", f"there is a context {name!r} already", hint="choose another name, or --replace"
        )


def _same(one: Context, other: Context) -> bool:
    """Whether two contexts are of one node by the same keys, and pin no different ones."""
    if one.attestation is None or other.attestation is None:
        one, other = (msgspec.structs.replace(context, attestation=None) for context in (one, other))
    return one == other


def of_cluster(address: str, named: str, client: str) -> Context:
    """The context for a node at `address` with the keys of `client` in the cluster `named` (a name or a folder)."""
    folder = cluster.place(named).absolute()
    if folder.is_relative_to(places.config().absolute()):
        folder = folder.relative_to(places.config().absolute())
    return Context(
        address,
        ca=str(folder / f"{cluster.AUTHORITY}.crt"),
        certificate=str(folder / f"{client}.crt"),
        key=str(folder / f"{client}.key"),
    )


def pin(name: str, fingerprint: str) -> None:
    """Pin an attestation key in the context `name`."""
    with _changing() as before:
        pinned = msgspec.structs.replace(_known(before, name), attestation=fingerprint)
        _write(Contexts({**before.contexts, name: pinned}, before.current))


def remove(name: str) -> None:
    """Forget the context `name`, if it is there. Its key files stay."""
    with _changing() as before:
        rest = {key: value for key, value in before.contexts.items() if key != name}
        if len(rest) != len(before.contexts):
            _write(Contexts(rest, None if before.current == name else before.current))


def use(name: str) -> None:
    """Make the context `name` the one that is meant when none is named."""
    with _changing() as before:
        _known(before, name)
        _write(Contexts(before.contexts, name))


def rename(old: str, new: str) -> None:
    """Give the context `old` the name `new`, which must be free."""
    with _changing() as before:
        _known(before, old)
        if new in before.contexts:
            raise BusyError("context-exists", f"there is a context {new!r} already", hint="choose another name")
        renamed = {new if key == old else key: value for key, value in before.contexts.items()}
        _write(Contexts(renamed, new if before.current == old else before.current))


def merge(file: Path, *, replace: bool = False) -> list[str]:
    """Take in the contexts of another such file, and return their names; the current one stays.

    Its relative paths of keys are relative to its own folder, and become whole ones. Raises BusyError when a name is
    taken by another context, unless it is to `replace` that.
    """
    theirs = decode(files.read_limited(file, limits.CONTEXTS_SIZE, "file of contexts"), Contexts, str(file))[0]
    folder = file.resolve().parent
    taken = {
        name: msgspec.structs.replace(
            c, ca=str(folder / c.ca), certificate=str(folder / c.certificate), key=str(folder / c.key)
        )
        for name, c in theirs.contexts.items()
    }
    for context in taken.values():
        parse_address(context.address)
    with _changing() as before:
        clash = sorted(name for name in taken if not _same(before.contexts.get(name, taken[name]), taken[name]))
        if clash and not replace:
            raise BusyError(
                "context-exists",
                f"there are contexts of these names already, which differ: {', '.join(clash)}",
                hint="rename yours first (adamant context rename), or take theirs with --replace",
            )
        kept = {
            name: before.contexts[name]
            for name, context in taken.items()
            if context.attestation is None and _same(before.contexts.get(name, context), context)
            if name in before.contexts
        }
        _write(Contexts({**before.contexts, **taken, **kept}, before.current))
    return sorted(taken)


@contextmanager
def _changing() -> Iterator[Contexts]:
    """What there is now, while nobody else changes it."""
    with files.locked(places.config() / ".lock", "the file of contexts"):
        yield read()


def _known(every: Contexts, name: str) -> Context:
    if name not in every.contexts:
        known = ", ".join(sorted(every.contexts)) or "none"
        raise InputError("context-unknown", f"there is no context {name!r}", hint=f"known: {known}")
    return every.contexts[name]


def find(name: str | None = None) -> tuple[str, Context]:
    """The context `name`, or without a name the current one, or the only one."""
    every = read()
    if name is None:
        name = every.current or (next(iter(every.contexts)) if len(every.contexts) == 1 else None)
        if name is None:
            raise InputError(
                "context-unnamed",
                "no node is named, and there is no current context",
                hint="name one with -c CONTEXT; adamant up makes one for a machine on this computer",
            )
    return name, _known(every, name)


def credentials(context: Context) -> Credentials:
    """The keys that a context names."""
    folder = places.config()
    return Credentials(
        ca=files.read_limited(folder / context.ca, limits.PEM_SIZE, "CA certificate"),
        certificate=files.read_limited(folder / context.certificate, limits.PEM_SIZE, "certificate"),
        key=files.read_limited(folder / context.key, limits.PEM_SIZE, "key"),
    )
