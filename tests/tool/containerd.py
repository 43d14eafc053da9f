"""A real containerd for tests: the one that images get, with the host's runc, and a registry that holds busybox."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from adamant.core import proc
from adamant.model.lock import Lock
from adamant.packages.fetch import fetch
from tests import oci_archive
from tests.image.conftest import require_program

_CONFIG = """\
version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{0}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{0}/opt"
"""
APPLETS = ["sh", "ls", "ps", "cat", "touch", "sleep", "echo", "stty", "true", "grep", "kill"]


class Containerd(NamedTuple):
    """A containerd of this test run: its folder, and ctr."""

    folder: Path
    ctr: str

    @property
    def common(self) -> tuple[str, ...]:
        """Options of ctr that lead to it."""
        return ("--address", str(self.folder / "containerd.sock"))

    def namespaces(self) -> list[str]:
        """Its namespaces."""
        return proc.run("ask", [self.ctr, *self.common, "namespaces", "ls", "-q"]).stdout.decode().split()


@contextmanager
def running(folder: Path, lock: Lock, cache: Path) -> Iterator[Containerd]:
    """It runs within."""
    require_program("runc", "runc")
    (package,) = [package for package in lock.image.packages if package.name == "containerd"]
    (deb,) = fetch([package], cache).values()
    subprocess.run(["dpkg-deb", "-x", deb, folder / "package"], check=True)
    programs = folder / "package/usr/bin"
    (folder / "config.toml").write_text(_CONFIG.format(folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "containerd", "-c", folder / "config.toml"],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(100):
            if (folder / "containerd.sock").exists():
                break
            time.sleep(0.1)
        yield Containerd(folder, str(programs / "ctr"))
    finally:
        process.terminate()
        process.wait()


def busybox(path: Path, program: Path | None = None) -> Path:
    """An OCI archive at `path` with busybox in it, or with `program` in its place."""
    program = program or Path(require_program("busybox", "busybox-static"))
    oci_archive.write(path, program.read_bytes(), APPLETS)
    return path


@contextmanager
def registry(folder: Path, names: list[str], program: Path | None = None) -> Iterator[int]:
    """A registry on a port of this computer, which holds busybox by each of `names` (`lib/busybox:1`), or `program` in
    its place."""
    server = require_program("docker-registry", "docker-registry")
    skopeo = require_program("skopeo", "skopeo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (folder / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    archive = busybox(folder / "pushed.tar", program)
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([server, "serve", folder / "registry.yml"], stdout=log, stderr=log)
    try:
        for name in names:
            target = f"docker://127.0.0.1:{port}/{name}"
            copy = [skopeo, "--insecure-policy", "copy", "--retry-times", "5", "--dest-tls-verify=false"]
            subprocess.run([*copy, f"oci-archive:{archive}", target], check=True, capture_output=True)
        yield port
    finally:
        process.terminate()
        process.wait()
