"""Which units start at boot, as links below usr/lib/systemd/system, so that /etc stays clean.

What stays true: nothing is enabled unless a reviewed script, the definition or Adamant itself says so; the links are
those that `systemctl enable` would make from the [Install] sections (systemd.unit(5)). Imports model only (and
`entries`, `units`).
"""

import fnmatch
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from adamant.compose import entries, units
from adamant.model.errors import InputError
from adamant.model.posture import RULES, Posture
from adamant.model.switch import Switch
from adamant.model.tree import Entry, Kind, Tree

PRESET = "usr/lib/systemd/system-preset/00-adamant.preset"

DONE_AT_BUILD = (
    "kmod-static-nodes.service",
    "ldconfig.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-machine-id-commit.service",
    "systemd-sysusers.service",
    "systemd-update-done.service",
)
"""Units that packages start in every boot, and whose work is done when the image is built."""

NOT_WANTED = {
    "dpkg-db-backup.timer": "backs up dpkg's state, of which an image has none",
    "e2scrub_all.timer": "scrubs ext4 on LVM by snapshots, and needs bash and perl",
    "e2scrub_reap.service": "the same",
    "systemd-time-wait-sync.service": "holds the boot until a time server answers",
}
"""Units that packages enable and images do not, unless the definition does. With the reason."""

