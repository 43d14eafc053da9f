"""The program of adamant-container@NAME.service, which runs one container of the machine's config.

    /usr/lib/adamant/run container run|clean containerd|host-containerd NAME

With `run` it sees to the image and becomes ctr, which runs the container in the foreground: what the container writes
is the log of the unit, and how it ends is how the unit ends. With `clean` it removes what is left of the container. The
second word says which containerd has it. An image that is there is not pulled again: one that is named by a tag stays
what it was when it came.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

PACKAGES = "/usr/lib/python3/dist-packages"
_VERBS = ("run", "clean")

if TYPE_CHECKING:
    from adamant.node.containerd.ctr import Ctr
    from adamant.node.containers.runtime import Runtime
    from adamant.node.containers.spec import Spec


def main(arguments: list[str], root: Path = Path("/")) -> int:
    """The program. Its words go to standard error with a priority for the journal (sd-daemon(3))."""
    if PACKAGES not in sys.path:
        sys.path.append(PACKAGES)
    from adamant.model.errors import AdamantError  # noqa: PLC0415 - only now can the packages be found
    from adamant.node.containerd.ctr import Ctr  # noqa: PLC0415
    from adamant.node.containers import spec  # noqa: PLC0415
    from adamant.node.containers.runtime import RUNTIMES  # noqa: PLC0415

    if len(arguments) != 3 or arguments[0] not in _VERBS or arguments[1] not in RUNTIMES:
        sys.stderr.write(f"<3>usage: run run|clean {'|'.join(RUNTIMES)} NAME\n")
        return 2
    verb, runtime, name = arguments[0], RUNTIMES[arguments[1]], arguments[2]
    ctr = Ctr(runtime.namespace, root / runtime.specs, common=("--address", str(root / runtime.socket)))
    try:
        if verb == "clean":
            ctr.remove(name)
        else:
            become(ctr, runtime, spec.read(root, runtime, name), root)
    except AdamantError as error:
        sys.stderr.write("".join(f"<3>{line}\n" for line in str(error).splitlines()))
        return 1
    return 0


def become(ctr: "Ctr", runtime: "Runtime", spec: "Spec", root: Path) -> NoReturn:
    """Make all ready, and be ctr from then on. Raises AdamantError."""
    from adamant.core import proc  # noqa: PLC0415

    prepare(ctr, runtime, spec, root)
    proc.become("run the container", argv(ctr, runtime, spec, root), environment={"TMPDIR": str(ctr.folder)})


def prepare(ctr: "Ctr", runtime: "Runtime", spec: "Spec", root: Path) -> None:
    """Have the image, the folders that it is given, and nothing of a container that was there before."""
    from adamant.node.containers.spec import wanted  # noqa: PLC0415

    ctr.remove(spec.name)
    if not ctr.digest(spec.image):
        sys.stderr.write(f"<6>pulling {spec.image}\n")
        ctr.pull(spec.image)
    ctr.forget(sorted(set(ctr.images()) - wanted(root, runtime)))
    for mount in spec.mounts:
        (root / mount.source[1:]).mkdir(parents=True, exist_ok=True)


def argv(ctr: "Ctr", runtime: "Runtime", spec: "Spec", root: Path) -> list[str]:
    """The call that runs the container until its end, and removes it."""
    from adamant.model.machine.document import ContainerNetwork  # noqa: PLC0415
    from adamant.model.posture import POLICY  # noqa: PLC0415

    words = ["run", "--rm", "--snapshotter", ctr.snapshotter, "--runc-root", str(root / runtime.runc_root)]
    if (root / "run/systemd/private").exists():  # then cgroups are systemd's
        words += ["--runc-systemd-cgroup", "--cgroup", f"{runtime.slice}:adamant:{spec.name}"]
    if spec.network is ContainerNetwork.HOST:
        words.append("--net-host")
    if spec.variables:
        words += ["--env-file", str(root / runtime.variables(spec.name))]
    for mount in spec.mounts:
        kind = "ro" if mount.read_only else "rw"
        source = root / mount.source[1:]
        words += ["--mount", f"type=bind,src={source},dst={mount.target},options=rbind:{kind}"]
    if spec.sees:
        from adamant.node.containers import sights  # noqa: PLC0415 - only host containers are shown something

        words += sights.words(spec.sees, root)
    if spec.memory:
        words += ["--memory-limit", str(spec.memory)]
    if spec.cpus:
        words += ["--cpus", f"{spec.cpus:g}"]
    words += ["--privileged"] if spec.privileged else ["--seccomp"]
    if spec.network is ContainerNetwork.HOST and not spec.privileged:
        words += ["--cap-drop", "CAP_NET_RAW"]  # it would read and forge every packet of the host's
    if not spec.privileged and (root / POLICY).exists():
        words += ["--apparmor-profile", runtime.profile]
    return ctr.argv(*words, spec.image, spec.name, *spec.command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
