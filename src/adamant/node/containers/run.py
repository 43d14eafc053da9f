"""The program of adamant-container@NAME.service, which runs one container of the machine's config.

    /usr/lib/adamant/run container run|clean containerd|host-containerd NAME

With `run` it sees to the image, has containerd start the container, and stands in for it in the unit: what the
container writes is the log of the unit, and how it ends is how the unit ends. With `clean` it removes what is left of
the container. The second word says which containerd has it. An image that is there is not pulled again: one that is
named by a tag stays what it was when it came.

What speaks with containerd takes three times the memory of what waits. So once the container runs, the program starts
itself anew with `follow`, which is of no use to anybody else:

    /usr/lib/adamant/run container follow containerd|host-containerd NAME SIGNAL PIDFD OUTPUT ERRORS
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

PACKAGES = "/usr/lib/python3/dist-packages"
_OUTPUT = "run/adamant/container-output"
"""The folder of the pipes that containers write to, relative to `/`; nothing stays in it."""

if TYPE_CHECKING:
    from adamant.node.containerd.connection import Containerd
    from adamant.node.containerd.images import Image, Images
    from adamant.node.containerd.tasks import Tasks
    from adamant.node.containers.runtime import Runtime
    from adamant.node.containers.spec import Spec


class Place(NamedTuple):
    """Where it runs: the machine, unless a test says otherwise."""

    root: Path = Path("/")
    snapshotter: str = "overlayfs"
    itself: tuple[str, ...] = ("/usr/lib/adamant/run", "container")
    """What starts this program."""


def main(arguments: list[str], place: Place = Place()) -> int:  # noqa: B008 - it cannot be changed
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    if PACKAGES not in sys.path:
        sys.path.append(PACKAGES)
    if arguments[:1] == ["follow"]:
        return _follow(arguments[1], arguments[2], [int(word) for word in arguments[3:]], place)

    from adamant.core import limits  # noqa: PLC0415 - only now can the packages be found
    from adamant.model.errors import AdamantError  # noqa: PLC0415
    from adamant.node.containerd.connection import Containerd  # noqa: PLC0415
    from adamant.node.containerd.tasks import Tasks  # noqa: PLC0415
    from adamant.node.containers import spec  # noqa: PLC0415
    from adamant.node.containers.runtime import RUNTIMES  # noqa: PLC0415

    if len(arguments) != 3 or arguments[0] not in {"run", "clean"} or arguments[1] not in RUNTIMES:
        sys.stderr.write(f"<3>usage: run run|clean {'|'.join(RUNTIMES)} NAME\n")
        return 2
    verb, runtime, name = arguments[0], RUNTIMES[arguments[1]], arguments[2]
    try:
        with Containerd(place.root, runtime, runtime.namespace, limits.CTR_SECONDS) as containerd:
            if verb == "clean":
                Tasks(containerd, place.snapshotter).remove(name)
                return 0
            run(containerd, runtime, spec.read(place.root, runtime, name), place)
    except AdamantError as error:
        return _say(error)


def _say(error: Exception) -> int:
    sys.stderr.write("".join(f"<3>{line}\n" for line in str(error).splitlines()))
    return 1


def run(containerd: "Containerd", runtime: "Runtime", wanted: "Spec", place: Place) -> NoReturn:
    """Make all ready, start the container, and follow it from then on. Raises AdamantError."""
    from adamant.core import proc  # noqa: PLC0415
    from adamant.node.containerd import leases  # noqa: PLC0415

    with leases.held(containerd):  # another container's end would take a file system away that none has yet
        stop, handles = _start(containerd, runtime, wanted, place)
    for fd in handles:
        os.set_inheritable(fd, True)
    words = ("follow", runtime.name, wanted.name, stop, *handles)
    proc.become("follow the container", [*place.itself, *map(str, words)])


def _start(
    containerd: "Containerd", runtime: "Runtime", wanted: "Spec", place: Place
) -> tuple[int, tuple[int, int, int]]:
    """Make all ready and start the container. Returns the signal that ends it, its pidfd and the ends of its pipes."""
    from adamant.model.errors import AdamantError  # noqa: PLC0415
    from adamant.node.containerd import images, tasks  # noqa: PLC0415
    from adamant.node.containers import accounts, bundle, follow  # noqa: PLC0415

    running = tasks.Tasks(containerd, place.snapshotter)
    running.remove(wanted.name)
    image = _image(images.Images(containerd, place.root, place.snapshotter), runtime, wanted, place.root)
    of_systemd = (place.root / "run/systemd/private").exists()  # then cgroups are systemd's
    made = tasks.Wanted(wanted.name, wanted.image, image.snapshot, place.root / runtime.runc_root, of_systemd)
    process = image.config.process
    follow.hold()
    try:
        for mount in wanted.mounts:
            (place.root / mount.source[1:]).mkdir(parents=True, exist_ok=True)
        mounts = running.prepare(made)
        account = accounts.find(process.user, accounts.folders(mounts))
        variables = _variables(place.root / runtime.variables(wanted.name)) if wanted.variables else {}
        program = bundle.Program(process, account, variables)
        told = bundle.compose(wanted, program, runtime, place.root, of_systemd=of_systemd)
        pipes = _Pipes(place.root / _OUTPUT, wanted.name)
        try:
            pid = running.create(made, told, mounts, *pipes.paths)
        finally:
            pipes.unlink()
        watched = os.pidfd_open(pid)
        running.start(wanted.name)
    except (AdamantError, OSError) as error:
        running.remove(wanted.name)
        raise tasks.failed_start(wanted.name, error) from error
    out, err = pipes.fds
    return _signal(process.stop_signal), (watched, out, err)


class _Pipes:
    """Two pipes with names, for containerd's runtime to write to, and this side of them."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.paths = (folder / f"{name}.out", folder / f"{name}.err")
        self.unlink()
        self.fds = []
        for path in self.paths:
            os.mkfifo(path, 0o600)
            self.fds.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))

    def unlink(self) -> None:
        """Take the names away: whoever has the pipes open keeps them."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def _image(images: "Images", runtime: "Runtime", wanted: "Spec", root: Path) -> "Image":
    """The image, pulled if it is not there; those that no container wants any more go."""
    from adamant.node.containers import spec  # noqa: PLC0415

    if not images.digest(wanted.image):
        sys.stderr.write(f"<6>pulling {wanted.image}\n")
        sys.stderr.flush()
        images.pull(wanted.image)
    images.forget(sorted(set(images.names()) - spec.wanted(root, runtime)))
    return images.open(wanted.image)


def _variables(path: Path) -> Mapping[str, str]:
    return dict(line.partition("=")[::2] for line in path.read_text().splitlines())


def _signal(name: str) -> int:
    """The number of the signal that an image wants to be ended by; SIGTERM for one that there is not."""
    text = name.upper().removeprefix("SIG")
    if text.isdigit() and 0 < int(text) < signal.NSIG:
        return int(text)
    return int(getattr(signal, f"SIG{text}", signal.SIGTERM)) if text.isalnum() and text else int(signal.SIGTERM)


def _call(runtime: str, place: Place, what: "Callable[[Tasks], int | None]") -> int:
    """Have `what` speak with containerd. Returns what it returns, as an exit code."""
    from adamant.core import limits  # noqa: PLC0415 - few moments of a container's life need them
    from adamant.model.errors import AdamantError  # noqa: PLC0415
    from adamant.node.containerd.connection import Containerd  # noqa: PLC0415
    from adamant.node.containerd.tasks import Tasks  # noqa: PLC0415
    from adamant.node.containers.runtime import RUNTIMES  # noqa: PLC0415

    try:
        asked = RUNTIMES[runtime]
        with Containerd(place.root, asked, asked.namespace, limits.CTR_SECONDS) as containerd:
            return what(Tasks(containerd, place.snapshotter)) or 0
    except AdamantError as error:
        return _say(error)


def _follow(runtime: str, name: str, numbers: list[int], place: Place) -> int:
    from adamant.node.containers import follow  # noqa: PLC0415

    stop, process, out, err = numbers

    def hand_on(number: int) -> None:
        _call(runtime, place, lambda tasks: tasks.kill(name, stop if number == signal.SIGTERM else number))

    def over() -> None:
        _call(runtime, place, lambda tasks: tasks.kill(name, signal.SIGKILL, every=True))

    follow.until_it_ends(process, {out: 1, err: 2}, hand_on, over)

    def end(tasks: "Tasks") -> int:
        code = tasks.delete(name)
        tasks.forget(name)
        return code

    return _call(runtime, place, end)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
