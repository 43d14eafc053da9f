"""What an image gets from Adamant itself: static files, its own sources, and which units start.

The static files lie in `data/` as trees below `/`: `every` for all postures, `no-shell` for those without a shell on
the host and `shell` for those with one, `ram-root` and `disk-root` by where `/` is, `encrypted` for encrypted disks
and `opened-by-...` by what gives their key.
What stays true: no unit of ours needs a shell; the bytes depend on the arguments and our sources alone. Runs where
images are built, not on machines.

What starts at boot is counted in seconds under emulation, so each unit that packages start in every boot and that does
nothing for such a machine stands in NOT_STARTED with its reason.
"""

import ast
from collections.abc import Collection, Sequence
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

import adamant
from adamant.model import encryption as encryptions
from adamant.model import hardening
from adamant.model.digest import sha256
from adamant.model.encryption import OPENINGS, Encryption, TangServer
from adamant.model.layout import verity_size
from adamant.model.posture import FILE, RULES, Posture
from adamant.model.switch import Switch
from adamant.model.tree import Entry, Kind
from adamant.node.resources.registry import KINDS

PYTHON = "usr/lib/python3/dist-packages/adamant"
PROGRAMS: dict[str, tuple[str, str]] = {
    "agent": ("adamant.node.launch", "the agent"),
    "arguments": ("adamant.node.arguments.run", "adds the config's words to the kernel's command line"),
    "config": ("adamant.node.config.boot", "makes the config's files at boot"),
    "container": ("adamant.node.containers.run", "runs a container of the config"),
    "disk-key": ("adamant.node.disk_key.run", "finds the key of the disk by a tang server"),
    "debug": ("adamant.node.debug.task", "a debug session"),
    "emergency": ("adamant.node.emergency", "waits for recovery keys, where an encrypted disk is shut"),
    "healthy": ("adamant.node.healthy", "judges a release on trial"),
    "layer": ("adamant.node.config.layer", "lays the config's files over /etc"),
    "pause": ("adamant.node.pause", "lets a person read the console of a boot that has failed"),
    "reset": ("adamant.node.reset.boot", "wipes at boot what a reset asked for"),
    "secure-boot": ("adamant.node.secure_boot", "gives the firmware signed changes of its keys"),
    "task": ("adamant.node.tasks.run", "tasks of the agent, such as captures of packets"),
    "token-order": ("adamant.node.token_order", "has the disk opened by the key of the release that runs"),
    "update": ("adamant.node.update.run", "updates"),
    "volume": ("adamant.node.volumes.run", "mounts a volume of the config"),
}
"""What units start by the runner: the module by its name there, and what for."""

STARTED: dict[str, str] = {
    "adamant-agent.service": "the API",
    "adamant-boot-deadline.timer": "ends a release on trial that hangs",
    "adamant-healthy.service": "finds a release on trial good, or ends its boot",
    "adamant-later.timer": "what stands in LATER, and devices that no boot waits for",
    "adamant-config.service": "the machine's config",
    "adamant-arguments.service": "what the config adds to the kernel's command line",
    "adamant-etc.service": "what the config adds to /etc",
    "adamant-policy.service": "nobody mounts over /etc after what the config adds to it",
    "adamant-modules.service": "kernel modules that the config names",
    "adamant-boot-mark.service": "tells a shutdown from a crash",
    "adamant-attest.socket": "quotes of the TPM, which the agent may not open itself",
    "adamant-capture.socket": "captures of packets, which the agent may not make itself",
    "state.mount": "the machine's state",
    "systemd-networkd.service": "the network",
    "systemd-resolved.service": "names",
    "systemd-timesyncd.service": "the time",
}

RAM_ROOT: dict[str, str] = {
    "var.mount": "persistent data",
}
"""The same, where `/` is in RAM."""

DISK_ROOT: dict[str, str] = {
    "adamant-sysusers.service": "accounts that a new release brings, where /etc has its own list of them",
}
"""The same, where `/` is on disk."""

ENCRYPTED: dict[str, str] = {
    "adamant-encryption.socket": "keys of encrypted partitions, which the agent may not open itself",
}
"""The same, where state and var are encrypted."""

HOST_SHELL: dict[str, str] = {
    "getty@tty1.service": "the login at the screen",
    "ssh.service": "SSH",
}
"""The same, where a person may get a shell on the host."""

LATER: dict[str, str] = {
    "systemd-logind.service": "the power button, which nobody presses in that second",
    "systemd-random-seed.service": "adds to the kernel's random numbers, which wait for nothing but the kernel itself",
    "systemd-timesyncd.service": "the clock of the hardware is good until a server answers",
}
"""Units that start as soon as the machine is up, and not before: they take the processor from what a boot waits for."""

