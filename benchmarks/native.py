"""The agent of an image as a process of this computer: its files, its runner, its libraries, and no emulation.

It runs in bubblewrap on the usr image's files, sees no more of this computer than the network, and has no PID 1 to ask:
what it answers is of no use, but what it costs is the same.
"""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adamant.api.pki import Credentials
from adamant.core import files, proc
from adamant.model.errors import AdamantError
from adamant.packages.tools import ToolsTree
from benchmarks.measure import Memory, memory
from benchmarks.place import Node

_RUNNER = ("/usr/lib/adamant/run", "agent")
AGENT = " ".join(_RUNNER)
"""How the command line of an agent begins."""
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Native:
    """A running agent: where it serves, the seconds from exec until it did, and keys for a reader."""

    address: str
    seconds: float
    keys: Credentials
    _pid: int

    def memory(self) -> Memory:
        """What it takes now."""
        return memory(self._pid)


def unpack(image: Path, tree: ToolsTree, target: Path) -> None:
    """The files of a usr image, in `target`. Owners are this user's: an ordinary user can set no others."""
    proc.run(
        "unpack the usr image", tree.argv("fsck.erofs", f"--extract={target}", "--no-preserve", image), seconds=600
    )


@contextmanager
def running(usr: Path, tree: ToolsTree, node: Node, work: Path) -> Iterator[Native]:
    """An agent that serves, from the files of `usr`; it is ended afterwards."""
    with files.work_folder(work, "agent") as folder:
        for name, data in node.credentials().items():
            files.write_atomic(folder / name, data)
        port = _free_port()
        variables = {"CREDENTIALS_DIRECTORY": "/run", "NOTIFY_SOCKET": "/run/notify", "GRPC_VERBOSITY": "NONE"}
        argv = tree.argv(
            "bwrap",
            *("--unshare-user", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--clearenv"),
            *(word for pair in variables.items() for word in ("--setenv", *pair)),
            *("--ro-bind", usr, "/usr", "--bind", folder, "/run", "--proc", "/proc", "--dev", "/dev"),
            *(word for name in ("bin", "sbin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")),
            *(*_RUNNER, "--address", f"127.0.0.1:{port}"),
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(folder / "notify"))
            manager.settimeout(_READY_SECONDS)
            begin = time.perf_counter()
            outer = proc.spawn("run the agent", argv, log=folder / "log")
            try:
                said = manager.recv(100)
                taken = time.perf_counter() - begin
                if said != b"READY=1":
                    raise _failed(f"said {said!r} instead of being ready", folder)
                if "Traceback" in (folder / "log").read_text(errors="replace"):
                    raise _failed("complained while it started", folder)
                yield Native(f"127.0.0.1:{port}", taken, node.keys(), _last_child(outer))
            except TimeoutError as error:
                raise _failed("did not come to serve", folder) from error
            finally:
                os.kill(outer, signal.SIGKILL)  # bubblewrap takes the agent with it
                os.waitpid(outer, 0)


def _failed(what: str, folder: Path) -> AdamantError:
    said = (folder / "log").read_text(errors="replace")
    return AdamantError("benchmark-agent", f"the agent {what}", context=said)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_child(pid: int) -> int:
    """The last descendant of `pid`, which has at most one child each: bubblewrap stays in front of what it starts."""
    while found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(found[0])
    return pid