_LINK_FOLDER = "usr/lib/systemd/system"
_KINDS = (("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds"))


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of a preset file (systemd.preset(5))."""

    enable: bool
    pattern: str
    instances: tuple[str, ...] = ()


def parse(text: str, where: str) -> list[Rule]:
    """Lines of a preset file. Raises InputError (`preset-malformed`) with file and line."""
    rules: list[Rule] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        words = line.split()
        if (
            words[0] not in {"enable", "disable", "ignore"}
            or len(words) < 2
            or (words[0] != "enable" and len(words) > 2)
        ):
            raise InputError("preset-malformed", f"not a preset: {line[:200]!r}", context=f"{where}:{number}")
        if words[0] != "ignore":
            rules.append(Rule(words[0] == "enable", words[1], tuple(words[2:])))
    return rules


def wanted(rules: Iterable[Rule], unit: str) -> bool:
    """Whether the first rule that matches `unit` enables it; without one, systemd enables."""
    for rule in rules:
        if fnmatch.fnmatchcase(unit, rule.pattern):
            return rule.enable
    return True


def settle(switches: Sequence[Switch]) -> list[str]:
    """Units to enable, sorted: the last switch for a name counts, and a disabled template covers its instances."""
    last: dict[str, bool] = {}
    for switch in switches:
        if not switch.enable:
            for name in [n for n in last if units.template_of(n) == switch.unit]:
                last[name] = False
        last[switch.unit] = switch.enable
    return sorted(name for name, enable in last.items() if enable)


def preset_file(enabled: Sequence[str]) -> Entry:
    """Our preset file: these units, no other."""
    lines = "".join(f"enable {name}\n" for name in enabled)
    return entries.file(
        PRESET, f"# Made by the image build: what is enabled is linked below {_LINK_FOLDER}.\n{lines}disable *\n"
    )


def links(
    tree: Tree, known: units.Units, enabled: Sequence[str], disabled: Collection[str] = frozenset()
) -> list[Entry]:
    """Links that enable the units, with what they name by Also= and Alias=, but for what is `disabled`.

    Raises InputError: `unit-unknown` when there is no such unit, `unit-masked`, `unit-not-installable` when it has
    nothing by which it could be enabled.
    """
    made: dict[str, Entry] = {}
    done: set[str] = set()
    todo = [(name, True) for name in reversed(enabled)]
    while todo:
        name, asked = todo.pop()
        if name in done:
            continue
        done.add(name)
        todo += [(other, False) for other in _enable(tree, known, name, asked, made) if other not in disabled]
    return entries.sort(made.values())


def _enable(tree: Tree, known: units.Units, name: str, asked: bool, made: dict[str, Entry]) -> list[str]:
    """Put the links of one unit into `made`; return the units that it names with Also=."""
    unit = known.load(name)
    if known.is_masked(name):
        raise InputError("unit-masked", f"the unit {name} is masked", hint="leave it out of the units to enable")
    if unit is None:
        if not asked:
            return []
        raise InputError(
            "unit-unknown", f"there is no unit {name}", hint="add the package that has it to the definition"
        )
    final = units.template_of(name)
    instance = units.instance_of(name) or _expand(unit, unit.last("Install", "DefaultInstance"))
    if name == final and name.partition("@")[1] and instance:
        name = units.with_instance(name, instance)
    target = entries.resolve(tree, unit.path) or unit.path
    own = target.rpartition("/")[2]
    before = len(made)
    near = target.startswith(f"{known.links}/")
    for alias in unit.words("Install", "Alias"):
        path = f"{known.links}/{_expand(unit, alias, name)}"
        if path != target:
            made[path] = entries.link(path, own if near else f"/{target}")
    for key, suffix in _KINDS:
        for wanting in unit.words("Install", key):
            path = f"{known.links}/{_expand(unit, wanting, name)}.{suffix}/{name}"
            made[path] = entries.link(path, f"../{own}" if near else f"/{target}")
    also = [_expand(unit, other, name) for other in unit.words("Install", "Also")]
    if asked and len(made) == before and not also and not _linked_already(tree, name):
        raise InputError(
            "unit-not-installable",
            f"the unit {name} cannot be enabled: it has no [Install] section and nothing wants it",
            hint="it is started by another unit, a device or a bus; leave it out",
        )
    return also


def _expand(unit: units.Unit, value: str, name: str = "") -> str:
    return units.expand(value, name or unit.name)


def _linked_already(tree: Tree, name: str) -> bool:
    endings = tuple(f".{suffix}/{name}" for _, suffix in _KINDS)
    return any(path.endswith(endings) for path in tree)


def removed(tree: Tree, disabled: Iterable[str]) -> list[str]:
    """Paths of the links by which packages start the units `disabled` in every boot."""
    names = set(disabled)
    return sorted(
        path
        for path, entry in tree.items()
        if entry.kind is Kind.SYMLINK
        and path.startswith(f"{_LINK_FOLDER}/")
        and path.rpartition("/")[2] in names
        and path.rpartition("/")[0].endswith((".wants", ".requires", ".upholds"))
    )


def postpone(tree: Tree, units_: Iterable[str], target: str) -> list[Entry]:
    """Have `target` want those of the units that something wants in every boot, and nothing else.

    Takes the other links out of the tree; returns those of the target.
    """
    made = []
    for name in sorted(units_):
        links_of_unit = removed(tree, [name])
        for path in links_of_unit:
            del tree[path]
        if links_of_unit:
            made.append(entries.link(f"{_LINK_FOLDER}/{target}.wants/{name}", f"../{name}"))
    return made


_LOGIN_UNITS = (
    "autovt@.service",
    "console-getty.service",
    "container-getty@.service",
    "debug-shell.service",
    "dropbear.service",
    "getty.target",
    "getty@.service",
    "getty-static.service",
    "serial-getty@.service",
    "ssh.service",
    "ssh.socket",
    "sshd.service",
    "sshd@.service",
)
_LOGIN_GENERATORS = ("systemd-getty-generator",)
_NO_GENERATORS = ("systemd-debug-generator", "systemd-ssh-generator")
"""Ways in that no posture has: a shell for whoever edits the command line, and SSH on sockets that nobody asked for."""


def not_in(posture: Posture) -> tuple[str, ...]:
    """Units that a posture does not have, whoever enables them."""
    return () if RULES[posture].host_shell else _LOGIN_UNITS


def require_posture(posture: Posture, enabled: Iterable[str]) -> None:
    """Raise InputError (`unit-not-in-posture`) when a unit is enabled that the posture does not have."""
    for name in enabled:
        if {name, units.template_of(name)} & set(not_in(posture)):
            raise InputError(
                "unit-not-in-posture",
                f"{name} would let people log in to the host, which the posture {posture.value} does not allow",
                hint="leave the unit out, or choose another posture",
            )


def generators_not_in(posture: Posture) -> tuple[str, ...]:
    """Paths of generators that would let people in in spite of that."""
    folder = "usr/lib/systemd/system-generators"
    names = _NO_GENERATORS if RULES[posture].host_shell else (*_LOGIN_GENERATORS, *_NO_GENERATORS)
    return tuple(f"{folder}/{name}" for name in names)
