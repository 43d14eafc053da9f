"""A real agent in a process of its own, on this computer's loopback, for tests."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.image.conftest import require_program

SHOWN = re.compile(r"(?:[0-9a-f]{4}:){15}[0-9a-f]{4}")
_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody has, for now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Agent:
    """The agent with the state folder `state`, and with the credentials in `credentials` when that is given.

    `inside` stands before its command, to have it run elsewhere; `clock` is a library of tests/shifted_clock.py, by
    whose clock it lives.
    """

    def __init__(
        self,
        folder: Path,
        *,
        credentials: Path | None = None,
        port: int = 0,
        inside: Sequence[str] = (),
        clock: Path | None = None,
    ) -> None:
        require_program("openssl", "openssl")  # on a machine, the image has it
        self.state = folder / "state"
        self.state.mkdir(exist_ok=True)
        self.log = folder / "agent.log"
        self.address = f"127.0.0.1:{port or free_port()}"
        self._credentials = credentials
        self._inside = inside
        self._clock = clock
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "GRPC_VERBOSITY": "NONE"}
        environment.pop("CREDENTIALS_DIRECTORY", None)
        if self._credentials:
            environment["CREDENTIALS_DIRECTORY"] = str(self._credentials)
        if self._clock:
            environment["LD_PRELOAD"] = str(self._clock)
        arguments = ["--address", self.address, "--state", str(self.state)]
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            return subprocess.Popen(
                [*self._inside, sys.executable, "-m", "adamant.node.agent", *arguments], env=environment, stderr=out
            )

    def __enter__(self) -> "Agent":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Kill it and start it again with the same state."""
        self.kill()
        self.process = self._start()

    def said(self) -> str:
        """What it has said since it was started."""
        with self.log.open("rb") as source:
            source.seek(self._begin)
            return source.read().decode("utf-8", "replace")

    def wait_for(self, text: str) -> str:
        """What it said, once that holds `text`."""
        deadline = time.monotonic() + _SECONDS
        while text not in (said := self.said()):
            assert time.monotonic() < deadline, f"the agent did not say {text!r}:\n{said}"
            assert self.process.poll() is None, f"the agent ended before it said {text!r}:\n{said}"
            time.sleep(0.05)
        return said

    def fingerprint(self) -> str:
        """What it shows while it waits to be enrolled."""
        match = SHOWN.search(self.wait_for("adamant node enroll ADDRESS"))
        assert match
        return match[0]

    def serves(self) -> None:
        """Wait until it serves the API."""
        self.wait_for("the API is served")

    def memory(self) -> int:
        """Bytes of memory that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024
