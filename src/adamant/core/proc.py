"""The one door to other programs.

Every call has a purpose, an explicit environment (C.UTF-8, UTC), no standard input unless one is given, and a deadline.
A failure carries the tail of standard error and a command line that can be pasted into a shell.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from adamant.core import limits
from adamant.model.errors import AdamantError

BASE_ENVIRONMENT: Mapping[str, str] = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SOURCE_DATE_EPOCH": "0",
}


class ProgramFailed(AdamantError):
    """A program ended with an error. `code` is its exit code, or the negative number of the signal that ended it."""

    def __init__(self, reference: str, message: str, *, code: int, stderr: str, context: str, hint: str = "") -> None:
        super().__init__(reference, message, context=context, hint=hint)
        self.code = code
        self.stderr = stderr


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished program left."""

    code: int
    stdout: bytes
    stderr: bytes


Argument = str | Path


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    environment = dict(BASE_ENVIRONMENT)
    if "HOME" in os.environ:
        environment["HOME"] = os.environ["HOME"]
    environment.update(extra or {})
    return environment


def command_line(argv: Sequence[Argument], environment: Mapping[str, str] | None, cwd: Path | None) -> str:
    """The call as a line for a shell."""
    words = [f"{name}={value}" for name, value in (environment or {}).items()] + [str(a) for a in argv]
    line = shlex.join(words)
    return f"cd {shlex.quote(str(cwd))} && {line}" if cwd else line


def _not_started(purpose: str, error: OSError, line: str) -> ProgramFailed:
    why = f"cannot {purpose}: {error.strerror}"
    return ProgramFailed("program-not-started", why, code=127, stderr="", context=f"command: {line}")


