"""What every image holds besides the packages that a person lists, and what every build needs as tools.

Owns the tables of names with their reasons; which versions these are is for the lock to say. Every name here exists
in trixie. It must not import apt: a table needs no network.
"""

from adamant.model.arch import NAMES, Arch
from adamant.model.definition import Image, KernelFlavour
from adamant.model.encryption import Encryption
from adamant.model.posture import RULES, Posture

BASE: dict[str, str] = {
    "base-files": "directories, os-release and profile of Debian",
    "base-passwd": "master files of the fixed accounts and groups",
    "ca-certificates": "the certificates that containerd and the agent trust",
    "dbus-broker": "the message bus that systemd's services answer on",
    "e2fsprogs": "makes and checks the state and var file systems (systemd-repart starts mke2fs)",
    "kmod": "loads kernel modules for udev and systemd",
    "libpython3.13": "the interpreter as a library, which the agent's runner is linked with",
    "libc-bin": "nsswitch.conf, and the loader's tools",
    "libzstd1": "unpacks patches to releases (kmod needs it too)",
    "mount": "mount and umount, which systemd starts for file systems with helpers",
    "openssl": "makes the node's key, in a process that ends (ca-certificates needs it too)",
    "python3": "the interpreter of the agent",
    "python3-grpcio": "gRPC: the API of the node",
    "python3-jeepney": "D-Bus in Python: the agent asks systemd",
    "python3-msgspec": "documents of the agent, decoded strictly",
    "python3-protobuf": "messages of the API",
    "python3-tuf": "trust in updates; it verifies Ed25519 by itself",
    "systemd": "PID 1, networkd, journald and the credentials",
    "systemd-boot-efi": "the boot menu that counts tries, and the stub of the UKI",
    "systemd-repart": "makes the state and var partitions at the first boot",
    "systemd-resolved": "name resolution",
    "systemd-sysv": "/usr/sbin/init, poweroff and reboot as links to systemd",
    "systemd-timesyncd": "the time, without which no certificate is valid",
    "udev": "devices and their names",
    "util-linux": "agetty, fsck, losetup and other parts that systemd's units start",
}
"""Packages of every image. The kernel comes from KERNELS."""

ROOT_ON_DISK: dict[str, str] = {
    "e2fsck-static": "checks the file system of / in the initrd, where there are no libraries",
}
"""The same, where `/` is on disk."""

ENCRYPTED: dict[str, str] = {
    "systemd-cryptsetup": "opens encrypted partitions, and changes which keys do",
}
"""The same, where state and var are encrypted."""

TPM_LIBRARIES: dict[str, str] = {
    "libtss2-esys-3.0.2-0t64": "speaks to the TPM for systemd, which loads it and the next three by name",
    "libtss2-mu-4.0.1-0t64": "the same: its messages",
    "libtss2-rc0t64": "the same: what its errors mean",
    "libtss2-tcti-device0t64": "the same: the device",
}
"""The same, where a TPM opens them."""
ENCRYPTED_PROGRAMS = ("dmsetup", "systemd-cryptsetup")
"""Packages whose programs such an image keeps in each posture: rules of udev start the first, units the second."""

HOST_SHELL: dict[str, str] = {
    "bash": "the shell of a person",
    "bsdextrautils": "column, hexdump and others that people pipe things into",
    "coreutils": "ls, cp, cat and the rest of what a shell is used with",
    "dash": "sh, by which programs start others",
    "diffutils": "diff and cmp",
    "findutils": "find and xargs",
    "grep": "grep",
    "gzip": "packs and unpacks files",
    "hostname": "the name of the machine, as scripts ask for it",
    "iproute2": "ip and ss",
    "iputils-ping": "ping",
    "less": "a pager, which journalctl and systemctl start",
    "libnss-systemd": "the users of the config, as all programs look them up",
    "login": "the login at the console",
    "ncurses-base": "what terminals can do",
    "openssh-server": "SSH with keys",
    "passwd": "local users: useradd and passwd",
    "procps": "ps, top, free",
    "sed": "sed",
    "sudo": "the rights of root for those in its group",
    "tar": "archives",
    "vim-tiny": "an editor",
}
"""The same, where a person may get a shell on the host."""

STAND_INS: dict[str, frozenset[str]] = {
    "systemd-timesyncd": frozenset({"chrony", "ntpsec", "openntpd"}),
}
"""Packages of the base that stay away when the definition lists one that does the same and conflicts with them."""

KERNELS: dict[tuple[Arch, KernelFlavour], str] = {
    (Arch.AMD64, KernelFlavour.CLOUD): "linux-image-cloud-amd64",
    (Arch.AMD64, KernelFlavour.GENERIC): "linux-image-amd64",
    (Arch.ARM64, KernelFlavour.CLOUD): "linux-image-cloud-arm64",
    (Arch.ARM64, KernelFlavour.GENERIC): "linux-image-arm64",
}
"""Debian's metapackage of each kernel: the solve says which kernel that is."""

