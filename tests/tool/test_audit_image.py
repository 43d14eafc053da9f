"""Breaches planted into real EROFS images, made and read by the tools tree: the rule of that name finds each."""

import hashlib
import json
import lzma
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from adamant.audit import image, report
from adamant.audit.report import Audit, Status
from adamant.audit.rules import RULES
from adamant.compose import entries
from adamant.image import erofs, verity
from adamant.model import hardening, manifest
from adamant.model.arch import Arch
from adamant.model.definition import Profile
from adamant.model.digest import Salt
from adamant.model.manifest import Artifact, ArtifactKind, Manifest
from adamant.model.posture import RULES as POSTURES
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.tools import ToolsTree
from tests.unit import image_maker as maker
from tests.unit.test_image_readers import signature

OPEN, GUARDED, SEALED = Posture
UUID_ = UUID("11111111-2222-3333-4444-555555555555")
SALT = Salt("5a" * 32)
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + bytes(300)
SIGNED = b"module~Module signature appended~\n"
STATUS = "Package: iproute2\nVersion: 6\nArchitecture: amd64\n"
WORDS = ["lockdown=integrity", "module.sig_enforce=1", *(argument.word for argument in hardening.ARGUMENTS)]


def sound(posture: Posture) -> Tree:
    """A small usr image that keeps the promises of its posture."""
    settings = "".join(f"{setting.name} = {setting.values[0]}\n" for setting in hardening.SETTINGS)
    options = ",".join(sorted(POSTURES[posture].var_flags))
    made = [
        entries.file("bin/ip", ELF, 0o755),
        entries.file("lib/adamant/run", ELF, 0o755),
        entries.file("lib/adamant/posture", f"{posture.value}\n"),
        entries.file("lib/dpkg/status", STATUS),
        entries.file("lib/sysctl.d/60.conf", settings),
        entries.file("lib/systemd/system/var.mount", f"[Mount]\nOptions={options}\n"),
        entries.file("lib/modules/6.1/kernel/a.ko.xz", lzma.compress(SIGNED)),
        entries.file("share/factory/etc/shadow", "root:!*:1::::::\n", 0o640, gid=42),
    ]
    found = {entry.path: entry for entry in made}
    return found | {entry.path: entry for entry in entries.parents(found, made)}


