"""Judges of the kernel: its command line, lockdown, modules and settings.

Rules of single arguments and settings are made from `model.hardening`, one for each, so that one can be waived alone.
"""

from collections.abc import Iterator, Mapping

from adamant.audit.facts import ImageFacts, NodeFacts
from adamant.audit.rule import Breach, OfImage, OfNode
from adamant.model import hardening
from adamant.model.hardening import Argument, Setting
from adamant.model.posture import RULES, Lockdown

_LINE = "kernel command line"
_FORCED = {
    "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY": Lockdown.CONFIDENTIALITY,
    "LOCK_DOWN_KERNEL_FORCE_INTEGRITY": Lockdown.INTEGRITY,
}
TAINTS = {
    "P": "a module of no free licence",
    "F": "a module that was loaded by force",
    "R": "a module that was taken away by force",
    "U": "a program that asked for it",
    "A": "a table of ACPI that was replaced",
    "O": "a module that is no part of the kernel's sources",
    "K": "a patch of the running kernel",
    "N": "a test in the kernel",
    "J": "a driver that changed the kernel's memory from outside",
}
"""Taints that say that the kernel is not the one that was released; others speak of faults of hardware or of itself."""


def argument_image(argument: Argument) -> OfImage:
    """The judge of an argument, on an image."""

    def judge(facts: ImageFacts) -> Iterator[Breach]:
        if facts.arch in argument.arches:
            yield from _argument(argument, facts.arguments, facts.inside().kernel_config)

    return judge


def argument_node(argument: Argument) -> OfNode:
    """The judge of an argument, on a node."""

    def judge(facts: NodeFacts) -> Iterator[Breach]:
        facts.tell(facts.protections, "protections")
        line = facts.tell(facts.arguments, "kernel-arguments")
        if facts.arch is None or facts.arch in argument.arches:
            yield from _argument(argument, line, facts.kernel_config)

    return judge


def _argument(argument: Argument, line: Mapping[str, tuple[str, ...]], config: Mapping[str, str]) -> Iterator[Breach]:
    missing = hardening.argument_missing(argument, line, config)
    if missing:
        yield Breach(_LINE, missing)


def setting_image(setting: Setting) -> OfImage:
    """The judge of a setting, on an image: a file of it sets it, or the kernel has it so by itself."""

    def judge(facts: ImageFacts) -> Iterator[Breach]:
        value = facts.inside().sysctls.get(setting.name, setting.default)
        wrong = hardening.setting_wrong(setting, value) if value else f"nothing in the image sets it to {_or(setting)}"
        if wrong:
            yield Breach(setting.name, wrong)

    return judge


def setting_node(setting: Setting) -> OfNode:
    """The judge of a setting, on a node."""

    def judge(facts: NodeFacts) -> Iterator[Breach]:
        value = facts.tell(facts.sysctls, "sysctls").get(setting.name)
        if value is not None:
            wrong = hardening.setting_wrong(setting, value)
            if wrong:
                yield Breach(setting.name, wrong)
        elif not setting.optional:
            yield Breach(setting.name, "this kernel does not have it")

    return judge


def _or(setting: Setting) -> str:
    return " or ".join(setting.values)


def lockdown_image(facts: ImageFacts) -> Iterator[Breach]:
    """The UKI has the kernel locked down, by its command line or by the kernel's own configuration."""
    wanted = RULES[facts.posture].lockdown
    modules = facts.arguments.get("lsm", ())
    if modules and "lockdown" not in modules[-1].split(","):
        yield Breach(_LINE, "lsm= leaves the module lockdown out")
        return
    config = facts.inside().kernel_config
    levels = [level for name, level in _FORCED.items() if config.get(name) == "y"]
    given = facts.arguments.get("lockdown", ())
    levels += [Lockdown(value) for value in given if value in set(Lockdown)]
    if not any(level.reaches(wanted) for level in levels):
        yield Breach(_LINE, f"lockdown={wanted.value} is not on it")


def lockdown_node(facts: NodeFacts) -> Iterator[Breach]:
    """The kernel is locked down."""
    state = facts.tell(facts.protections, "protections").get("lockdown", "")
    wanted = RULES[facts.tell(facts.posture, "posture")].lockdown
    if state not in set(Lockdown) or not Lockdown(state).reaches(wanted):
        yield Breach("lockdown", f"it is {state or 'not there'}, not {wanted.value}")


def enforced_image(facts: ImageFacts) -> Iterator[Breach]:
    """The kernel is told to refuse modules without a good signature."""
    given = facts.arguments.get("module.sig_enforce", ())
    by_config = facts.inside().kernel_config.get("MODULE_SIG_FORCE") == "y"
    if not by_config and (not given or given[-1] not in ("", "1", "y", "Y")):
        yield Breach(_LINE, "module.sig_enforce=1 is not on it")


def enforced_node(facts: NodeFacts) -> Iterator[Breach]:
    """The kernel refuses them."""
    state = facts.tell(facts.protections, "protections").get("module-signatures", "")
    if state != "enforced":
        yield Breach("module-signatures", f"modules without a good signature are {state or 'perhaps allowed'}")


def signed_image(facts: ImageFacts) -> Iterator[Breach]:
    """Each module of the image carries a signature."""
    for module in facts.inside().modules:
        if module.problem:
            yield Breach(f"/usr/{module.path}", module.problem)


def signed_node(facts: NodeFacts) -> Iterator[Breach]:
    """Each loaded module had a good one."""
    for module in facts.tell(facts.modules, "modules"):
        if not module.signed:
            yield Breach(module.name, "it was loaded without a good signature")


def of_image(facts: NodeFacts) -> Iterator[Breach]:
    """Each loaded module is of the image."""
    facts.tell(facts.protections, "protections")  # a node that is older does not tell files of modules either
    for module in facts.tell(facts.modules, "modules"):
        if not module.file:
            yield Breach(module.name, "neither the image nor an extension has it")


def taint(facts: NodeFacts) -> Iterator[Breach]:
    """The kernel is the one that was released. What a missing signature does is judged by module.

    A module from outside that the image brings is of the release: who builds a kernel has built it in.
    """
    letters = facts.tell(facts.protections, "protections").get("taint", "")
    if any(module.foreign and module.file for module in facts.tell(facts.modules, "modules")):
        letters = letters.replace("O", "")
    for letter in letters:
        if letter in TAINTS:
            yield Breach("taint", f"{letter}: {TAINTS[letter]}")


def weakened_image(facts: ImageFacts) -> Iterator[Breach]:
    """No argument of the UKI takes a protection away."""
    yield from (Breach(_LINE, f"{word} takes a protection away") for word in hardening.weakening(facts.arguments))


def weakened_node(facts: NodeFacts) -> Iterator[Breach]:
    """No argument of the running kernel does."""
    line = facts.tell(facts.arguments, "kernel-arguments")
    yield from (Breach(_LINE, f"{word} takes a protection away") for word in hardening.weakening(line))
