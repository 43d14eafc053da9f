"""containerd by its own command line (ctr): one namespace for each debug session, and nothing left of it afterwards."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits, proc
from adamant.core.proc import ProgramFailed
from adamant.model.errors import AdamantError
from adamant.node.containerd.images import MIRRORS, image_not_pulled

PREFIX = "adamant.debug."
_INDEX = "debug:image"
"""Name that the index of an imported archive gets."""
CAPABILITIES = (
    "CAP_SYS_PTRACE",
    "CAP_NET_ADMIN",
    "CAP_SYSLOG",
    "CAP_DAC_READ_SEARCH",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_SYS_NICE",
)
"""Beyond those that every container has: to look into processes, the network and the kernel's log. Not to mount."""
_ROUNDS = 5


class Ctr(NamedTuple):
    """ctr in the namespace of one session.

    `folder` is for what ctr itself keeps; `common` are options of every call (--address).
    """

    session: str
    folder: Path
    program: str = "/usr/bin/ctr"
    common: tuple[str, ...] = ()
    snapshotter: str = "overlayfs"
    mirrors: str = f"/{MIRRORS}"

    @property
    def namespace(self) -> str:
        """The namespace of this session."""
        return PREFIX + self.session

    def argv(self, *words: str) -> list[str]:
        """A call, whole."""
        return [self.program, *self.common, "-n", self.namespace, *words]

    def _ask(self, purpose: str, *words: str, check: bool = True) -> list[str]:
        """The lines that a call prints. Raises ProgramFailed, with `check`."""
        done = proc.run(
            purpose,
            self.argv(*words),
            environment={"TMPDIR": str(self.folder)},
            seconds=limits.CTR_SECONDS,
            check=check,
        )
        return done.stdout.decode("utf-8", "replace").splitlines()

    def pull(self, image: str) -> str:
        """Take an image from its registry, or from the mirrors of the config; its name. Raises `image-pull`."""
        words = ["images", "pull", "--local", "--snapshotter", self.snapshotter]
        if Path(self.mirrors).is_dir():
            words += ["--hosts-dir", self.mirrors]
        try:
            proc.run("pull the image", self.argv(*words, image), seconds=limits.IMAGE_PULL_SECONDS)
        except ProgramFailed as error:
            raise image_not_pulled(image, error.stderr[-400:]) from error
        return image

    def digest(self, image: str) -> str:
        """Digest of an image that is there; empty when it is not."""
        for line in self._ask("list images", "images", "ls", f"name=={image}")[1:]:
            words = line.split()
            if words and words[0] == image:
                return next((word for word in words if word.startswith("sha256:")), "")
        return ""

    def kill(self, container: str) -> None:
        """End what runs in a container, if it is there."""
        self._ask("end a container", "tasks", "kill", "--all", "-s", "SIGKILL", container, check=False)

    def import_archive(self, feed: Callable[[int], None]) -> str:
        """Take in the archive that `feed` writes; the name of its image."""
        words = ("images", "import", "--local", "--snapshotter", self.snapshotter, "--index-name", _INDEX, "-")
        try:
            proc.run("import the image archive", self.argv(*words), feed=feed, seconds=limits.IMAGE_PULL_SECONDS)
        except ProgramFailed as error:
            raise AdamantError(
                "debug-archive",
                "containerd does not take the archive",
                context=error.stderr,
                hint="make it with docker save, or skopeo copy docker://IMAGE oci-archive:FILE",
            ) from error
        return _INDEX

    def run_argv(self, image: str, command: Sequence[str], pid_file: Path, *, terminal: bool) -> list[str]:
        """The call that runs the container until its end, and removes it.

        Namespaces are named as containerd's runtime sees its own, which are the host's.
        """
        return self.argv(
            "run",
            "--rm",
            *(["--tty"] if terminal else []),
            "--snapshotter",
            self.snapshotter,
            "--fifo-dir",
            str(self.folder / "fifo"),
            "--pid-file",
            str(pid_file),
            "--net-host",
            "--with-ns",
            "pid:/proc/self/ns/pid",
            "--with-ns",
            "ipc:/proc/self/ns/ipc",
            *[word for name in CAPABILITIES for word in ("--cap-add", name)],
            "--mount",
            "type=bind,src=/,dst=/host,options=rbind:rro",
            "--env",
            f"TERM={'xterm' if terminal else 'dumb'}",
            image,
            self.session,
            *command,
        )

    def clean(self) -> None:
        """Remove all that the session has left in containerd. Raises AdamantError `debug-left` when something stays."""
        for _ in range(_ROUNDS):
            for task in self._ask("list tasks", "tasks", "ls", "-q", check=False):
                self.kill(task)
                self._ask("remove a task", "tasks", "rm", "-f", task, check=False)
            for container in self._ask("list containers", "containers", "ls", "-q", check=False):
                self._ask("remove a container", "containers", "rm", container, check=False)
            for lease in self._ask("list leases", "leases", "ls", "-q", check=False):
                self._ask("remove a lease", "leases", "rm", "--sync", lease, check=False)
            for snapshot in reversed(self._snapshots()):
                self._ask("remove a snapshot", *self._of_snapshots, "rm", snapshot, check=False)
            images = self._ask("list images", "images", "ls", "-q", check=False)
            if images:
                self._ask("remove the image", "images", "rm", "--sync", *images, check=False)
            for blob in self._ask("list content", "content", "ls", "-q", check=False):
                self._ask("remove content", "content", "rm", blob, check=False)
            self._ask("remove the namespace", "namespaces", "rm", self.namespace, check=False)
            if self.namespace not in self._ask("list namespaces", "namespaces", "ls", "-q"):
                return
            time.sleep(0.5)
        raise AdamantError("debug-left", f"containerd does not let go of {self.namespace}")

    @property
    def _of_snapshots(self) -> tuple[str, ...]:
        return ("snapshots", "--snapshotter", self.snapshotter)

    def _snapshots(self) -> list[str]:
        lines = self._ask("list snapshots", *self._of_snapshots, "ls", check=False)
        return [line.split()[0] for line in lines[1:] if line.split()]

    def sessions(self) -> list[str]:
        """Sessions of which something is in containerd, this one too."""
        names = self._ask("list namespaces", "namespaces", "ls", "-q")
        return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]
