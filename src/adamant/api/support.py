"""The support bundle: what helps to find a fault on nodes, in one archive, without secrets.

It is made on the client's side, of calls that an operator may make, so a node needs nothing for it. Each part goes
through `redaction`. `index.json` says for each node what is there, what could not be had and why, and what is left
out on purpose.
"""

import io
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from msgspec import Struct

from adamant.api import crash, logs, redaction
from adamant.api import logs_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.model.machine.secret import MASK
from adamant.model.version import ADAMANT

if TYPE_CHECKING:
    from adamant.api.client import Node

_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}")
LEFT_OUT = (
    "keys, credentials and certificates of the machine",
    "contents of containers and of their volumes",
    "memory and environment of processes",
    "whatever looks like a secret in logs and files: it is replaced by " + MASK,
)
FILES = (
    "/usr/lib/os-release",
    "/proc/cmdline",
    "/proc/cpuinfo",
    "/proc/interrupts",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/mounts",
    "/proc/net/dev",
    "/proc/partitions",
    "/proc/pressure/cpu",
    "/proc/pressure/io",
    "/proc/pressure/memory",
    "/proc/uptime",
    "/proc/vmstat",
)


class Section(Struct, frozen=True):
    """One part: its name in the archive, what it is, and how a node is asked for it."""

    name: str
    about: str
    ask: "Callable[[Node], Iterable[bytes]]"


class Part(Struct, frozen=True):
    """What became of a part, for the index."""

    name: str
    about: str
    size: int = 0
    cut: bool = False
    error: str = ""


class NodeIndex(Struct, frozen=True):
    """The parts of one node."""

    node: str
    address: str
    parts: tuple[Part, ...] = ()
    error: str = ""


class Index(Struct, frozen=True):
    """What a bundle holds."""

    adamant: str
    made: str
    nodes: tuple[NodeIndex, ...]
    left_out: tuple[str, ...] = LEFT_OUT


def _lines(values: Iterable[Any]) -> Iterator[bytes]:
    for value in values:
        yield msgspec.json.encode(redaction.mask_value(msgspec.to_builtins(value))) + b"\n"


def _one(question: "Callable[[Node], Any]") -> "Callable[[Node], Iterable[bytes]]":
    def ask(node: "Node") -> Iterable[bytes]:
        value = redaction.mask_value(msgspec.to_builtins(question(node)))
        return [msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"]

    return ask


def _logs(**options: Any) -> "Callable[[Node], Iterable[bytes]]":
    def ask(node: "Node") -> Iterable[bytes]:
        return _lines(logs.logs(node, pb.LogsRequest(lines=limits.SUPPORT_LINES, **options)))

    return ask


def _crashes(node: "Node") -> Iterable[bytes]:
    return _lines(crash.crash(node, found.boot_id) for found in crash.crashes(node).crashes)


def _file(path: str) -> "Callable[[Node], Iterable[bytes]]":
    def ask(node: "Node") -> Iterable[bytes]:
        with closing(logs.read_file(node, path, 0, limits.SUPPORT_SECTION)) as chunks:
            text = b"".join(chunks).decode("utf-8", "replace")
        return [redaction.mask(text).encode()]

    return ask


SECTIONS: tuple[Section, ...] = (
    Section("version.json", "what runs there", _one(lambda node: node.version())),
    Section("health.json", "every health check", _one(lambda node: node.health())),
    Section("boot.json", "how it was booted", _one(lambda node: node.boot())),
    Section("events.jsonl", "what happened, with the audit log", lambda node: _lines(node.events())),
    Section("journal.jsonl", "the end of the journal", _logs()),
    Section("journal-before.jsonl", "the end of the journal of the boot before", _logs(boot=-1)),
    Section("kernel.jsonl", "messages of the kernel", _logs(kernel=True)),
    Section("crashes.jsonl", "boots that did not end by a shutdown", _crashes),
    *(Section(f"files{path}", f"the file {path}", _file(path)) for path in FILES),
)


def _resources(kind: str) -> Section:
    return Section(f"resources/{kind}.json", f"resources of the kind {kind}", _one(lambda node: node.get(kind)))


def sections_of(node: "Node") -> list[Section]:
    """Every part of a bundle that a node can be asked for: SECTIONS, and each kind of its resources."""
    try:
        kinds = node.kinds()
    except AdamantError as error:
        if error.reference != "method-unknown":
            raise
        # A node of an older version: the index says that its resources could not be had.
        return [*SECTIONS, Section("resources.json", "the kinds of its resources", _one(lambda asked: asked.kinds()))]
    return [*SECTIONS, *(_resources(kind.name) for kind in kinds if _KIND.fullmatch(kind.name))]


def collect(
    node: "Node", name: str, add: Callable[[str, bytes], None], sections: Sequence[Section] = SECTIONS
) -> NodeIndex:
    """Ask a node for every part and `add` it by its path. A part that cannot be had is named in the index."""
    parts = []
    for section in sections:
        data = bytearray()
        cut, error = False, ""
        try:
            for piece in section.ask(node):
                if len(data) + len(piece) > limits.SUPPORT_SECTION:
                    cut = True
                    break
                data += piece
        except AdamantError as caught:
            error = redaction.mask(f"{caught.message} [{caught.reference}]")
        if data or not error:
            add(f"{name}/{section.name}", bytes(data))
        parts.append(Part(section.name, section.about, len(data), cut, error))
    return NodeIndex(name, node.address, tuple(parts))


class Bundle:
    """An archive that is being written: tar, compressed by gzip. `finish` writes the index."""

    def __init__(self, out: BinaryIO, made: float) -> None:
        self._archive = tarfile.open(fileobj=out, mode="w:gz")  # noqa: SIM115 - closed by finish
        self._made = made

    def add(self, path: str, data: bytes) -> None:
        """One file. Its owner and mode say nothing of who made it."""
        entry = tarfile.TarInfo(str(PurePosixPath("support") / path))
        entry.size = len(data)
        entry.mtime = int(self._made)
        entry.mode = 0o600
        self._archive.addfile(entry, io.BytesIO(data))

    def finish(self, made: str, nodes: Sequence[NodeIndex]) -> dict[str, Any]:
        """Write the index and end the archive. Returns the index as it is there."""
        index = Index(ADAMANT, made, tuple(nodes))
        data = msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n"
        self.add("index.json", data)
        self._archive.close()
        found: dict[str, Any] = msgspec.to_builtins(index)
        return found
