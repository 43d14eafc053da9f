"""Each rule of the audit fails for what it names, and no other rule fails with it."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from adamant.audit import report, running
from adamant.audit.facts import (
    Alias,
    Differing,
    Held,
    ImageFacts,
    ImageUnit,
    KernelModule,
    Listening,
    LoadedModule,
    Mounted,
    NodeFacts,
    Placed,
    Program,
    Running,
    UnitState,
)
from adamant.audit.report import Audit, Status
from adamant.audit.rules import BY_ID, RULES
from adamant.model import hardening
from adamant.model.arch import Arch
from adamant.model.posture import RULES as POSTURES
from adamant.model.posture import Posture
from tests.unit import audit_facts as made

OPEN, GUARDED, SEALED = Posture


def image_audit(facts: ImageFacts) -> Audit:
    return report.of_image(facts, RULES, {})


def node_audit(facts: NodeFacts) -> Audit:
    return report.of_node(facts, RULES, {})


def failed(audit: Audit) -> set[str]:
    return {outcome.rule for outcome in audit.outcomes if outcome.status is Status.FAILED}


def of_contents(**changes: Any) -> Callable[[ImageFacts], ImageFacts]:
    def change(facts: ImageFacts) -> ImageFacts:
        assert facts.contents is not None
        return replace(facts, contents=replace(facts.contents, **changes))

    return change


def more(name: str, item: Any) -> Callable[[ImageFacts], ImageFacts]:
    """One more in a tuple of the contents."""

    def change(facts: ImageFacts) -> ImageFacts:
        assert facts.contents is not None
        return of_contents(**{name: (*getattr(facts.contents, name), item)})(facts)

    return change


def of(**changes: Any) -> Callable[[Any], Any]:
    return lambda facts: replace(facts, **changes)


def also(name: str, item: Any) -> Callable[[Any], Any]:
    return lambda facts: replace(facts, **{name: (*getattr(facts, name), item)})


def argument(name: str, *values: str) -> Callable[[Any], Any]:
    return lambda facts: replace(facts, arguments={**facts.arguments, name: values})


def without(name: str) -> Callable[[Any], Any]:
    key = name.replace("-", "_")
    return lambda facts: replace(facts, arguments={k: v for k, v in facts.arguments.items() if k != key})


def remounted(where: str, **changes: Any) -> Callable[[NodeFacts], NodeFacts]:
    def change(facts: NodeFacts) -> NodeFacts:
        found = tuple(replace(m, **changes) if m.where == where else m for m in facts.mounts or ())
        return replace(facts, mounts=found)

    return change


def protection(name: str, state: str) -> Callable[[NodeFacts], NodeFacts]:
    return lambda facts: replace(facts, protections={**(facts.protections or {}), name: state})


SET_ID = (Placed("bin/odd", "mode 4755"),)
USUAL = frozenset({"nosuid", "nodev", "noexec"})

IMAGES: list[tuple[str, Posture, Callable[[ImageFacts], ImageFacts]]] = [
    ("usr-verified", GUARDED, of(broken_blocks=1)),
    ("root-hash", GUARDED, of(uki_root_hash="cd" * 32)),
    ("root-hash", OPEN, of(uki_root_hash="")),
    ("boot-signed", SEALED, of(unsigned=("EFI/BOOT/BOOTX64.EFI",))),
    ("uki-sections", GUARDED, also("uki_sections", ".cmdline")),
    ("uki-sections", OPEN, also("uki_sections", ".profile")),
    ("uki-sections", OPEN, of(uki_sections=())),
    ("disk", GUARDED, of(disk=(Placed("EFI/Linux/b.efi", "this UKI is not that of the build"),))),
    ("signature-current", GUARDED, of(outdated=("ex.efi",))),
    ("disk-policy", GUARDED, of(disk_policy="its section .pcrsig is missing")),
    ("boot-menu", GUARDED, of(boot_menu_editor=True)),
    ("boot-words", GUARDED, argument("init", "/bin/sh")),
    ("boot-words", GUARDED, argument("single", "")),
    ("boot-words", SEALED, argument("systemd.unit", "rescue.target")),
    ("boot-words", SEALED, argument("systemd.debug_shell", "1")),
    ("var-flags", SEALED, of_contents(units=(ImageUnit("var.mount", True, False, (), frozenset({"nodev"})),))),
    ("var-flags", GUARDED, of_contents(units=())),
    ("set-id", SEALED, of(set_id=(Placed("bin/mount", "mode 4755"),))),
    ("set-id-known", GUARDED, of(set_id=SET_ID)),
    ("set-id-known", OPEN, of(set_id=SET_ID)),
    ("file-capabilities", GUARDED, of(capabilities=(Placed("bin/ping", "CAP_NET_RAW"),))),
    ("world-writable", OPEN, of(world_writable=(Placed("share/x", "mode 0666"),))),
    ("device-nodes", GUARDED, of(devices=(Placed("null", "character"),))),
    ("owner-root", GUARDED, of(foreign=(Placed("share/x", "user 7"),))),
    ("shells", GUARDED, more("programs", Program("bin/dash"))),
    ("shells", GUARDED, more("programs", Program("lib/innocent", is_shell=True))),
    ("shells", SEALED, more("aliases", Alias("bin/sh", "bin/ip"))),
    ("interpreters", GUARDED, more("programs", Program("bin/perl5.40.1"))),
    ("interpreters", SEALED, more("aliases", Alias("bin/awk", "bin/ip"))),
    ("scripts", SEALED, more("programs", Program("bin/tool", "/usr/bin/python3"))),
    ("package-managers", GUARDED, more("programs", Program("bin/dpkg"))),
    ("package-managers", GUARDED, more("programs", Program("bin/pip3", "/usr/bin/python3"))),
    ("development-tools", GUARDED, more("programs", Program("bin/x86_64-linux-gnu-gcc-14"))),
    ("login-programs", SEALED, more("programs", Program("sbin/agetty"))),
    ("remote-login", GUARDED, more("programs", Program("sbin/sshd"))),
    ("login-units", GUARDED, more("units", ImageUnit("getty@tty1.service", starts=True, masked=False))),
    (
        "emergency-shell",
        GUARDED,
        more("units", ImageUnit("debug-shell.service", starts=False, masked=False, programs=("/bin/sh",))),
    ),
    ("ssh-keys", OPEN, of_contents(sshd={})),
    ("ssh-keys", OPEN, of_contents(sshd={**(made.contents().sshd or {}), "permitrootlogin": "yes"})),
    ("passwords", OPEN, of_contents(passwords=("root",))),
    ("private-keys", GUARDED, of_contents(private_keys=("share/ssl/key.pem",))),
    ("lockdown", GUARDED, without("lockdown")),
    ("lockdown", SEALED, argument("lockdown", "none")),
    ("lockdown", GUARDED, argument("lsm", "yama,apparmor")),
    ("module-enforcement", GUARDED, without("module.sig_enforce")),
    ("modules-signed", SEALED, more("modules", KernelModule("lib/modules/6/b.ko", "it is not signed"))),
    ("no-weakening", OPEN, argument("mitigations", "off")),
    ("manifest", GUARDED, of(problems=(Placed("artifact-differs", "ex.efi is not it"),))),
    ("posture", GUARDED, of_contents(posture="open")),
    ("sbom", GUARDED, of(sbom=None)),
    ("sbom", OPEN, of(sbom=frozenset({("ip", "1"), ("more", "2")}))),
    ("sbom", GUARDED, of_contents(packages=frozenset({("ip", "1"), ("more", "2")}))),
    *((f"kernel.{a.name}", GUARDED, without(a.name)) for a in hardening.ARGUMENTS),
    *((f"sysctl.{s.name}", SEALED, of_contents(sysctls={**made.SETTINGS, s.name: "77"})) for s in hardening.SETTINGS),
]

NODES: list[tuple[str, Posture, Callable[[NodeFacts], NodeFacts]]] = [
    ("usr-verified", OPEN, of(verity="corrupted")),
    ("root-hash", GUARDED, of(root_hash="cd" * 32)),
    ("root-hash", GUARDED, without("adamant.usrhash")),
    ("boot-signed", SEALED, of(secure_boot="disabled")),
    ("boot-words", GUARDED, argument("rd.break", "")),
    ("usr-read-only", OPEN, remounted("/usr", writable=True, options=USUAL)),
    ("usr-read-only", GUARDED, also("mounts", Mounted("/usr/bin", "tmpfs", True, frozenset()))),
    ("root-read-only", GUARDED, remounted("/", writable=True)),
    ("root-read-only", SEALED, remounted("/etc", writable=True)),
    ("usr-read-only", OPEN, also("mounts", Mounted("/usr/local", "tmpfs", True, USUAL))),
    ("root-read-only", GUARDED, lambda f: replace(f, mounts=tuple(m for m in f.mounts or () if m.where != "/etc"))),
    ("writable-places", GUARDED, also("mounts", Mounted("/srv", "ext4", True, USUAL))),
    ("writable-places", SEALED, also("mounts", Mounted("/sys/kernel/debug", "debugfs", True, USUAL))),
    ("mount-flags", GUARDED, also("mounts", Mounted("/run/x", "tmpfs", True, frozenset({"nodev"})))),
    ("mount-flags", OPEN, also("mounts", Mounted("/srv", "ext4", True, frozenset({"nosuid"})))),
    ("memory-noexec", GUARDED, remounted("/tmp", options=frozenset({"nosuid", "nodev"}))),
    ("var-flags", SEALED, remounted("/var", options=frozenset({"nodev"}))),
    ("var-flags", GUARDED, lambda f: replace(f, mounts=tuple(m for m in f.mounts or () if m.where != "/var"))),
    ("login-units", GUARDED, also("units", UnitState("serial-getty@ttyS0.service", "active", wanted=False))),
    ("certificates", GUARDED, of(certificates=(Held("node", 0, made.NOW - 1, authority=True),))),
    ("certificates", GUARDED, of(certificates=(Held("node", 0, made.NOW + 9 * made.DAY, authority=True),))),
    (
        "certificates",
        OPEN,
        of(certificates=(Held("node", made.NOW + made.DAY, made.NOW + 99 * made.DAY, authority=False),)),
    ),
    (
        "certificate-age",
        GUARDED,
        of(certificates=(Held("node", made.NOW, made.NOW + 399 * made.DAY, authority=False),)),
    ),
    ("lockdown", GUARDED, protection("lockdown", "none")),
    ("lockdown", SEALED, protection("lockdown", "")),
    ("module-enforcement", GUARDED, protection("module-signatures", "allowed")),
    ("modules-signed", GUARDED, also("modules", LoadedModule("evil", signed=False, file="kernel/evil.ko"))),
    ("modules-of-image", SEALED, also("modules", LoadedModule("evil", signed=True, file=""))),
    ("taint", GUARDED, protection("taint", "WO")),
    ("no-weakening", OPEN, argument("nokaslr", "")),
    ("listening", GUARDED, also("listening", Listening("tcp", "0.0.0.0", 4444, ""))),
    ("listening", GUARDED, also("listening", Listening("tcp", "0.0.0.0", 22, "adamant-agent.service"))),
    ("listening", OPEN, also("listening", Listening("udp", "::", 53, "systemd-resolved.service"))),
    ("listening", GUARDED, also("listening", Listening("tcp", "::", 80, "stray.service"))),
    ("listening", GUARDED, also("listening", Listening("tcp", "::", 80, "adamant-stray.scope"))),
    (
        "capabilities",
        GUARDED,
        also("processes", Running(5, "x", "root", "web.service", frozenset({"CAP_SYS_MODULE"}))),
    ),
    (
        "capabilities",
        SEALED,
        also("processes", Running(5, "x", "root", "systemd-logind.service", frozenset({"CAP_SYS_BOOT"}))),
    ),
    (
        "privileged-containers",
        GUARDED,
        also("processes", Running(6, "x", "root", "adamant-shop.scope", frozenset({"CAP_SYS_ADMIN"}))),
    ),
    ("units-failed", OPEN, also("units", UnitState("web2.service", "failed", wanted=True, reason="it failed: oom"))),
    ("health", GUARDED, of(failing=(Differing("time", "not set"),))),
    ("drift", GUARDED, of(drift=(Differing("sysctl vm.x", "asks for 1"),))),
    *((f"kernel.{a.name}", GUARDED, without(a.name)) for a in hardening.ARGUMENTS),
    *((f"sysctl.{s.name}", SEALED, of(sysctls={**made.SETTINGS, s.name: "77"})) for s in hardening.SETTINGS),
]


@pytest.mark.parametrize("posture", list(Posture))
def test_what_keeps_every_promise_passes(posture: Posture) -> None:
    assert failed(image_audit(made.image(posture))) == set()
    assert failed(node_audit(made.node(posture))) == set()


def test_a_module_of_ones_own_that_the_image_brings_is_of_the_release() -> None:
    own = LoadedModule("mine", signed=True, file="updates/mine/mine.ko", foreign=True)
    plant = protection("taint", "O")
    assert failed(node_audit(also("modules", own)(plant(made.node(SEALED))))) == set()
    stray = replace(own, file="")
    assert failed(node_audit(also("modules", stray)(plant(made.node(SEALED))))) == {"taint", "modules-of-image"}
    forced = protection("taint", "FO")
    assert failed(node_audit(also("modules", own)(forced(made.node(SEALED))))) == {"taint"}


@pytest.mark.parametrize(("rule", "posture", "plant"), IMAGES)
def test_a_planted_breach_of_an_image_fails_its_rule_and_no_other(
    rule: str, posture: Posture, plant: Callable[[ImageFacts], ImageFacts]
) -> None:
    audit = image_audit(plant(made.image(posture)))
    assert failed(audit) == {rule}
    assert audit.failed


@pytest.mark.parametrize(("rule", "posture", "plant"), NODES)
def test_a_planted_breach_of_a_node_fails_its_rule_and_no_other(
    rule: str, posture: Posture, plant: Callable[[NodeFacts], NodeFacts]
) -> None:
    assert failed(node_audit(plant(made.node(posture)))) == {rule}


def test_each_rule_has_a_breach_that_it_finds() -> None:
    assert {rule for rule, _, _ in IMAGES} == {rule.id for rule in RULES if rule.image}
    assert {rule for rule, _, _ in NODES} == {rule.id for rule in RULES if rule.node}


def test_each_rule_says_what_it_is_and_where_it_comes_from() -> None:
    assert len(BY_ID) == len(RULES)
    for rule in RULES:
        assert rule.image or rule.node, rule.id
        assert rule.postures, rule.id
        assert all((rule.title, rule.reason, rule.source)), rule.id
        assert rule.title[0].isupper() or not rule.title[0].isalpha() or rule.id.startswith("sysctl."), rule.id


def test_a_posture_promises_no_less_than_the_one_before_it() -> None:
    """What only open may hold, and the two rules on setuid files, are the exceptions."""
    promised = {posture: {rule.id for rule in RULES if posture in rule.postures} for posture in Posture}
    assert promised[OPEN] - promised[GUARDED] == {"ssh-keys"}
    assert promised[GUARDED] - promised[SEALED] == {"set-id-known"}
    assert promised[SEALED] - promised[GUARDED] == {"scripts", "set-id"}
    assert POSTURES[SEALED].var_flags == POSTURES[GUARDED].var_flags > POSTURES[OPEN].var_flags


def test_a_posture_is_not_held_to_what_it_does_not_promise() -> None:
    facts = more("programs", Program("bin/bash"))(made.image(OPEN))
    outcome = next(o for o in image_audit(facts).outcomes if o.rule == "shells")
    assert outcome.status is Status.NOT_APPLICABLE
    assert "open" in outcome.note


TOLD = ("arguments", "protections", "mounts", "listening", "processes", "units", "sysctls", "modules", "certificates")


@pytest.mark.parametrize("name", [*TOLD, "failing", "drift"])
def test_what_a_node_does_not_tell_does_not_pass(name: str) -> None:
    facts: NodeFacts = of(**{name: None}, untold={"mounts": "no right [not-authorised]"})(made.node())
    audit = node_audit(facts)
    assert failed(audit)
    for outcome in audit.outcomes:
        assert all("does not tell" in found.message for found in outcome.breaches)
    if name == "mounts":
        assert "not-authorised" in str(audit)


def test_every_part_of_a_node_that_may_be_untold_is_tried() -> None:
    optional = {field.name for field in fields(NodeFacts) if "None" in str(field.type)}
    assert optional - {"posture", "arch", "packages"} == {*TOLD, "failing", "drift"}


def test_an_image_without_a_verity_tree_does_not_pass() -> None:
    assert failed(image_audit(replace(made.image(), root_hash=""))) == {"usr-verified", "root-hash"}


def test_an_image_that_cannot_be_read_does_not_pass() -> None:
    audit = image_audit(replace(made.image(), contents=None, why_no_contents="no tools"))
    assert {"shells", "modules-signed", "sbom"} <= failed(audit)
    assert "no tools" in str(audit)
    assert audit.figures == ()


def test_the_kernel_s_own_configuration_counts_for_an_argument() -> None:
    config = {a.config[0]: a.config[1] for a in hardening.ARGUMENTS if a.config}
    bare = without("slab_nomerge")(of_contents(kernel_config=config)(made.image()))
    assert failed(image_audit(bare)) == set()
    assert failed(node_audit(without("init_on_alloc")(of(kernel_config=config)(made.node())))) == set()
    other = of_contents(kernel_config={**config, "SLAB_MERGE_DEFAULT": "y"})(bare)
    assert failed(image_audit(other)) == {"kernel.slab_nomerge"}


def test_the_last_of_two_equal_arguments_counts() -> None:
    assert failed(image_audit(argument("init_on_alloc", "0", "1")(made.image()))) == {"no-weakening"}
    assert failed(image_audit(argument("init_on_alloc", "1", "maybe")(made.image()))) == {"kernel.init_on_alloc"}


def test_arguments_of_one_architecture_are_not_asked_of_another() -> None:
    facts = without("vsyscall")(of(arch=Arch.ARM64)(made.image()))
    assert failed(image_audit(facts)) == set()


def test_a_setting_that_the_kernel_cannot_have_is_not_missed() -> None:
    for setting in hardening.SETTINGS:
        known = {name: value for name, value in made.SETTINGS.items() if name != setting.name}
        expected = set() if setting.optional else {f"sysctl.{setting.name}"}
        assert failed(node_audit(of(sysctls=known)(made.node()))) == expected
        expected = set() if setting.default else {f"sysctl.{setting.name}"}
        assert failed(image_audit(of_contents(sysctls=known)(made.image()))) == expected


def test_an_exception_has_a_reason() -> None:
    assert all(reason for _, reason in running.HOLDERS.values())
    assert all(listener.reason for listener in running.LISTENERS)
    assert all(hardening.NOT_ASKED.values())


def test_programs_are_known_by_their_names_without_versions() -> None:
    def shows(name: str) -> set[str]:
        return failed(image_audit(more("programs", Program(f"bin/{name}"))(made.image())))

    assert shows("lua5.4") == shows("ruby3.3") == shows("mawk") == shows("python3") == {"interpreters"}
    assert shows("bash5") == {"shells"}
    assert shows("aarch64-linux-gnu-ld.bfd") == {"development-tools"}
    assert shows("mount") == shows("fish_config") == shows("7z") == set()