LATER_TARGET = "adamant-later.target"

OF_PACKAGES: dict[str, str] = {
    "systemd-timesyncd.service": "systemd-timesyncd",
}
"""Units of STARTED whose package an image may do without, because another of its packages does the same."""

NOT_STARTED: dict[str, str] = {
    "dev-hugepages.mount": "containers mount their own",
    "dev-mqueue.mount": "containers mount their own",
    "proc-sys-fs-binfmt_misc.automount": "interpreters for foreign programs: nothing on the host runs those",
    "run-lock.mount": "nothing here takes locks below /run/lock",
    "sys-fs-fuse-connections.mount": "control files of FUSE, which nothing reads",
    "sys-kernel-config.mount": "configfs, which nothing uses",
    "sys-kernel-debug.mount": "debugfs gives more of the kernel away than a machine needs",
    "sys-kernel-tracing.mount": "as debugfs",
    "systemd-ask-password-console.path": "nothing asks for a password",
    "systemd-ask-password-wall.path": "nothing asks for a password",
    "systemd-binfmt.service": "as its automount",
    "systemd-creds.socket": "credentials are made elsewhere",
    "systemd-hibernate-clear.service": "machines do not hibernate",
    "systemd-initctl.socket": "the control interface of System V",
    "systemd-network-generator.service": "networks of the kernel's command line",
    "systemd-networkd-wait-online.service": "nothing may wait for the network: the agent answers before it is there",
    "systemd-pcrlock.socket": "policies for the TPM, which nothing makes",
    "systemd-pcrextend.socket": "measures by a library that no image has",
    "systemd-pcrmachine.service": "the same; PCR 15 is nobody's here",
    "systemd-pcrphase-sysinit.service": "the same; PCR 11 stays what the stub of the UKI measured (ADR 0018)",
    "systemd-pcrphase.service": "the same",
    "systemd-repart.service": "adamant-repart.service in its place",
    "systemd-sysext.socket": "extensions come at boot",
    "systemd-tpm2-setup-early.service": "makes a storage key in the TPM, by the same library; nothing is sealed to one",
    "systemd-tpm2-setup.service": "the same",
    "systemd-tmpfiles-setup-dev-early.service": "systemd-tmpfiles-setup-dev.service does the same: accounts are there",
}

NO_LOGIN: dict[str, str] = {
    "systemd-user-sessions.service": "nobody logs in",
}
"""The same, in postures without a shell."""

NO_BUS: dict[str, str] = {
    "dbus-broker.service": "nothing asks services by a message bus",
    "dbus.socket": "the same",
    "systemd-logind.service": "nobody logs in, and the agent watches the power button",
}
"""The same, in postures without a message bus. Whoever wants one lists `dbus-broker` and starts `dbus.socket`."""

MASKED: dict[str, str] = {
    "modprobe@drm.service": "nobody sits at a screen",
    "modprobe@efi_pstore.service": "modules-load.d/adamant.conf has it, with one program for all",
    "systemd-networkd-persistent-storage.service": "leases of a DHCP server",
    "systemd-udev-load-credentials.service": "rules for devices come with the image",
}
"""The same, of units that other units ask for by name."""

GENERATORS: dict[str, str] = {
    "systemd-cryptsetup-generator": "disks of crypttab(5)",
    "systemd-fstab-generator": "/usr is mounted by the initrd, all else by units of ours",
    "systemd-gpt-auto-generator": "mounts what a partition table says; here, units do",
    "systemd-hibernate-resume-generator": "machines do not hibernate",
    "systemd-integritysetup-generator": "disks of integritytab(5)",
    "systemd-rc-local-generator": "/etc/rc.local",
    "systemd-run-generator": "commands of the kernel's command line",
    "systemd-system-update-generator": "updates by packages",
    "systemd-sysv-generator": "scripts of System V",
    "systemd-tpm2-generator": "waits for a TPM",
    "systemd-veritysetup-generator": "/usr is opened by the initrd",
}
"""Generators that are masked: each is a program to start, before the first unit."""


def file(path: str, data: bytes) -> Entry:
    """A file of root's, mode 0644, with `data`."""
    return Entry(path, Kind.FILE, 0o644, size=len(data), sha256=sha256(data), content=data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, Kind.SYMLINK, 0o777, target=target)


def _files_below(folder: Traversable, path: str) -> list[Entry]:
    found = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = f"{path}/{item.name}" if path else item.name
        if item.is_dir():
            found += _files_below(item, name)
        else:
            found.append(file(name, item.read_bytes()))
    return found