PROVIDED: dict[str, str] = {
    "cdebconf": "as debconf-2.0: some packages name it as the alternative",
    "debconf-2.0": "no maintainer script runs, so none asks a question",
    "dpkg (= 1.22.22)": "packages are unpacked here and never installed; the status for scanners is written by compose",
    "linux-initramfs-tool": "the initrd is Adamant's own",
}
"""What Adamant does itself, told to the solver as the Provides of an installed package, so that dependencies on it
draw nothing into an image. A package that a person lists by name is solved all the same."""

TOOLS: dict[str, str] = {
    "apparmor": "apparmor_parser, which compiles the policy of mandatory access control",
    "binutils": "as, ld and objcopy",
    "bubblewrap": "the sandbox in which a maintainer script is recorded",
    "cryptsetup-bin": "veritysetup",
    "dosfstools": "mkfs.fat for the ESP",
    "e2fsprogs": "mke2fs and debugfs",
    "erofs-utils": "mkfs.erofs and fsck.erofs",
    "fdisk": "sfdisk, which checks our partition tables in tests",
    "kmod": "depmod",
    "libc-bin": "the locale C.UTF-8, without which that of the host is read",
    "mtools": "copies files into the ESP without mounting it",
    "openssl": "reads certificates and keys",
    "pkcs11-provider": "lets OpenSSL sign with a key on a token",
    "protobuf-compiler": "protoc makes the API's messages",
    "python3": "runs ukify and virt-fw-vars",
    "python3-cryptography": "ukify signs and virt-fw-vars reads certificates with it",
    "python3-pefile": "ukify reads the stub with it",
    "python3-virt-firmware": "virt-fw-vars enrols Secure Boot keys in a machine's firmware",
    "qemu-utils": "qemu-img writes qcow2",
    "sbsigntool": "sbsign and sbverify",
    "softhsm2": "a token in software, on which tests sign",
    "squashfs-tools": "mksquashfs for extensions",
    "swtpm": "the TPM of a machine on this computer",
    "swtpm-tools": "swtpm_setup",
    "systemd": "systemd-hwdb's and journalctl's data tools, systemctl for presets",
    "systemd-boot-efi": "the UKI's stub and sd-boot, as the tools for both know them",
    "systemd-boot-tools": "systemd-sbsign and bootctl",
    "systemd-repart": "systemd-repart on disk images in tests",
    "systemd-ukify": "makes the UKI",
    "udev": "systemd-hwdb",
    "zstd": "compresses the initrd",
}
"""Tools for every target."""

EMULATORS: dict[Arch, dict[str, str]] = {
    Arch.AMD64: {
        "ovmf": "UEFI firmware of an amd64 machine, with and without Secure Boot",
        "qemu-system-x86": "runs amd64 machines",
    },
    Arch.ARM64: {
        "qemu-efi-aarch64": "UEFI firmware of an arm64 machine",
        "qemu-system-arm": "runs arm64 machines",
    },
}
"""Tools by target."""

TARGET_FILES: dict[str, str] = {
    "musl-dev": "a C library for the initrd's static program",
}
"""Development files of the target's architecture, unpacked below `target/` of the tools tree. Their dependencies are
not wanted: nothing of them is executed."""


def base_of(posture: Posture) -> dict[str, str]:
    """Packages of every image of a posture, with their reasons."""
    rules = RULES[posture]
    return {
        **BASE,
        **(ROOT_ON_DISK if rules.persistent_root else {}),
        **(HOST_SHELL if rules.host_shell else {}),
    }


def image_request(image: Image) -> list[str]:
    """Names of all packages that an image asks for, sorted: the base of its posture, its kernel, what is listed."""
    listed = set(image.packages)
    wanted = {
        *base_of(image.posture),
        *(ENCRYPTED if image.disk.encryption else {}),
        *(TPM_LIBRARIES if image.disk.encryption is Encryption.TPM else {}),
    }
    base = {name for name in wanted if not STAND_INS.get(name, frozenset()) & listed}
    kernel = set() if image.kernel.own else {KERNELS[image.arch, image.kernel.flavour]}
    return sorted({*base, *kernel, *listed})


def tools_request(host: Arch, target: Arch) -> list[str]:
    """Names of the tools, sorted, for builds on `host` for `target`.

    The C compiler proper (cc1) and binutils are those that make code for the target.
    """
    triplet = NAMES[target].triplet.replace("_", "-")
    compiler = [f"cpp-14-{triplet}", f"binutils-{triplet}"]
    emulators = {*EMULATORS[host], *EMULATORS[target]}
    return sorted({*TOOLS, *emulators, *compiler})


def target_tools_request() -> list[str]:
    """Names of the target's development files, sorted."""
    return sorted(TARGET_FILES)
