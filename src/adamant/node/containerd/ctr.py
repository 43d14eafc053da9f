"""containerd by its own command line (ctr), in one of its namespaces."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits, proc
from adamant.core.proc import ProgramFailed
from adamant.model.errors import AdamantError

MIRRORS = "/run/adamant/containerd/certs.d"
"""What the machine's config says of registries (node.config.registries)."""


class Ctr(NamedTuple):
    """ctr in a namespace. `folder` is for what ctr itself keeps; `common` are options of every call (--address)."""

    namespace: str
    folder: Path
    program: str = "/usr/bin/ctr"
    common: tuple[str, ...] = ()
    snapshotter: str = "overlayfs"
    mirrors: str = MIRRORS

    def argv(self, *words: str) -> list[str]:
        """A call, whole."""
        return [self.program, *self.common, "-n", self.namespace, *words]

    def ask(self, purpose: str, *words: str, check: bool = True) -> list[str]:
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
            raise AdamantError(
                "image-pull",
                f"the node cannot pull {image}",
                context=error.stderr[-400:],
                hint="check the image's name, the registry, and what the config says of it",
            ) from error
        return image

    def digest(self, image: str) -> str:
        """Digest of an image that is there; empty when it is not."""
        for line in self.ask("list images", "images", "ls", f"name=={image}")[1:]:
            words = line.split()
            if words and words[0] == image:
                return next((word for word in words if word.startswith("sha256:")), "")
        return ""

    def images(self) -> list[str]:
        """Names of the images that are there."""
        return self.ask("list images", "images", "ls", "-q")

    def forget(self, images: Sequence[str]) -> None:
        """Remove images, and what only they have."""
        if images:
            self.ask("remove images", "images", "rm", "--sync", *images, check=False)

    def kill(self, container: str) -> None:
        """End what runs in a container, if it is there."""
        self.ask("end a container", "tasks", "kill", "--all", "-s", "SIGKILL", container, check=False)

    def remove(self, container: str) -> None:
        """End a container and remove what is left of it, if it is there."""
        self.kill(container)
        self.ask("remove a task", "tasks", "rm", "-f", container, check=False)
        self.ask("remove a container", "containers", "rm", container, check=False)
        self.remove_snapshot(container)

    def remove_snapshot(self, name: str) -> None:
        """Remove a snapshot, if it is there."""
        self.ask("remove a snapshot", "snapshots", "--snapshotter", self.snapshotter, "rm", name, check=False)
