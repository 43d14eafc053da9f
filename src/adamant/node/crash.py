"""Crash records: what is kept of boots that did not end by a shutdown.

While a boot runs, a mark with its id lies on the state partition. A shutdown takes it away (the unit adamant-boot-mark,
which stops before /state is unmounted). A mark of another boot that is found later says that its boot ended otherwise:
then a record is made of the last words of its kernel and its journal, and kept beside the marks, since the journal
itself is one day overwritten. What the kernel said in a panic is not in the journal; where the firmware kept it
(pstore), it is taken from there.

Each record is one file that appears as a whole. A mark goes only once its record is there.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from adamant.api import crashes_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.reading import boot_id, read_line, read_text

FOLDER = "adamant/crash"
MARKS = "running"
PSTORE = "var/lib/systemd/pstore"
JOURNALCTL = "/usr/bin/journalctl"
_ID = re.compile(r"[0-9a-f]{32}")
_PANIC = re.compile(r"Kernel panic - not syncing: ?(.*)")
_LINES = 500
_REASON = 300

Journal = Callable[[str, bool], str]
"""The end of the journal of a boot, by its id: of the kernel alone, or of all. One entry a line, oldest first."""


class Record(NamedTuple):
    """One record; crashes.proto says what each field means."""

    boot_id: str
    last_usec: int
    recorded_usec: int
    panic: bool
    reason: str
    kernel: str
    journal: str
    pstore: bool


def mark(state: Path, boot: str) -> None:
    """Say that the boot `boot` runs."""
    folder = state / FOLDER / MARKS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Without core/files.py, which would stay in the memory of every agent for this: an empty file is whole at once.
    (folder / boot).touch(0o600)
    found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(found)
    finally:
        os.close(found)


def ended(state: Path, running: str) -> list[str]:
    """Ids of the boots that did not end by a shutdown and have no record yet."""
    try:
        names = sorted(path.name for path in (state / FOLDER / MARKS).iterdir())
    except FileNotFoundError:
        return []
    return [name for name in names if _ID.fullmatch(name) and name != running]


def reason(kernel: str) -> str:
    """What a panic was about, in the kernel's words; empty when it said nothing of one."""
    found = _PANIC.findall(kernel)
    return found[-1].strip()[:_REASON] if found else ""


def record(boot: str, journal: Journal, kept: str, now: float) -> Record:
    """The record of a boot. `kept` is what the firmware kept of the kernel's words, empty when it kept nothing."""
    everything = journal(boot, False)
    said = kept or journal(boot, True)
    why = reason(said)
    last = everything.splitlines()[-1:]
    unknown = "the machine ended without a shutdown: power was lost, it was reset, or it hung"
    return Record(
        boot_id=boot,
        last_usec=_time_of(last[0]) if last else 0,
        recorded_usec=int(now * 1_000_000),
        panic=bool(why),
        reason=f"Kernel panic: {why}" if why else unknown,
        kernel=_tail(said),
        journal=_tail(everything),
        pstore=bool(kept),
    )


def _tail(text: str) -> str:
    """The last whole lines of a text, within the cap."""
    data = text.encode("utf-8", "replace")
    if len(data) > limits.CRASH_TAIL:
        data = data[-limits.CRASH_TAIL :].partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def _time_of(line: str) -> int:
    """The time that a line of journalctl's short-unix format begins with, in microseconds."""
    match = re.match(r"([0-9]{1,12})\.([0-9]{6}) ", line)
    return int(match[1]) * 1_000_000 + int(match[2]) if match else 0


def end_of_journal(boot: str, kernel: bool) -> str:
    """What journalctl knows of the end of a boot: nothing of a boot that it does not know.

    Nor when it fails: a record with what the firmware kept is better than none, and comes once only.
    """
    from adamant.core import proc  # noqa: PLC0415 - only a crash needs it

    line = [JOURNALCTL, f"--boot={boot}", f"--lines={_LINES}", "--output=short-unix", "--no-pager", "--quiet"]
    line += ["--dmesg"] if kernel else []
    try:
        done = proc.run("read the journal", line, seconds=limits.JOURNAL_SECONDS, check=False)
    except AdamantError as error:
        sys.stderr.write(f"<4>the record of a crash is without its journal: {error.message}\n")
        return ""
    return done.stdout.decode("utf-8", "replace")


