"""The journal: entries by unit, time, boot and priority, as journalctl finds them.

journalctl is started for each request and ended with it. It reads the files of a running journal as their writer does,
knows cursors and boots, and waits for new entries; a library for the same would stay in the agent's memory
(docs/adr/0009). What it prints is JSON (systemd.io/JOURNAL_EXPORT_FORMATS, Journal JSON Format), one entry a line.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from adamant.api import logs_pb2 as pb
from adamant.core import limits, proc
from adamant.model.errors import InputError
from adamant.node.calls import Call

PROGRAM = "/usr/bin/journalctl"
_FIELDS = "MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER,_PID,_BOOT_ID,_TRANSPORT"
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\*-]{1,255}")
_CURSOR = re.compile(r"[A-Za-z0-9=;_-]{1,1024}")


def arguments(request: pb.LogsRequest) -> list[str]:
    """The command line for a request. Raises InputError for what is no unit, boot or cursor."""
    line = [PROGRAM, "--output=json", f"--output-fields={_FIELDS}", "--all", "--no-pager", "--quiet"]
    for unit in request.units:
        if not _UNIT.fullmatch(unit) or unit.startswith("-"):
            raise InputError("unit-malformed", f"not the name of a unit: {unit[:80]!r}", hint="such as sshd.service")
        line.append(f"--unit={unit}")
    if request.kernel:
        line.append("--dmesg")
    if not request.all_boots:
        if abs(request.boot) > limits.BOOTS_BACK or request.boot > 0:
            raise InputError("boot-number", f"not a boot: {request.boot}", hint="0 is this boot, -1 the one before")
        line.append(f"--boot={request.boot}")
    for name, value in (("since", request.since_usec), ("until", request.until_usec)):
        if value:
            line.append(f"--{name}=@{value // 1_000_000}.{value % 1_000_000:06d}")
    if request.priority > 7:
        raise InputError("log-priority", f"not a priority: {request.priority}", hint="0 to 7")
    if request.priority:
        line.append(f"--priority={request.priority}")
    if request.after_cursor:
        if not _CURSOR.fullmatch(request.after_cursor):
            raise InputError("log-cursor", "not a cursor", hint="give one that an entry carried")
        line.append(f"--after-cursor={request.after_cursor}")
    # What a text leaves out is not known to journalctl, so lines are counted here then.
    if request.lines and not request.contains:
        line.append(f"--lines={request.lines}")
    elif not request.lines:
        line.append("--lines=all" if not request.follow or request.after_cursor else "--lines=0")
    if request.follow:
        line.append("--follow")
    return line


def entry(line: bytes) -> pb.LogEntry | None:
    """The entry of a line of journalctl, or None for a line that is none."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    return pb.LogEntry(
        time_usec=_number(fields.get("__REALTIME_TIMESTAMP")),
        monotonic_usec=_number(fields.get("__MONOTONIC_TIMESTAMP")),
        boot_id=_text(fields.get("_BOOT_ID")),
        unit="" if fields.get("_TRANSPORT") == "kernel" else _text(fields.get("UNIT") or fields.get("_SYSTEMD_UNIT")),
        identifier=_text(fields.get("SYSLOG_IDENTIFIER")),
        priority=min(_number(fields.get("PRIORITY"), 6), 7),
        pid=_number(fields.get("_PID")) & 0xFFFFFFFF,
        message=_text(fields.get("MESSAGE"))[: limits.LOG_MESSAGE],
        cursor=_text(fields.get("__CURSOR")),
    )


def _number(value: Any, default: int = 0) -> int:
    text = value if isinstance(value, str) else ""
    return int(text) if text.isdigit() and len(text) < 20 else default


def _text(value: Any) -> str:
    """A field as text: bytes come as a list of numbers, a field that stands more than once as a list of its values."""
    if isinstance(value, list):
        if value and all(isinstance(item, int) and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "replace")
        return _text(value[0]) if value else ""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")


def answer(
    request: pb.LogsRequest, call: Call, run: Callable[[Sequence[str]], proc.Lines] | None = None
) -> Iterator[pb.LogEntry]:
    """The answer to Logs. Ends with the client, also when nothing is written that could not be sent to it."""
    line = arguments(request)
    running = run(line) if run else proc.lines("read the journal", line)
    call.on_end(running.close)
    kept: list[pb.LogEntry] = []
    counted = bool(request.lines and request.contains)
    with closing(running):
        for data in running:
            found = entry(data)
            if found is None or (request.contains and request.contains not in found.message):
                continue
            if counted and not request.follow:
                kept = [*kept, found][-request.lines :]
                continue
            yield found
    yield from kept
