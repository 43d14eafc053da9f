"""Runs one command of a build's sandbox, reports what its make says, and says why it failed.

How many lines a build prints is kept in the cache, so that the next one's estimate is of this computer's own kernel.
"""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.core import events, files, limits, proc
from adamant.kernel.progress import KNOWN, Progress
from adamant.model.arch import Arch
from adamant.model.errors import AdamantError, InputError

STEP = "kernel"
_KEY_LEAKED = 3
"""Exit code of data/recipe/search.pl."""
_NOT_FOUND = 127
"""Exit code of a shell, and of what make runs, for a program that is not there."""


def run(purpose: str, argv: list[str], progress: Progress, watch: events.Watch = events.silent) -> None:
    """Run `argv` to its end; `purpose` completes "cannot ..." in errors.

    Raises AdamantError kernel-build-failed with the last lines that make nothing, or kernel-key-leaked.
    """
    begin = time.monotonic()
    try:
        with _lines(purpose, argv) as lines:
            for raw in lines:
                if progress.feed(raw.decode(errors="replace")) and progress.total:
                    detail = progress.say(time.monotonic() - begin)
                    watch(events.Advanced(STEP, min(progress.done, progress.total), detail))
    except proc.ProgramFailed as error:
        if error.code == _KEY_LEAKED:
            raise AdamantError(
                "kernel-key-leaked",
                "the key of the modules got into a file of the build, so nothing of it is kept",
                context="\n".join(progress.tail),
            ) from error
        raise AdamantError(
            "kernel-build-failed",
            f"cannot {purpose}: {_why(error.code, progress.tail)}",
            context="\n".join(progress.tail) or error.context,
            hint="the lines above are the last ones of make; nothing was kept of the build",
        ) from error


def expected(cache: Path, arch: Arch) -> int:
    """Lines that a build of `arch` will print: those of the last one here, or a guess."""
    try:
        found = int(files.read_limited(_record(cache, arch), limits.NUMBER_SIZE, "count of lines"))
    except (InputError, ValueError):
        return KNOWN[arch]
    return found if found > 0 else KNOWN[arch]


def remember(cache: Path, arch: Arch, lines: int) -> None:
    """Keep how many lines a build has printed."""
    files.write_atomic(_record(cache, arch), f"{lines}\n".encode(), durable=False)


def _record(cache: Path, arch: Arch) -> Path:
    return cache / "kernels" / f"lines.{arch.value}"


def _why(code: int, tail: Iterable[str]) -> str:
    if code == _NOT_FOUND or any(re.search(rf"^make.* Error {_NOT_FOUND}$", line) for line in tail):
        return "a program that it needs is missing"
    if code == 124:
        return f"it did not end within {limits.KERNEL_SECONDS / 3600:.0f} hours"
    if code < 0 or code in {137, 143}:
        return "it was ended by a signal: memory may be short, or somebody stopped it"
    return "the compiler or another program of it failed"


@contextmanager
def _lines(purpose: str, argv: list[str]) -> Iterator[proc.Lines]:
    lines = proc.lines(purpose, argv)
    try:
        yield lines
    finally:
        lines.close()