def of_firmware(root: Path, since: float) -> str:
    """What systemd-pstore(8) has saved of the kernel's words after the time `since`: empty when it saved nothing."""
    found = []
    folder = root / PSTORE
    for path in sorted(folder.rglob("dmesg.txt")) if folder.is_dir() else []:
        try:
            if path.stat().st_mtime >= since and not path.is_symlink():
                found.append(read_text(path, limits.SYSTEM_FILE_SIZE))
        except (OSError, AdamantError):
            continue
        if len(found) >= limits.PSTORE_FILES:
            break
    return "".join(found)


class Crashes:
    """The records on the state partition."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = state / FOLDER

    def collect(
        self, root: Path, journal: Journal = end_of_journal, clock: Callable[[], float] = time.time
    ) -> list[str]:
        """Make the records that are due, and mark this boot. Returns a line for each, for the events."""
        due = ended(self._state, boot_id(root))
        if not due:
            return []
        from adamant.core import files  # noqa: PLC0415 - only a crash needs it

        said = []
        for boot in due:
            # The firmware's memory was emptied when this boot began: it is of the boot that ended last.
            kept = of_firmware(root, clock() - _uptime(root)) if boot == due[-1] else ""
            made = record(boot, journal, kept, clock())
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            data = json.dumps(made._asdict()).encode()
            files.write_atomic(self._folder / f"{boot}.json", data, 0o600)
            (self._folder / MARKS / boot).unlink(missing_ok=True)
            said.append(f"the boot {boot[:8]} did not end by a shutdown: {made.reason}")
        self._prune()
        return said

    def all(self) -> list[Record]:
        """Every record, the newest first. A file that is none is left out."""
        found = [made for path in self._files() if (made := _read(path)) is not None]
        return sorted(found, key=lambda made: (made.recorded_usec, made.boot_id), reverse=True)

    def find(self, begin: str) -> Record:
        """The record whose boot id begins so. Raises InputError `crash-unknown`."""
        found = [made for made in self.all() if begin and made.boot_id.startswith(begin)]
        if len(found) != 1:
            how = "no crash record begins" if not found else "several crash records begin"
            raise InputError("crash-unknown", f"{how} with {begin[:40]!r}", hint="adamant node crashes list has them")
        return found[0]

    def _files(self) -> Iterator[Path]:
        try:
            yield from (path for path in self._folder.iterdir() if _ID.fullmatch(path.stem) and path.suffix == ".json")
        except FileNotFoundError:
            return

    def _prune(self) -> None:
        for old in self.all()[limits.CRASHES_KEPT :]:
            (self._folder / f"{old.boot_id}.json").unlink(missing_ok=True)


def _read(path: Path) -> Record | None:
    try:
        value = json.loads(read_text(path, limits.CRASH_RECORD))
        made = Record(**value)
    except (AdamantError, ValueError, TypeError, RecursionError):
        return None
    kinds = (str, int, int, bool, str, str, str, bool)
    return made if all(type(value) is kind for value, kind in zip(made, kinds, strict=True)) else None


def _uptime(root: Path) -> float:
    word = read_line(root / "proc/uptime").partition(" ")[0]
    return float(word) if re.fullmatch(r"[0-9]+\.[0-9]+", word) else 0.0


def message(made: Record, *, whole: bool) -> pb.Crash:
    """The record as the API tells it, with the last words when it is `whole`."""
    return pb.Crash(
        boot_id=made.boot_id,
        last_usec=made.last_usec,
        recorded_usec=made.recorded_usec,
        cause=pb.CRASH_CAUSE_PANIC if made.panic else pb.CRASH_CAUSE_UNKNOWN,
        reason=made.reason,
        kernel=made.kernel if whole else "",
        journal=made.journal if whole else "",
        pstore=made.pstore,
    )


def list_(state: Path) -> pb.CrashesResponse:
    """The answer to Crashes."""
    return pb.CrashesResponse(crashes=[message(made, whole=False) for made in Crashes(state).all()])


def show(request: pb.CrashRequest, state: Path) -> pb.CrashResponse:
    """The answer to Crash."""
    return pb.CrashResponse(crash=message(Crashes(state).find(request.boot_id), whole=True))


def watch(root: Path, state: Path, publish: Callable[[str], None]) -> None:
    """Mark this boot, and make the records that are due. A failure is said in the log, and stops nothing else."""
    try:
        mark(state, boot_id(root))
        for line in Crashes(state).collect(root):
            publish(line)
    except (AdamantError, OSError) as error:
        sys.stderr.write(f"<4>no crash records: {error}\n".replace("\n", " ").rstrip() + "\n")
