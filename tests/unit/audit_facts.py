"""Facts of an image and of a node that keep every promise of their posture, for tests to break one at a time."""

from dataclasses import replace
from typing import Any

from adamant.audit import running
from adamant.audit.facts import (
    Contents,
    Held,
    ImageFacts,
    ImageUnit,
    KernelModule,
    Listening,
    LoadedModule,
    Mounted,
    NodeFacts,
    Program,
    Running,
    UnitState,
)
from adamant.model import hardening, kernel_line
from adamant.model.arch import Arch
from adamant.model.posture import RULES, Posture

ROOT = "ab" * 32
DAY = 86_400_000_000
NOW = 20_000 * DAY
LINE = " ".join(
    [
        "console=ttyS0",
        f"adamant.usrhash={ROOT}",
        "lockdown=integrity",
        "module.sig_enforce=1",
        *(argument.word for argument in hardening.ARGUMENTS),
    ]
)
SETTINGS = {setting.name: setting.values[0] for setting in hardening.SETTINGS}


def contents(posture: Posture = Posture.GUARDED) -> Contents:
    """Files of an image: the agent's runner, its units, one module."""
    return Contents(
        programs=(
            Program("lib/adamant/run"),
            Program("bin/ip"),
            Program("bin/pydoc3", "/usr/bin/perl", runs=False),
        ),
        aliases=(),
        units=(
            ImageUnit("adamant-agent.service", starts=True, masked=False, programs=("/usr/lib/adamant/run",)),
            ImageUnit("emergency.service", starts=False, masked=False, programs=("/usr/lib/adamant/run",)),
            ImageUnit("rescue.service", starts=False, masked=True, programs=("/usr/sbin/sulogin",)),
            ImageUnit("var.mount", starts=True, masked=False, options=RULES[posture].var_flags),
        ),
        modules=(KernelModule("lib/modules/6/kernel/a.ko.xz"),),
        kernel_config={},
        sysctls=dict(SETTINGS),
        private_keys=(),
        passwords=(),
        sshd={"passwordauthentication": "no", "kbdinteractiveauthentication": "no"},
        packages=frozenset({("ip", "1")}),
        posture=posture.value,
    )


def image(posture: Posture = Posture.GUARDED) -> ImageFacts:
    """An image that keeps every promise."""
    return ImageFacts(
        name="ex",
        version="1",
        arch=Arch.AMD64,
        posture=posture,
        problems=(),
        root_hash=ROOT,
        broken_blocks=0,
        uki_root_hash=ROOT,
        uki_sections=(".text", ".osrel", ".uname", ".cmdline", ".initrd", ".linux"),
        unsigned=(),
        outdated=(),
        disk_policy="",
        arguments=kernel_line.by_name(kernel_line.split(LINE)),
        disk=(),
        boot_menu_editor=False,
        files=7,
        set_id=(),
        capabilities=(),
        world_writable=(),
        devices=(),
        foreign=(),
        sbom=frozenset({("ip", "1")}),
        contents=contents(posture),
    )


def mounts(posture: Posture) -> tuple[Mounted, ...]:
    """What a machine of the posture mounts."""
    usual = frozenset({"nosuid", "nodev", "noexec"})
    rules = RULES[posture]
    return (
        Mounted("/", "ext4" if rules.persistent_root else "overlay", rules.persistent_root, frozenset()),
        Mounted("/etc", "overlay", rules.persistent_root, frozenset()),
        Mounted("/usr", "erofs", writable=False, options=frozenset()),
        Mounted("/var", "ext4", writable=True, options=rules.var_flags),
        Mounted("/state", "ext4", writable=True, options=usual),
        Mounted("/run", "tmpfs", writable=True, options=usual),
        Mounted("/tmp", "tmpfs", writable=True, options=usual),
        Mounted("/dev", "devtmpfs", writable=True, options=frozenset({"nosuid"})),
        Mounted("/proc", "proc", writable=True, options=usual),
        Mounted("/run/containerd/x/rootfs", "overlay", writable=True, options=frozenset()),
    )


def node(posture: Posture = Posture.GUARDED) -> NodeFacts:
    """A node that keeps every promise."""
    return NodeFacts(
        name="m1",
        posture=posture,
        arch=Arch.AMD64,
        now_usec=NOW,
        untold={},
        root_hash=ROOT,
        verity="verified",
        secure_boot="enabled",
        arguments=kernel_line.by_name(kernel_line.split(LINE)),
        protections={"lockdown": "integrity", "module-signatures": "enforced", "taint": "", "kernel-config": ""},
        kernel_config={},
        mounts=mounts(posture),
        listening=(
            Listening("tcp", "0.0.0.0", 4510, "adamant-agent.service"),
            Listening("udp", "10.0.2.15", 68, "systemd-networkd.service"),
            Listening("udp", "127.0.0.53", 53, "systemd-resolved.service"),
            Listening("tcp", "::1", 9, ""),
            Listening("tcp", "::", 80, "web.service"),
            Listening("tcp", "::", 81, "adamant-shop.scope"),
        ),
        processes=(
            Running(1, "systemd", "root", "init.scope", running.GRAVE),
            Running(9, "kmod", "root", "systemd-udevd.service", frozenset({"CAP_SYS_MODULE"})),
            Running(20, "python3", "root", "adamant-agent.service", frozenset({"CAP_SYS_ADMIN"})),
            Running(30, "shop", "root", "adamant-shop.scope", frozenset({"CAP_CHOWN"})),
        ),
        units=(
            UnitState("adamant-agent.service", "active", wanted=True),
            UnitState("web.service", "active", wanted=True),
            UnitState("adamant-container@shop.service", "active", wanted=True),
        ),
        sysctls=dict(SETTINGS),
        modules=(LoadedModule("overlay", signed=True, file="kernel/fs/overlayfs/overlay.ko.xz"),),
        certificates=(
            Held("node", NOW - DAY, NOW + 364 * DAY, authority=False),
            Held("authority", NOW - DAY, NOW + 3000 * DAY, authority=True),
        ),
        failing=(),
        drift=(),
        packages=3,
    )


def changed(facts: NodeFacts, field: str, value: Any) -> NodeFacts:
    """The facts with another value of one field."""
    return replace(facts, **{field: value})