def _start(
    purpose: str,
    argv: Sequence[Argument],
    environment: Mapping[str, str] | None,
    *,
    stdin: int,
    stdout: int,
    stderr: int,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """The running program, in a session of its own. Raises ProgramFailed `program-not-started`."""
    try:
        return subprocess.Popen(
            [str(a) for a in argv],
            env=_environment(environment),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise _not_started(purpose, error, command_line(argv, environment, cwd)) from error


def become(purpose: str, argv: Sequence[Argument], *, environment: Mapping[str, str] | None = None) -> NoReturn:
    """Go on as another program, which inherits all but the environment. Raises ProgramFailed `program-not-started`."""
    words = [str(a) for a in argv]
    try:
        os.execve(words[0], words, _environment(environment))  # noqa: S606 - this is the door
    except OSError as error:
        raise _not_started(purpose, error, command_line(argv, environment, None)) from error


def run(
    purpose: str,
    argv: Sequence[Argument],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    feed: Callable[[int], None] | None = None,
    seconds: float = limits.PROGRAM_SECONDS,
    check: bool = True,
    pass_fds: Sequence[int] = (),
    writes_to: Path | None = None,
) -> Result:
    """Run a program to its end.

    `purpose` completes "cannot ..." in errors. Standard input is empty, or `stdin`, or what `feed` writes into the file
    descriptor it is handed (it is closed afterwards). `environment` is added to BASE_ENVIRONMENT. A program that goes
    on while the disk of the folder `writes_to` is full is ended: mkfs.erofs then waits for its own threads for ever.
    Raises ProgramFailed when the program cannot start, exceeds `seconds`, or (with `check`) ends with an error.
    """
    line = command_line(argv, environment, cwd)
    wants_input = stdin is not None or feed is not None
    process = _start(
        purpose,
        argv,
        environment,
        stdin=subprocess.PIPE if wants_input else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        pass_fds=pass_fds,
    )
    expired = threading.Event()

    def kill() -> None:
        expired.set()
        _kill_group(process)

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    over = threading.Event()
    if writes_to is not None:
        threading.Thread(target=_end_on_full_disk, args=(process, writes_to, over), daemon=True).start()
    try:
        if feed is not None:
            stdout, stderr = _run_fed(process, feed)
        else:
            stdout, stderr = process.communicate(stdin)
    except BaseException:
        _kill_group(process)
        process.wait()
        raise
    finally:
        timer.cancel()
        over.set()
    result = Result(process.returncode, stdout, stderr)
    if expired.is_set():
        raise _failed(purpose, line, result, f"it did not end within {seconds:.0f} s")
    if check and result.code != 0:
        raise _failed(purpose, line, result, f"exit code {result.code}")
    return result


def _run_fed(process: "subprocess.Popen[bytes]", feed: Callable[[int], None]) -> tuple[bytes, bytes]:
    outputs: dict[str, bytes] = {}

    def drain(name: str) -> None:
        stream = getattr(process, name)
        outputs[name] = stream.read()
        stream.close()

    readers = [threading.Thread(target=drain, args=(name,), daemon=True) for name in ("stdout", "stderr")]
    for reader in readers:
        reader.start()
    assert process.stdin is not None
    try:
        feed(process.stdin.fileno())
    except BrokenPipeError:
        pass  # the program ended early; its own message says why
    finally:
        process.stdin.close()
    process.wait()
    for reader in readers:
        reader.join()
    return outputs["stdout"], outputs["stderr"]


def _end_on_full_disk(process: "subprocess.Popen[bytes]", folder: Path, over: threading.Event) -> None:
    """Kill the program when the disk of `folder` has been full for FULL_DISK_SECONDS, until `over` is set."""
    full = 0
    while not over.wait(limits.FULL_DISK_SECONDS / 10):
        room = os.statvfs(folder)
        full = full + 1 if room.f_bavail * room.f_frsize < limits.FULL_DISK_BYTES else 0
        if full == 10:
            _kill_group(process)
            return


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _failed(purpose: str, line: str, result: Result, why: str) -> ProgramFailed:
    tail = result.stderr[-limits.STDERR_TAIL :].decode(errors="replace").strip()
    context = f"{tail}\ncommand: {line}" if tail else f"command: {line}"
    return ProgramFailed("program-failed", f"cannot {purpose}: {why}", code=result.code, stderr=tail, context=context)


def spawn(
    purpose: str,
    argv: Sequence[Argument],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> int:
    """Start a program that outlives this process (an emulator). Its output goes to `log`. Returns its process id."""
    with log.open("ab") as out:
        process = _start(
            purpose,
            argv,
            environment,
            stdin=subprocess.DEVNULL,
            stdout=out.fileno(),
            stderr=out.fileno(),
            cwd=cwd,
            pass_fds=pass_fds,
        )
    process.returncode = 0  # it is not ours to wait for; keep the interpreter from warning at exit
    return process.pid


class Lines:
    """The lines that a running program prints, as they come. `close` ends the program, from any thread."""

    def __init__(self, purpose: str, argv: Sequence[Argument], environment: Mapping[str, str] | None = None) -> None:
        self._purpose = purpose
        self._line = command_line(argv, environment, None)
        self._closed = threading.Event()
        self._process = _start(
            purpose, argv, environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def __iter__(self) -> Iterator[bytes]:
        """The lines, without their ends. Raises ProgramFailed when the program ended with an error of its own."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with self._process.stdout as out:
            while data := out.readline(limits.LOG_LINE):
                yield data.rstrip(b"\n")
        stderr = self._process.stderr.read(limits.STDERR_TAIL)
        code = self._process.wait()
        if code != 0 and not self._closed.is_set():
            raise _failed(self._purpose, self._line, Result(code, b"", stderr), f"exit code {code}")

    def close(self) -> None:
        """End the program, if it runs, and forget it."""
        self._closed.set()
        if self._process.poll() is None:
            _kill_group(self._process)
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None and not stream.closed:
                with contextlib.suppress(ValueError, OSError):
                    stream.close()


def lines(purpose: str, argv: Sequence[Argument], *, environment: Mapping[str, str] | None = None) -> Lines:
    """Start a program whose lines are read as they come; whoever reads them closes it."""
    return Lines(purpose, argv, environment)


class Attached:
    """A program whose input and output are file descriptors of the caller's. It ends with `kill`, at the latest."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None when it runs on after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Send a signal to it; nothing when it has ended."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it and all that it has started, now."""
        _kill_group(self._process)
        self._process.wait()


def attach(
    purpose: str,
    argv: Sequence[Argument],
    *,
    stdin: int,
    stdout: int,
    stderr: int,
    environment: Mapping[str, str] | None = None,
) -> Attached:
    """Start a program on file descriptors that the caller keeps, and may close once this returns."""
    process = _start(purpose, argv, environment, stdin=stdin, stdout=stdout, stderr=stderr)
    return Attached(process)