def build(
    folder: Path,
    usr: Tree,
    posture: Posture,
    tools: ToolsTree,
    words: list[str],
    more: Mapping[str, bytes] | None = None,
) -> Path:
    """A build's folder with this usr image and `more` sections in its UKI: everything but a disk."""
    folder.mkdir()
    usr = usr | {entry.path: entry for entry in entries.parents(usr, usr.values())}
    erofs.make_erofs(usr, Profile.DEV, UUID_, tools, folder / "usr.erofs")
    tree = verity.make_verity(folder / "usr.erofs", SALT, UUID_, tools, folder / "usr.verity")
    line = " ".join([f"adamant.usrhash={tree.root_hash}", *words])
    sections = {
        ".text": b"x",
        ".osrel": b"ID=adamant\n",
        ".cmdline": line.encode(),
        ".linux": b"kernel",
        ".uname": b"6",
    }
    (folder / "ex_1.efi").write_bytes(maker.efi({**sections, ".initrd": b"initrd", **(more or {})}))
    package = {"SPDXID": "SPDXRef-Package-iproute2", "name": "iproute2", "versionInfo": "6"}
    (folder / "sbom.spdx.json").write_text(json.dumps({"packages": [package]}))
    artifacts = []
    for kind, name in (
        (ArtifactKind.USR, "usr.erofs"),
        (ArtifactKind.VERITY, "usr.verity"),
        (ArtifactKind.UKI, "ex_1.efi"),
        (ArtifactKind.SBOM, "sbom.spdx.json"),
    ):
        data = (folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        artifacts.append(Artifact(kind, name, len(data), digest, digest))
    described = Manifest(
        name="ex",
        version="1",
        arch=Arch.AMD64,
        posture=posture,
        profile=Profile.DEV,
        kernel="6",
        command_line=line,
        root_hash=tree.root_hash,
        salt=SALT,
        data_blocks=tree.data_blocks,
        packages=1,
        artifacts=tuple(artifacts),
        steps={},
    )
    (folder / "manifest.json").write_bytes(manifest.encode(described))
    return folder


def audit(folder: Path, tools: ToolsTree) -> Audit:
    scratch = folder.parent / f"{folder.name}.scratch"
    scratch.mkdir()
    return report.of_image(image.read(folder, tools, scratch), RULES, {"boot-signed": "keys are another test's"})


def failed(found: Audit) -> set[str]:
    return {outcome.rule for outcome in found.outcomes if outcome.status is Status.FAILED}


@pytest.mark.parametrize("posture", list(Posture))
def test_a_sound_image_passes(tree: ToolsTree, tmp_path: Path, posture: Posture) -> None:
    found = audit(build(tmp_path / "ex", sound(posture), posture, tree, WORDS), tree)
    assert failed(found) == set()
    figures = {figure.name: figure.value for figure in found.figures}
    assert (figures["programs in /usr/bin and /usr/sbin"], figures["kernel modules"], figures["shells"]) == (1, 1, 0)


def plant(*more: Entry) -> Callable[[Tree], Tree]:
    return lambda usr: usr | {entry.path: entry for entry in more}


CAPABILITY = ("security.capability", bytes.fromhex("01000002") + (1 << 13).to_bytes(4, "little") + bytes(12))
GETTY = "share/factory/etc/systemd/system/getty.target.wants/getty@tty1.service"
PLANTED: Mapping[str, tuple[str, Posture, Callable[[Tree], Tree]]] = {
    "a setuid file": ("set-id", SEALED, plant(entries.file("bin/mount", ELF, 0o4755))),
    "a setgid file that is not known": ("set-id-known", GUARDED, plant(entries.file("bin/game", ELF, 0o2755))),
    "a file with capabilities": (
        "file-capabilities",
        GUARDED,
        plant(replace(entries.file("bin/ping", ELF, 0o755), xattrs=(CAPABILITY,))),
    ),
    "a shell": ("shells", GUARDED, plant(entries.file("bin/dash", ELF, 0o755))),
    "a shell by another name": (
        "shells",
        SEALED,
        plant(entries.file("lib/helper", ELF + b"OPTIND PS4 getopts", 0o644)),
    ),
    "an interpreter": ("interpreters", GUARDED, plant(entries.file("bin/perl", ELF, 0o755))),
    "a script": ("scripts", SEALED, plant(entries.file("bin/tool", "#!/usr/bin/ip\n", 0o755))),
    "a package manager": ("package-managers", GUARDED, plant(entries.file("bin/apt-get", ELF, 0o755))),
    "a compiler": ("development-tools", SEALED, plant(entries.file("bin/gcc-14", ELF, 0o755))),
    "a login program": ("login-programs", GUARDED, plant(entries.file("sbin/agetty", ELF, 0o755))),
    "an SSH server": ("remote-login", GUARDED, plant(entries.file("sbin/dropbear", ELF, 0o755))),
    "a login prompt at boot": (
        "login-units",
        SEALED,
        plant(entries.link(GETTY, "/usr/lib/systemd/system/getty@.service")),
    ),
    "an emergency shell": (
        "emergency-shell",
        GUARDED,
        plant(entries.file("lib/systemd/system/emergency.service", "[Service]\nExecStart=-/bin/sh\n")),
    ),
    "an unsigned module": (
        "modules-signed",
        GUARDED,
        plant(entries.file("lib/modules/6.1/kernel/b.ko.xz", lzma.compress(b"module"))),
    ),
    "a world-writable file": ("world-writable", OPEN, plant(entries.file("share/x", "x", 0o666))),
    "a world-writable folder": ("world-writable", GUARDED, plant(entries.directory("share/y", 0o1777))),
    "a file of somebody else": ("owner-root", GUARDED, plant(entries.file("share/x", "x", uid=1000))),
    "a private key": (
        "private-keys",
        GUARDED,
        plant(entries.file("share/k", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n")),
    ),
    "a password": ("passwords", OPEN, plant(entries.file("share/factory/etc/shadow", "root:$y$x$y:1::::::\n", 0o640))),
    "another posture": ("posture", SEALED, plant(entries.file("lib/adamant/posture", "open\n"))),
    "a package that the SBOM lacks": (
        "sbom",
        GUARDED,
        plant(entries.file("lib/dpkg/status", f"{STATUS}\nPackage: evil\nVersion: 1\n")),
    ),
    "/var without its flags": (
        "var-flags",
        SEALED,
        plant(entries.file("lib/systemd/system/var.mount", "[Mount]\nOptions=nodev\n")),
    ),
    "a setting in a later file": (
        "sysctl.kernel.sysrq",
        GUARDED,
        plant(entries.file("share/factory/etc/sysctl.d/99.conf", "kernel.sysrq = 1\n")),
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(tree: ToolsTree, tmp_path: Path, what: str) -> None:
    rule, posture, change = PLANTED[what]
    found = audit(build(tmp_path / "ex", change(sound(posture)), posture, tree, WORDS), tree)
    assert failed(found) == {rule}


def test_a_device_node_is_found_though_such_an_image_is_not_unpacked(tree: ToolsTree, tmp_path: Path) -> None:
    usr = plant(Entry("null", Kind.CHARACTER, 0o644, device=(1, 3)))(sound(GUARDED))
    found = audit(build(tmp_path / "ex", usr, GUARDED, tree, WORDS), tree)
    outcomes = {outcome.rule: outcome for outcome in found.outcomes}
    assert [breach.where for breach in outcomes["device-nodes"].breaches] == ["/usr/null"]
    assert "device nodes is not unpacked" in outcomes["shells"].breaches[0].message


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("lockdown", [word for word in WORDS if not word.startswith("lockdown")]),
        ("module-enforcement", [word for word in WORDS if not word.startswith("module.")]),
        ("kernel.slab_nomerge", [word for word in WORDS if word != "slab_nomerge"]),
        ("no-weakening", [*WORDS, "nokaslr"]),
        ("boot-words", [*WORDS, "init=/usr/bin/ip"]),
        ("root-hash", [*WORDS, f"adamant.usrhash={'00' * 32}"]),
    ],
)
def test_a_word_of_the_command_line_is_found(tree: ToolsTree, tmp_path: Path, rule: str, words: list[str]) -> None:
    found = failed(audit(build(tmp_path / "ex", sound(GUARDED), GUARDED, tree, words), tree))
    assert found - {"manifest"} == {rule}


def test_a_block_that_was_changed_is_found(tree: ToolsTree, tmp_path: Path) -> None:
    folder = build(tmp_path / "ex", sound(GUARDED), GUARDED, tree, WORDS)
    data = bytearray((folder / "usr.erofs").read_bytes())
    data[200] ^= 1  # before the superblock, where no file lies
    (folder / "usr.erofs").write_bytes(data)
    assert failed(audit(folder, tree)) == {"usr-verified", "manifest"}


def with_disk(folder: Path, esp: Mapping[str, bytes], usr: bytes, tree: bytes) -> None:
    """Add a disk image of these parts to the build."""
    disk = maker.disk(maker.fat32(esp), usr, tree)
    (folder / "disk.raw").write_bytes(disk)
    digest = hashlib.sha256(disk).hexdigest()
    artifact = Artifact(ArtifactKind.DISK, "disk.raw", len(disk), digest, digest)
    described = manifest.decode((folder / "manifest.json").read_bytes())
    changed = msgspec.structs.replace(described, artifacts=(*described.artifacts, artifact))
    (folder / "manifest.json").write_bytes(manifest.encode(changed))


@pytest.mark.parametrize(
    ("rules", "more"),
    [
        (set(), {}),
        ({"boot-menu"}, {"loader/loader.conf": b"timeout 0\n"}),
        ({"disk"}, {"EFI/Linux/other.efi": maker.uki("00" * 32)}),
        ({"disk"}, {"EFI/Linux/ex_1.efi.extra.d/more.raw": b"squashfs"}),
        ({"signature-current"}, {"EFI/BOOT/BOOTX64.EFI": maker.efi({".text": b"changed"}, (signature(bytes(32)),))}),
    ],
)
def test_the_disk_image_is_looked_at_too(
    tree: ToolsTree, tmp_path: Path, rules: set[str], more: Mapping[str, bytes]
) -> None:
    folder = build(tmp_path / "ex", sound(GUARDED), GUARDED, tree, WORDS)
    usr, verity_tree, uki = ((folder / name).read_bytes() for name in ("usr.erofs", "usr.verity", "ex_1.efi"))
    esp = {"loader/loader.conf": b"editor no\n", "EFI/Linux/ex_1.efi": uki}
    with_disk(folder, {**esp, **more}, usr, verity_tree)
    assert failed(audit(folder, tree)) == rules


def test_a_disk_image_with_another_usr_image_is_found(tree: ToolsTree, tmp_path: Path) -> None:
    folder = build(tmp_path / "ex", sound(GUARDED), GUARDED, tree, WORDS)
    esp = {"loader/loader.conf": b"editor no\n", "EFI/Linux/ex_1.efi": (folder / "ex_1.efi").read_bytes()}
    with_disk(folder, esp, maker.EROFS_PLAIN, maker.verity(maker.EROFS_PLAIN))
    found = audit(folder, tree)
    assert failed(found) == {"disk"}
    assert "not of this build" in str(found)


def test_a_uki_that_can_start_in_another_way_is_found(tree: ToolsTree, tmp_path: Path) -> None:
    folder = build(tmp_path / "ex", sound(GUARDED), GUARDED, tree, WORDS, {".profile": b"ID=other\n"})
    assert failed(audit(folder, tree)) == {"uki-sections"}
