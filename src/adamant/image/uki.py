"""The UKI: kernel, initrd, command line and os-release in one EFI program, which one signature covers.

Made by ukify out of the tools tree around the stub of the image's own systemd-boot-efi. The command line holds the root
hash of the usr image, so that a UKI starts exactly one usr image. Unsigned UKIs of equal parts are equal bytes.
Format: UAPI Group, "Unified Kernel Image". Imports model, core and packages.tools.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adamant.core import files, limits, proc
from adamant.model import boot_loader, hardening
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import RootHash
from adamant.model.errors import InputError
from adamant.model.posture import RULES, Lockdown, Posture, Rules
from adamant.packages.tools import ToolsTree

CONSOLES: dict[Arch, tuple[str, ...]] = {
    Arch.AMD64: ("console=tty0", "console=ttyS0,115200"),
    Arch.ARM64: ("console=tty0", "console=ttyAMA0,115200"),
}
"""A screen, and the serial line of virtual machines and servers, which is the one that PID 1 writes to."""

SECURITY_MODULES = "landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor,ipe"
"""Those of Debian's kernel that do something here. `bpf` joins them where a unit sets RestrictFileSystems=: for that
PID 1 reads all types of the kernel (5 MB) and loads a program, before it starts the first unit."""

OWN_ARGUMENTS: dict[str, str] = {
    "loglevel=6": "notices and worse on the console; a serial line is slow, and the journal keeps the rest",
    "panic=10": "a panic reboots, after the time it takes to read it; sd-boot has counted the try",
    "systemd.gpt_auto=0": "nothing is mounted because a partition table says so",
    "systemd.machine_id=firmware": "the machine's identity comes from its firmware: /etc is read-only and keeps none",
}
USRHASH = "adamant.usrhash="
"""Not `usrhash=`: systemd's generators read that, and wait for a device of their own."""
ROOT = "adamant.root="
"""`adamant.root=disk` has the initrd take `/` from the disk; without it `/` is in RAM."""
_RESERVED = (USRHASH, ROOT)


@dataclass(frozen=True, slots=True)
class UkiParts:
    """What a UKI is made of. `release` is what `uname -r` prints; `stub` is linuxx64.efi.stub of the target.

    `pcr_public` (PEM) and `pcr_signature` (image/pcr_signature.py) go with an encrypted disk: the stub hands both to
    the initrd, and measures the first. `loader_signature` is that of the boot loader, which a machine attaches to the
    one in its usr image.
    """

    arch: Arch
    release: str
    kernel: Path
    initrd: Path
    stub: Path
    command_line: str
    os_release: Path
    pcr_public: Path | None = None
    pcr_signature: Path | None = None
    loader_signature: Path | None = None


def stub_path(arch: Arch) -> str:
    """Where Debian's systemd-boot-efi has the stub, in the image's tree."""
    return f"usr/lib/systemd/boot/efi/linux{NAMES[arch].efi}.efi.stub"


def command_line(
    arch: Arch,
    root_hash: RootHash,
    arguments: Sequence[str],
    posture: Posture,
    *,
    bpf: bool = False,
) -> str:
    """The kernel command line: consoles, our own arguments, the root hash, and those of the definition.

    `posture` says where `/` is, and may add the words of a hardened kernel (model/hardening.py), but for what the
    definition makes stronger. `bpf` says that a unit of the image needs the security module of that name. An `lsm=` of
    the definition counts more.
    Raises InputError when an argument would set what the build sets, or the line gets too long.
    """
    for index, argument in enumerate(arguments):
        reserved = next((name for name in _RESERVED if argument.startswith(name)), None)
        if reserved is not None:
            raise InputError(
                "kernel-argument-reserved",
                f"{reserved} is set by the build",
                context=f"$.kernel.arguments[{index}]",
                hint="remove it",
            )
    modules = f"lsm={SECURITY_MODULES}{',bpf' if bpf else ''}"
    rules = RULES[posture]
    words = _hardening(arch, rules, arguments)
    own = [f"{USRHASH}{root_hash}", *([f"{ROOT}disk"] if rules.persistent_root else [])]
    line = " ".join([*CONSOLES[arch], *OWN_ARGUMENTS, *words, modules, *own, *arguments])
    if len(line) >= limits.KERNEL_COMMAND_LINE:
        raise InputError(
            "kernel-arguments-too-long",
            f"the kernel command line has {len(line)} characters",
            context="$.kernel.arguments",
            hint=f"the kernel takes {limits.KERNEL_COMMAND_LINE - 1}",
        )
    return line


def _hardening(arch: Arch, rules: Rules, arguments: Sequence[str]) -> list[str]:
    """The words of a hardened kernel that `arguments` do not say themselves.

    Raises InputError (`kernel-argument-weakens`) for one of them that would undo a word.
    """
    good = {argument.name: argument.values for argument in hardening.ARGUMENTS if rules.hardened}
    own = {word.partition("=")[0]: word for word in hardening.words(arch) if rules.hardened}
    if rules.lockdown is not Lockdown.NONE:
        good["lockdown"] = tuple(level.value for level in Lockdown if level.reaches(rules.lockdown))
        own["lockdown"] = f"lockdown={rules.lockdown}"
    if rules.signed_modules:
        good["module.sig_enforce"], own["module.sig_enforce"] = ("1",), "module.sig_enforce=1"
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        weak = name in good and value not in good[name]
        if weak or (rules.hardened and hardening.weakening({name: (value,)})):
            raise InputError(
                "kernel-argument-weakens",
                f"{argument} would take a protection from the kernel that the posture promises",
                context=f"$.kernel.arguments[{index}]",
                hint="remove it, or choose the posture open",
            )
    said = {argument.partition("=")[0] for argument in arguments}
    return [word for name, word in own.items() if name not in said]


def make_uki(parts: UkiParts, tools: ToolsTree, out: Path) -> None:
    """Write the unsigned UKI to `out`, which must not exist."""
    with files.work_folder(out.parent, "uki") as work:
        line = work / "cmdline"
        line.write_text(parts.command_line, encoding="ascii")
        arguments = [
            "build",
            f"--linux={parts.kernel}",
            f"--initrd={parts.initrd}",
            f"--cmdline=@{line}",
            f"--os-release=@{parts.os_release}",
            f"--uname={parts.release}",
            f"--stub={parts.stub}",
            f"--efi-arch={NAMES[parts.arch].efi}",
            f"--output={out}",
        ]
        if parts.pcr_public is not None:
            arguments.append(f"--pcrpkey={parts.pcr_public}")
        if parts.pcr_signature is not None:
            arguments.append(f"--section=.pcrsig:@{parts.pcr_signature}")
        if parts.loader_signature is not None:
            arguments.append(f"--section={boot_loader.SIGNATURE}:@{parts.loader_signature}")
        proc.run("make the UKI", tools.argv("ukify", *arguments), environment=tools.environment)
    out.chmod(0o644)
