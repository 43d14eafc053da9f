"""Logs and files of a node, as plain values, which `--json` prints. logs.proto says what each field means."""

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from msgspec import Struct

from adamant.api import logs_pb2 as pb

if TYPE_CHECKING:
    from adamant.api.client import Node

PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""Names of priorities by number (syslog(3))."""
_TYPES = ("unspecified", "file", "folder", "link", "special")


class LogEntry(Struct, frozen=True):
    """One entry of the journal."""

    time_usec: int
    monotonic_usec: int
    boot_id: str
    unit: str
    identifier: str
    priority: int
    pid: int
    message: str
    cursor: str


class FileEntry(Struct, frozen=True):
    """One file. `type` is file, folder, link or special."""

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    size: int
    modified_usec: int
    target: str
    refused: str


def logs(node: "Node", request: pb.LogsRequest) -> Generator[LogEntry, None, None]:
    """Entries of the journal, as they come."""
    with closing(node.stream("Logs", request)) as found:
        for e in found:
            yield LogEntry(
                time_usec=e.time_usec,
                monotonic_usec=e.monotonic_usec,
                boot_id=e.boot_id,
                unit=e.unit,
                identifier=e.identifier,
                priority=e.priority,
                pid=e.pid,
                message=e.message,
                cursor=e.cursor,
            )


def list_files(node: "Node", path: str, depth: int = 1) -> Generator[FileEntry, None, None]:
    """The files in the folder `path`, `depth` folders deep."""
    with closing(node.stream("List", pb.ListRequest(path=path, depth=depth))) as found:
        for e in found:
            kind = _TYPES[e.type] if 0 <= e.type < len(_TYPES) else _TYPES[0]
            yield FileEntry(
                path=e.path,
                type=kind,
                mode=e.mode,
                uid=e.uid,
                gid=e.gid,
                size=e.size,
                modified_usec=e.modified_usec,
                target=e.target,
                refused=e.refused,
            )


def read_file(node: "Node", path: str, offset: int = 0, length: int = 0) -> Generator[bytes, None, None]:
    """The contents of the file `path` from byte `offset` on, `length` bytes of it or all (0), in pieces."""
    with closing(node.stream("Read", pb.ReadRequest(path=path, offset=offset, length=length))) as found:
        for chunk in found:
            yield chunk.data
