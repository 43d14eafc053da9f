"""The API's side of a reset: the preview, its token, and the request that the next boot carries out."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from adamant.api import power_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.node import posture, power
from adamant.node.calls import Call
from adamant.node.events import Events
from adamant.node.reading import boot_id
from adamant.node.reset import request as requests
from adamant.node.reset import root
from adamant.node.reset.request import Item

_NUMBERS: dict[str, Any] = {name: pb.ResetPart.Value(f"RESET_PART_{name.upper()}") for name in requests.PARTS}
_NAMES: dict[Any, str] = {number: name for name, number in _NUMBERS.items()}


class _Shown(NamedTuple):
    """A list that a client was shown, and until when it holds (monotonic clock).

    `wish` is what it asks of the disk of `/`, where that is on disk.
    """

    client: str
    items: tuple[Item, ...]
    wish: root.Request | None
    until: float


class Reset:
    """Previews and resets of a machine, below the folder that it is given."""

    def __init__(self, machine: Path, events: Events, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = machine
        self._events = events
        self._clock = clock
        self._lock = threading.Lock()
        self._shown: dict[str, _Shown] = {}

    def preview(self, request: pb.ResetPreviewRequest, call: Call) -> pb.ResetPreviewResponse:
        """Answer ResetPreview. Raises InputError `reset-parts`, `reset-keep`, BusyError `reset-posture`."""
        parts = [_NAMES.get(number, "") for number in request.parts]
        if not parts or "" in parts:
            raise InputError("reset-parts", "no part is named", hint=f"name some of {', '.join(requests.PARTS)}")
        on_disk = posture.rules(self._root).persistent_root
        if not on_disk and ("root" in parts or request.keep):
            raise BusyError(
                "reset-posture",
                f"the posture {posture.read(self._root).value} has no / on disk: it is made anew at each boot",
                hint="leave out root and --keep",
            )
        items = tuple(requests.chosen(parts, on_disk=on_disk))
        wiped = tuple(item.path for item in items if on_disk and not requests.on_state(item))
        if request.keep and not wiped:
            raise InputError("reset-keep", "nothing on the disk of / is wiped, of which something could be kept")
        wish = root.Request(wiped, tuple(request.keep)) if wiped else None
        shown = root.preview(self._root, wish) if wish else root.Preview((), (), False)
        token = secrets.token_hex(16)
        with self._lock:
            self._forget()
            until = self._clock() + limits.RESET_TOKEN_SECONDS
            self._shown[token] = _Shown(call.who.name, items, wish, until)
        found = [
            pb.ResetItem(
                part=_NUMBERS[_part_of(going.path, items)],
                path=_text(going.path),
                size=going.size,
                more=going.more,
            )
            for going in shown.goes
        ]
        for item in items:
            if item.path in wiped:
                continue
            size, more = self._size(item)
            found.append(
                pb.ResetItem(
                    part=_NUMBERS[item.part], path=item.path, size=size, more=more, description=item.description
                )
            )
        goes = any(part in ("identity", "all") for part in parts)
        return pb.ResetPreviewResponse(
            items=found,
            token=token,
            unenrolled=goes and not _keys_are_passed(),
            kept=[_text(path) for path in shown.kept],
            more=shown.more,
        )

    def reset(self, request: pb.ResetRequest, call: Call) -> pb.ResetResponse:
        """Answer Reset. Raises BusyError `reset-token`, AdamantError `disk-full` and `write-failed`."""
        reason = power.check_reason(request.reason)
        with self._lock:
            self._forget()
            shown = self._shown.get(request.token)
            if shown is None or shown.client != call.who.name:
                raise BusyError(
                    "reset-token", "there is no preview with this token", hint="ask for a preview, and use its token"
                )
            del self._shown[request.token]
        wiped = shown.wish.wipe if shown.wish else ()
        of_state = [item for item in shown.items if item.path not in wiped]
        paths = ", ".join(item.path for item in shown.items)
        try:
            # That of the state first: once that of the root is there, the next boot begins with it.
            if of_state:
                requests.write(self._root / "state", of_state)
            if shown.wish:
                root.write(self._root, shown.wish)
            power.go_down("reboot.target", self._events, call.who.name, reason, f"reboots to wipe {paths}")
        except AdamantError:
            if shown.wish:
                root.forget(self._root)
            (self._root / "state" / requests.FILE).unlink(missing_ok=True)
            raise
        return pb.ResetResponse(boot_id=boot_id(self._root))

    def _forget(self) -> None:
        """Drop what no longer holds, and the oldest when there are too many."""
        now = self._clock()
        held = sorted(((token, one) for token, one in self._shown.items() if one.until > now), key=lambda p: p[1].until)
        self._shown = dict(held[-limits.RESET_TOKENS + 1 :])

    def _size(self, item: Item) -> tuple[int, bool]:
        """Bytes that lie there, and whether there are more than could be counted."""
        path = self._root / item.path.lstrip("/")
        if not item.whole:
            return _size_below(path)
        try:
            stat = os.statvfs(path)
        except OSError:
            return 0, True
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize, False


def _text(path: str) -> str:
    """A path as text: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def _part_of(path: str, items: tuple[Item, ...]) -> str:
    """The part for which `path` goes."""
    inside = [item for item in items if item.path == "/" or path.startswith(f"{item.path}/")]
    return inside[0].part if inside else "root"


def _keys_are_passed() -> bool:
    """Whether the machine gets its keys at each boot from outside: those are not on its disk."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return bool(folder) and (Path(folder) / "adamant.key").exists()


def _size_below(folder: Path) -> tuple[int, bool]:
    total, count, more = 0, 0, False
    todo = [str(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > limits.RESET_COUNT_ENTRIES:
                        return total, True
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:  # a folder of another user's, which the agent may not look into
            more = True
    return total, more
