"""Judges of the boot chain: from the firmware to a verified `/usr`."""

from collections.abc import Iterator, Mapping

from adamant.audit.facts import ImageFacts, NodeFacts
from adamant.audit.rule import Breach

USRHASH = "adamant.usrhash"
_SHELL_WORDS = frozenset({"1", "S", "emergency", "rescue", "s", "single"})
"""Words that lead PID 1 or an initrd to a shell (systemd(1), bootup(7))."""
_SHELL_ARGUMENTS = frozenset({"break", "init", "rd.break", "rd.shell", "systemd.debug_shell", "systemd.run"})
_ONCE = (".cmdline", ".initrd", ".linux", ".osrel", ".uname")
_OTHER_WAYS = frozenset({".efifw", ".profile"})
"""Sections of a UKI that choose or bring something else to start (UAPI Group, Unified Kernel Image)."""
_SHELL_UNITS = ("emergency", "rescue", "debug-shell", "runlevel1")


def verified_image(facts: ImageFacts) -> Iterator[Breach]:
    """Each block of the usr image is as the verity tree says."""
    if not facts.root_hash:
        yield Breach("usr.verity", "there is no verity tree for the usr image")
    elif facts.broken_blocks:
        yield Breach("usr.erofs", f"{facts.broken_blocks} blocks of 4 KiB are not as the verity tree says")


def verified_node(facts: NodeFacts) -> Iterator[Breach]:
    """The kernel checks each block."""
    if facts.verity != "verified":
        yield Breach("/usr", f"dm-verity says: {facts.verity or 'nothing'}")


def root_hash_image(facts: ImageFacts) -> Iterator[Breach]:
    """The UKI starts this usr image and no other."""
    if not facts.uki_root_hash:
        yield Breach("UKI", "its command line names no root hash, or several")
    elif facts.uki_root_hash != facts.root_hash:
        yield Breach("UKI", f"it names the root hash {facts.uki_root_hash[:12]}, the tree has {facts.root_hash[:12]}")


def root_hash_node(facts: NodeFacts) -> Iterator[Breach]:
    """What runs is what the command line names."""
    named = facts.tell(facts.arguments, "kernel-arguments").get(USRHASH, ())
    if len(set(named)) != 1:
        yield Breach("kernel command line", "it names no root hash, or several")
    elif named[0] != facts.root_hash:
        yield Breach("/usr", f"its root hash is {facts.root_hash[:12] or 'unknown'}, and {named[0][:12]} was asked for")


def signed_image(facts: ImageFacts) -> Iterator[Breach]:
    """Each program of the boot chain carries a signature."""
    for name in facts.unsigned:
        yield Breach(name, "it is not signed: the firmware starts any other in its place")


def sections(facts: ImageFacts) -> Iterator[Breach]:
    """The UKI holds one of each part, so that what was read of it is what it starts."""
    for name in _ONCE:
        if (count := facts.uki_sections.count(name)) != 1:
            yield Breach("UKI", f"it has {count} sections {name}, not one")
    for name in sorted(_OTHER_WAYS & set(facts.uki_sections)):
        yield Breach("UKI", f"its section {name} lets it start in other ways than that of its command line")


def disk(facts: ImageFacts) -> Iterator[Breach]:
    """What is on the disk image is this build."""
    yield from (Breach(found.path, found.detail) for found in facts.disk)


def secure_boot(facts: NodeFacts) -> Iterator[Breach]:
    """The firmware checks signatures."""
    if facts.secure_boot != "enabled":
        yield Breach("firmware", f"Secure Boot is {facts.secure_boot or 'unknown'}")


def signatures_current(facts: ImageFacts) -> Iterator[Breach]:
    """Nothing was changed after it was signed."""
    for name in facts.outdated:
        yield Breach(name, "it was changed after it was signed")


def disk_policy(facts: ImageFacts) -> Iterator[Breach]:
    """What the UKI brings for an encrypted disk opens it."""
    if facts.disk_policy:
        yield Breach("UKI", facts.disk_policy)


def boot_menu(facts: ImageFacts) -> Iterator[Breach]:
    """Nobody edits the command line in the boot menu."""
    if facts.boot_menu_editor:
        yield Breach("ESP", "loader/loader.conf does not say: editor no")


def _to_a_shell(line: Mapping[str, tuple[str, ...]]) -> Iterator[Breach]:
    for name, values in line.items():
        for value in values:
            word = f"{name}={value}" if value else name
            unit = value.partition(".")[0] if name in ("systemd.unit", "systemd.wants", "rd.systemd.unit") else ""
            if name in _SHELL_ARGUMENTS or unit in _SHELL_UNITS or (not value and name in _SHELL_WORDS):
                yield Breach("kernel command line", f"{word} leads to a shell, or to a program in place of PID 1")


def boot_words_image(facts: ImageFacts) -> Iterator[Breach]:
    """No word of the UKI's command line leads to a shell."""
    yield from _to_a_shell(facts.arguments)


def boot_words_node(facts: NodeFacts) -> Iterator[Breach]:
    """No word of the running command line leads to a shell."""
    yield from _to_a_shell(facts.tell(facts.arguments, "kernel-arguments"))
