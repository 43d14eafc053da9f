"""What is known of updates: the request and the progress of the one under way, and what outlasts a reboot.

Each file has one writer: the program that updates keeps the record and tells its progress, the agent keeps what came of
its looks and leaves requests. The seed is the exception, which either may choose, under the program's lock.
"""

import random
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adamant.core import files, limits
from adamant.model import decoders
from adamant.model.errors import AdamantError
from adamant.node.reading import boot_id
from adamant.release.index import SEEDS

LOCK = "run/adamant/update/lock"
REQUEST = "run/adamant/update/request.json"
PROGRESS = "run/adamant/update/progress.json"
RECORD = "state/adamant/update.json"
LOOK = "state/adamant/update-look.json"


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """What the program that updates is to do."""

    action: Literal["estimate", "stage", "rollback"]
    repository: str = ""
    """Address of the repository."""
    channel: str = "stable"
    version: str = ""
    """This release and no other; the channel's newest when it is empty."""
    force: bool = False
    """Also an older or the same version, and one that failed here."""
    ignore_waves: bool = False
    bandwidth: int = 0
    """Most bytes a second; 0 is no limit."""
    seed: int = 0
    sent: bool = False
    """Whether a client sends what is asked for (sent.py), in place of a repository at an address."""


class Progress(Struct, frozen=True):
    """How far it is. `state` is running, done or failed; then `message` says what is ready, or why not."""

    state: Literal["running", "done", "failed"]
    step: str = ""
    done: int = 0
    total: int = 0
    version: str = ""
    fetched: int = 0
    requests: int = 0
    message: str = ""
    reference: str = ""
    hint: str = ""


class Record(Struct, frozen=True):
    """What outlasts a reboot: the release that was staged last, from which one, and those that failed here."""

    schema: int = 1
    staged: str = ""
    before: str = ""
    failed: tuple[str, ...] = ()
    seed: int = -1
    """This machine's place in waves, chosen once."""
    boot: str = ""
    """Id of the boot in which the release was staged. Any later boot has tried it, or could not."""


class Look(Struct, frozen=True):
    """The last look for a release that the agent made by itself: when, at what, and what came of it."""

    schema: int = 1
    when_usec: int = 0
    repository: str = ""
    channel: str = ""
    action: str = ""
    """Action of the request."""
    result: Literal["", "none", "staged", "waits", "refused", "failed"] = ""
    version: str = ""
    """The release that was found."""
    reference: str = ""
    message: str = ""
    failures: int = 0
    """How many looks in a row have not said whether there is a release."""


def waiting(root: Path, record: Record) -> str:
    """The staged release that the next boot tries first; empty when there is none.

    One that was staged in an earlier boot has had its chance, whatever came of it: nobody reboots for it again.
    """
    return record.staged if record.boot and record.boot == boot_id(root) else ""


def read(root: Path) -> Record:
    """The record; an empty one when there is none, or when it cannot be read: nothing depends on it but manners."""
    try:
        return decoders.of(Record).decode((root / RECORD).read_bytes()[: limits.SYSTEM_FILE_SIZE])
    except (OSError, msgspec.DecodeError):
        return Record()


def write(root: Path, record: Record) -> None:
    """Keep the record."""
    path = root / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, msgspec.json.encode(record))


def seed(root: Path) -> int:
    """This machine's place in waves. It is chosen here when it was not yet: hold the lock LOCK."""
    record = read(root)
    if record.seed < 0:
        record = replace(record, seed=random.SystemRandom().randrange(SEEDS))
        write(root, record)
    return record.seed


def read_look(root: Path) -> Look:
    """The last look; an empty one when there was none, or it cannot be read."""
    try:
        return decoders.of(Look).decode((root / LOOK).read_bytes()[: limits.SYSTEM_FILE_SIZE])
    except (OSError, msgspec.DecodeError):
        return Look()


def write_look(root: Path, look: Look) -> None:
    """Keep what came of a look."""
    path = root / LOOK
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, msgspec.json.encode(look))


def read_request(root: Path) -> Request:
    """The request of this run. Raises AdamantError `update-request`."""
    try:
        return decoders.of(Request).decode((root / REQUEST).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise AdamantError("update-request", f"there is no request that can be read: {error}") from error


def tell(root: Path, progress: Progress) -> None:
    """Show how far it is, to whoever watches."""
    path = root / PROGRESS
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, msgspec.json.encode(progress), durable=False)


def ask(root: Path, request: Request) -> None:
    """Leave a request, before the program is started, and forget how far the one before was."""
    path = root / REQUEST
    path.parent.mkdir(parents=True, exist_ok=True)
    tell(root, Progress("running", step="begin"))
    files.write_atomic(path, msgspec.json.encode(request), durable=False)


def progress(root: Path) -> Progress:
    """How far it is."""
    try:
        return decoders.of(Progress).decode((root / PROGRESS).read_bytes())
    except (OSError, msgspec.DecodeError):
        return Progress("running", step="begin")
