"""Judges of files and mounts: rights of files in an image, and what can be written where on a node."""

from collections.abc import Iterable, Iterator

from adamant.audit.facts import ImageFacts, Mounted, NodeFacts, Placed, names
from adamant.audit.rule import Breach
from adamant.compose.check import KNOWN_SET_ID
from adamant.model.posture import RULES, Posture

KERNEL_TYPES = names(
    "autofs binfmt_misc bpf cgroup2 configfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc pstore "
    "rpc_pipefs securityfs sysfs"
)
"""File systems that hold the kernel's own objects and no files of anybody."""
_OF_DEVICES = frozenset({"devpts", "devtmpfs"})
IN_RAM = frozenset({"ramfs", "tmpfs"})
OF_CONTAINERS = (
    *("/run/containerd", "/run/host-containerd", "/run/netns"),
    *("/var/lib/containerd", "/var/lib/host-containerd", "/var/lib/kubelet"),
)
"""Where the container runtime mounts: flags there are those that a container asks for."""
NOEXEC = ("/dev/shm", "/run", "/tmp")  # noqa: S108 - mount points, no temporary files


def _all(found: Iterable[Placed], message: str) -> Iterator[Breach]:
    for placed in found:
        yield Breach(f"/usr/{placed.path}", message.format(placed.detail))


def world_writable(facts: ImageFacts) -> Iterator[Breach]:
    """Nothing is for everybody to write."""
    yield from _all(facts.world_writable, "anyone may write to it ({})")


def no_set_id(facts: ImageFacts) -> Iterator[Breach]:
    """No file runs with other rights than its caller's."""
    yield from _all(facts.set_id, "it runs with the rights of its owner or group ({})")


def known_set_id(facts: ImageFacts) -> Iterator[Breach]:
    """Only files that are known to need it do."""
    unknown = [placed for placed in facts.set_id if f"usr/{placed.path}" not in KNOWN_SET_ID]
    yield from _all(unknown, "it runs with the rights of its owner or group, and is not known to need them ({})")


def file_capabilities(facts: ImageFacts) -> Iterator[Breach]:
    """No file brings capabilities."""
    yield from _all(facts.capabilities, "it brings capabilities to whoever runs it ({})")


def devices(facts: ImageFacts) -> Iterator[Breach]:
    """There is no device node."""
    yield from _all(facts.devices, "it is a {}")


def owners(facts: ImageFacts) -> Iterator[Breach]:
    """Everything belongs to root."""
    yield from _all(facts.foreign, "it belongs to {}")


def var_image(facts: ImageFacts) -> Iterator[Breach]:
    """The unit that mounts `/var` has the flags of the posture."""
    unit = next((unit for unit in facts.inside().units if unit.name == "var.mount"), None)
    if unit is None:
        yield Breach("var.mount", "no unit mounts /var")
        return
    missing = RULES[facts.posture].var_flags - unit.options
    if missing:
        yield Breach("var.mount", f"it has not the options {', '.join(sorted(missing))}")


def _at(facts: NodeFacts, where: str) -> Mounted | None:
    found = [mount for mount in facts.tell(facts.mounts, "mounts") if mount.where == where]
    return found[-1] if found else None


def var_node(facts: NodeFacts) -> Iterator[Breach]:
    """`/var` is mounted with the flags of the posture."""
    mount = _at(facts, "/var")
    if mount is None:
        yield Breach("/var", "nothing is mounted there")
        return
    missing = RULES[_posture(facts)].var_flags - mount.options
    if missing:
        yield Breach("/var", f"it is mounted without {', '.join(sorted(missing))}")


def _posture(facts: NodeFacts) -> Posture:
    return facts.tell(facts.posture, "posture")


def usr_read_only(facts: NodeFacts) -> Iterator[Breach]:
    """`/usr` cannot be written, nor anything mounted over a part of it."""
    yield from _read_only(facts, "/usr")
    for mount in facts.tell(facts.mounts, "mounts"):
        if mount.where.startswith("/usr/") and mount.writable:
            yield Breach(mount.where, f"a writable {mount.type} is mounted there")


def root_read_only(facts: NodeFacts) -> Iterator[Breach]:
    """`/` and `/etc` cannot be written."""
    yield from _read_only(facts, "/")
    yield from _read_only(facts, "/etc")


def _read_only(facts: NodeFacts, where: str) -> Iterator[Breach]:
    mount = _at(facts, where)
    if mount is None:
        yield Breach(where, "nothing is mounted there, so that it is a folder of what is below")
    elif mount.writable:
        yield Breach(where, f"the {mount.type} there can be written")


def _judged_alone(where: str) -> bool:
    """Whether `usr_read_only` or `root_read_only` speaks of it, or the posture lets it be written as it is."""
    return where in ("/", "/etc") or _below(where, ("/usr",))


def _below(where: str, places: Iterable[str]) -> bool:
    return any(where == place or where.startswith(f"{place}/") for place in places)


def writable_places(facts: NodeFacts) -> Iterator[Breach]:
    """File systems can be written only where the posture says."""
    places = RULES[_posture(facts)].writable
    for mount in facts.tell(facts.mounts, "mounts"):
        if not mount.writable or mount.type in KERNEL_TYPES or places is None or _judged_alone(mount.where):
            continue
        if not _below(mount.where, places):
            yield Breach(mount.where, f"a writable {mount.type} is mounted there")
        elif mount.type in ("debugfs", "tracefs"):
            yield Breach(mount.where, f"{mount.type} gives the kernel's insides away")


def mount_flags(facts: NodeFacts) -> Iterator[Breach]:
    """What can be written holds neither devices nor programs with more rights than their caller."""
    for mount in facts.tell(facts.mounts, "mounts"):
        if not mount.writable or _below(mount.where, OF_CONTAINERS):
            continue
        if mount.where == "/var" or _judged_alone(mount.where):
            continue
        wanted = {"nosuid"} if mount.type in _OF_DEVICES else {"nodev", "nosuid"}
        missing = wanted - mount.options
        if missing:
            yield Breach(mount.where, f"the {mount.type} there is mounted without {', '.join(sorted(missing))}")


def memory_noexec(facts: NodeFacts) -> Iterator[Breach]:
    """What lies in RAM is not run."""
    for mount in facts.tell(facts.mounts, "mounts"):
        if mount.type in IN_RAM and mount.where in NOEXEC and mount.writable and "noexec" not in mount.options:
            yield Breach(mount.where, "programs that lie there can be run")