def _slots(slot_size: int) -> list[Entry]:
    """Definitions of both slots (repart.d(5)): the first, which the disk image has, stays as large as it is."""
    sizes = {"usr": slot_size, "usr-verity": verity_size(slot_size)}
    numbered = (
        (20, "usr", "usr-a"),
        (21, "usr-verity", "usr-a-verity"),
        (30, "usr", "usr-b"),
        (31, "usr-verity", "usr-b-verity"),
    )
    return [
        file(f"usr/lib/repart.d/{number}-{label}.conf", _partition(kind, label, sizes[kind]).encode())
        for number, kind, label in numbered
    ]


def _partition(kind: str, label: str, size: int) -> str:
    return f"[Partition]\nType={kind}\nLabel={label}\nSizeMinBytes={size}\nSizeMaxBytes={size}\n"


def _imported(source: bytes) -> set[str]:
    """Dotted names of ours that a module imports, anywhere in it; those of what is no module stand among them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "adamant"}


def agent_files() -> list[Entry]:
    """The sources of PROGRAMS and those that they import, directly or not: no other module of ours is on a machine.

    Collectors of resources stand in a table, by name.
    """
    package = resources.files(adamant)
    found: dict[str, Entry] = {}
    todo = [*(module for module, _ in PROGRAMS.values()), *sorted({kind.module for kind in KINDS.values()})]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        path = "/".join(name.split(".")[1:])
        for candidate in (f"{path}.py", f"{path}/__init__.py".lstrip("/")):
            source = package.joinpath(candidate)
            if source.is_file():
                data = source.read_bytes()
                found[candidate] = file(f"{PYTHON}/{candidate}", data)
                todo += sorted(_imported(data))
        if "." in name:
            todo.append(name.rpartition(".")[0])
    return [found[path] for path in sorted(found)]


def programs() -> dict[str, str]:
    """The path below / of each of PROGRAMS, by its name."""
    return {name: f"{PYTHON}/{'/'.join(module.split('.')[1:])}.py" for name, (module, _) in PROGRAMS.items()}


def house_files(
    posture: Posture, slot_size: int, encryption: Encryption | None = None, servers: Sequence[TangServer] = ()
) -> list[Entry]:
    """All files and links of Adamant for an image of `posture` whose slots have `slot_size` bytes.

    With `encryption`, the first boot makes state and var encrypted; `servers` are those of tang.

    Paths are relative to `/` and begin with `usr/` or `etc/`.
    """
    data = resources.files("adamant.node").joinpath("data")
    found = _files_below(data.joinpath("every"), "")
    found += _slots(slot_size)
    found += agent_files()
    found.append(file(FILE, f"{posture.value}\n".encode()))
    found += [link(f"etc/systemd/system-generators/{name}", "/dev/null") for name in sorted(GENERATORS)]
    found += [link(f"etc/systemd/system/{name}", "/dev/null") for name in sorted(MASKED)]
    found.append(link("etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target"))
    rules = RULES[posture]
    if rules.hardened:
        found.append(file("usr/lib/sysctl.d/60-adamant-hardening.conf", hardening.sysctls().encode()))
    found += _files_below(data.joinpath("disk-root" if rules.persistent_root else "ram-root"), "")
    found += _files_below(data.joinpath("shell" if rules.host_shell else "no-shell"), "")
    if encryption is not None:
        found.append(file(encryptions.FILE, f"{encryption.value}\n".encode()))
        if servers:
            found.append(file(encryptions.SERVERS, msgspec.json.encode(servers)))
        for tree in ("encrypted", *OPENINGS[encryption].trees):
            found += _files_below(data.joinpath(tree), "")
    if not rules.message_bus:
        found += _files_below(data.joinpath("no-bus"), "")
    if not rules.host_shell:
        found += [link(f"etc/systemd/system/{name}", "/dev/null") for name in ("debug-shell.service", "rescue.service")]
    return sorted(found, key=lambda entry: entry.path)


def switches(posture: Posture, packages: Collection[str], encryption: Encryption | None = None) -> list[Switch]:
    """Which units start and which do not in an image of `packages`, with the reason."""
    rules = RULES[posture]
    off = {
        **NOT_STARTED,
        **({} if rules.host_shell else NO_LOGIN),
        **({} if rules.message_bus else NO_BUS),
    }
    started = {
        **STARTED,
        **(DISK_ROOT if rules.persistent_root else RAM_ROOT),
        **(HOST_SHELL if rules.host_shell else {}),
        **(ENCRYPTED if encryption is not None else {}),
    }
    on = {unit: why for unit, why in started.items() if unit not in OF_PACKAGES or OF_PACKAGES[unit] in packages}
    return [Switch(unit, True, reason) for unit, reason in on.items()] + [
        Switch(unit, False, reason) for unit, reason in off.items()
    ]
