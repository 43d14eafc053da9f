"""A real systemd as PID 1 of a container of its own, with a journal, and a real agent in it: for tests, as root.

Nothing in it can write to this computer: every mount is read-only but for a folder of the test, and `/tmp`, `/run` and
`/var` are its own. That is tried before systemd starts, because a systemd that is let loose clears `/tmp`. It reads no
units but those of `UNITS` and of the test, and is in a cgroup of its own. The network is this computer's, so that the
agent can be reached.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.tool.agent import Agent

SYSTEMD = Path("/usr/lib/systemd/systemd")
SECONDS = 120.0
_CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))

UNITS = {
    "main.target": "[Unit]\nDefaultDependencies=no\nRequires=journal.service\nAfter=journal.service\n",
    "journal.service": """\
[Unit]
DefaultDependencies=no
[Service]
Type=notify
ExecStart=/usr/lib/systemd/systemd-journald
""",
}

_BEGIN = """\
set -eu
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/own /run/log/journal
mount --bind "$1" /run/own
mount -t tmpfs none /var
mount -t tmpfs none /tmp
mkdir -p "$1"
mount --bind /run/own "$1"
awk '{print $2}' /proc/self/mounts | sort -u | while read -r where; do
  case $where in
    /tmp|/tmp/*|/run|/run/*|/var|/proc|/proc/*|/sys/fs/cgroup|/sys/fs/cgroup/*) ;;
    *) mount -o remount,bind,ro "$where" 2>/dev/null || true ;;
  esac
done
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
for where in / /etc /usr /dev /root /home /proc/sys/kernel $2; do
  touch "$where/adamant-probe" 2>/dev/null || continue
  rm -f "$where/adamant-probe"
  echo "$where can be written"
  exit 9
done
[ -z "$(find /tmp -type f | grep -v "^$1/")" ] || { echo "/tmp is not its own"; exit 9; }
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
export SYSTEMD_UNIT_PATH="$1/units" container=adamant
exec /usr/lib/systemd/systemd --system --unit=main.target --log-target=null --show-status=no
"""


def reason() -> str:
    """Why there can be none here; empty when there can."""
    if os.geteuid() != 0:
        return "a container is for root to make"
    if not SYSTEMD.exists() or shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "there is no systemd: apt-get install systemd"
    if not any((folder / "cgroup.procs").exists() for folder in _CGROUPS):
        return "there are no cgroups of version 2"
    return ""


class Contained:
    """The container. `folder` is the folder of the test, which it has at the same place."""

    def __init__(self, folder: Path, units: dict[str, str]) -> None:
        self.folder = folder
        (folder / "units").mkdir(parents=True)
        for name, text in {**UNITS, **units}.items():
            (folder / "units" / name).write_text(text)
        (folder / "begin").write_text(_BEGIN)
        self._cgroup = next(c for c in _CGROUPS if (c / "cgroup.procs").exists()) / f"adamant-test-{os.getpid()}"
        self._log = folder / "systemd.log"

    def __enter__(self) -> "Contained":
        self._cgroup.mkdir()
        own = f'echo $$ > {self._cgroup}/cgroup.procs; exec "$@"'
        spaces = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--cgroup", "--ipc", "--uts"]
        tree = Path(__file__).parents[2]
        line = ["sh", "-c", own, "sh", *spaces, "sh", str(self.folder / "begin"), str(self.folder), str(tree)]
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            self._await_systemd()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        """End PID 1, and with it all that runs there; then the cgroups that it made are empty."""
        for child in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, 9)
        self._process.kill()
        self._process.wait()
        deadline = time.monotonic() + SECONDS
        while self._cgroup.exists():
            for path in sorted((p for p in self._cgroup.rglob("*") if p.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    path.rmdir()
            with contextlib.suppress(OSError):
                self._cgroup.rmdir()
            assert time.monotonic() < deadline, f"{self._cgroup} is still in use"
            time.sleep(0.05)

    def _children(self) -> list[int]:
        listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(word) for word in listed.read_text().split()] if listed.exists() else []

    def _await_systemd(self) -> None:
        deadline = time.monotonic() + SECONDS
        while not self._children() or self.run("systemctl", "is-active", "main.target").returncode:
            said = self._log.read_text(errors="replace")
            assert self._process.poll() is None, f"systemd ended: {said}"
            assert time.monotonic() < deadline, f"systemd did not start: {said}"
            time.sleep(0.2)

    def inside(self) -> list[str]:
        """What stands before a command that runs in there."""
        return ["nsenter", "-t", str(self._children()[0]), "-m", "-p", "--"]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program in there."""
        return subprocess.run([*self.inside(), *command], capture_output=True, text=True, timeout=SECONDS)

    def write(self, text: str, *options: str) -> None:
        """Have a line written into the journal."""
        done = self.run("systemd-cat", *options, sys.executable, "-c", f"print({text!r})")
        assert done.returncode == 0, done.stderr

    def agent(self, credentials: Path) -> Agent:
        """A real agent in there."""
        return Agent(self.folder, credentials=credentials, inside=self.inside())


def units(*programs: tuple[str, str, Sequence[str]]) -> dict[str, str]:
    """Units that run a shell's command: name, command, and lines more."""
    return {
        name: "\n".join(
            ["[Unit]", "DefaultDependencies=no", "[Service]", f"ExecStart=/bin/sh -c '{command}'", *more, ""]
        )
        for name, command, more in programs
    }
