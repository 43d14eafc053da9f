"""From a machine config to what it is on this machine. The table of what is made of each section.

Pure but for secrets that lie elsewhere. A section that this version makes nothing of is refused, never passed over.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from adamant.core import files, limits
from adamant.model.errors import AdamantError, InputError
from adamant.model.machine import paths
from adamant.model.machine.document import Machine
from adamant.model.machine.secret import Secret, SecretAt
from adamant.model.machine.wire import from_wire, to_wire
from adamant.model.posture import RULES, Posture
from adamant.node import posture as node_posture
from adamant.node.config import containers, etc, host_containers, network, registries, users, volumes
from adamant.node.config.rendered import UNITS, File, Rendered, with_sysctls

CREDENTIALS = "run/credentials/@system"
_TIMESYNCD = "run/systemd/timesyncd.conf.d/50-adamant-config.conf"
_MODULES = "run/modules-load.d/adamant-config.conf"
_ARGUMENTS = "run/adamant/arguments"


def read(data: bytes, posture: Posture) -> Machine:
    """A config that this machine can run. Raises InputError."""
    return from_wire(data, posture)


def renderer(root: Path) -> Callable[[bytes], Rendered]:
    """What renders the documents of the machine below `root`."""
    posture = node_posture.read(root)

    def reveal(secret: Secret) -> str:
        return secret if isinstance(secret, str) else _read_secret(root, secret)

    def of_image(path: str) -> bytes | None:
        try:
            return files.read_limited(root / path, limits.IMAGE_FILE_SIZE, "file of the image")
        except (AdamantError, OSError):
            return None

    def render_document(data: bytes) -> Rendered:
        machine = read(data, posture)
        _check_arguments(root, machine)
        return render(machine, reveal, of_image, etc_now=RULES[posture].persistent_root)

    return render_document


def _read_secret(root: Path, secret: SecretAt) -> str:
    path = root / CREDENTIALS / secret.credential if secret.credential else root / (secret.file or "")[1:]
    try:
        return files.read_limited(path, limits.PEM_SIZE, "secret").decode().rstrip("\n")
    except (AdamantError, UnicodeDecodeError) as error:
        name = f"the credential {secret.credential}" if secret.credential else f"the file {secret.file}"
        raise InputError("secret-missing", f"{name}, which the config names, cannot be read") from error


def _check_arguments(root: Path, machine: Machine) -> None:
    if not machine.kernel.arguments:
        return
    from adamant.node import efivars  # noqa: PLC0415 - few configs ask for it, and a boot waits for this program

    if efivars.parse_flag(efivars.read(root, "SecureBoot", efivars.GLOBAL)):
        raise InputError(
            "arguments-secure-boot",
            "the kernel's arguments are part of what Secure Boot checks, and cannot be added to",
            context="$.kernel.arguments",
            hint="put them into the image's definition (kernel.arguments)",
        )


def render(
    machine: Machine, reveal: Callable[[Secret], str], of_image: etc.OfImage, *, etc_now: bool = False
) -> Rendered:
    """The files and variables of a config. `reveal` gives the text of a secret; `etc_now` says /etc can be written."""
    made = etc.files(machine, reveal, of_image)
    reboot = {} if etc_now else etc.reboot(made)
    made |= network.files(machine.network)
    made |= network.resolver(machine.network)
    if machine.time.servers:
        made[_TIMESYNCD] = File(f"[Time]\nNTP={' '.join(machine.time.servers)}\n".encode())
    if machine.kernel.modules:
        made[_MODULES] = File("".join(f"{name}\n" for name in machine.kernel.modules).encode())
    if machine.kernel.arguments:
        made[_ARGUMENTS] = File("".join(f"{word}\n" for word in machine.kernel.arguments).encode())
        reboot["kernel arguments"] = " ".join(machine.kernel.arguments)
    made |= users.files(machine.users, reveal, of_image)
    made |= registries.files(machine.registries, reveal)
    made |= volumes.files(machine.volumes)
    made |= containers.files(machine.containers, reveal, "containers")
    made |= host_containers.files(machine.host_containers, reveal)
    started = volumes.units(machine.volumes) | containers.units(machine.containers)
    started |= host_containers.units(machine.host_containers)
    for unit in machine.units:
        if unit.content is not None:
            made[f"{UNITS}/{unit.name}"] = File(unit.content.encode())
            started |= {unit.name} if unit.enable else set()
        elif unit.drop_in is not None:
            made[f"{UNITS}/{unit.name}.d/50-adamant-config.conf"] = File(unit.drop_in.encode())
    sysctls = {name.replace(".", "/"): value for name, value in machine.kernel.sysctls.items()}
    if machine.hostname is not None:
        sysctls["kernel/hostname"] = machine.hostname
    ending = containers.ending((*machine.containers, *machine.host_containers.containers))
    netdevs = network.netdevs(machine.network)
    rendered = Rendered(made, sysctls, frozenset(started), netdevs, reboot, etc_now, ending)
    return with_sysctls(rendered)


def canonical(data: bytes, posture: Posture | None = None) -> bytes:
    """The form in which a document is kept. Raises InputError for what is no machine config."""
    return to_wire(from_wire(data, posture))


def masked(data: bytes) -> bytes:
    """A document without its secrets, as JSON."""
    return msgspec.json.encode(paths.masked(from_wire(data)))


def unset(data: bytes, taken: Sequence[str]) -> bytes:
    """A document without what stands at some paths."""
    return to_wire(paths.unset(from_wire(data) if data else Machine(), *taken))


def differences(old: bytes, new: bytes) -> list[paths.Change]:
    """What differs between two documents, masked; an empty one is no config."""
    return paths.changes(from_wire(old) if old else Machine(), from_wire(new))
