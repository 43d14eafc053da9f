"""Unit files of systemd as data: reading them with their drop-ins, and the parts that compose needs.

What stays true: assignments keep their order, an empty one clears the list as systemd.syntax(7) says. Nothing is
expanded but what `expand` is asked to. Imports model only (and `entries`).
"""

from dataclasses import dataclass

from adamant.compose import entries
from adamant.model.errors import InputError
from adamant.model.tree import Kind, Tree


def folders(manager: str) -> tuple[str, str]:
    """Where units of a manager (`system` or `user`) lie, in the order in which the first one found counts."""
    return (f"etc/systemd/{manager}", f"usr/lib/systemd/{manager}")


SUFFIXES = (
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A `key=value` line of a section."""

    section: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit file with its drop-ins. `path` is where the file itself lies in the tree."""

    name: str
    path: str
    assignments: tuple[Assignment, ...]

    def values(self, section: str, key: str) -> list[str]:
        """Values of a key in order; an empty assignment clears those before it."""
        found: list[str] = []
        for line in self.assignments:
            if line.section == section and line.key == key:
                found = [*found, line.value] if line.value else []
        return found

    def words(self, section: str, key: str) -> list[str]:
        """The values of a key, split at white space."""
        return [word for value in self.values(section, key) for word in value.split()]

    def last(self, section: str, key: str) -> str:
        """The last value of a key, or an empty text."""
        found = self.values(section, key)
        return found[-1] if found else ""


def parse(text: str, where: str) -> list[Assignment]:
    """Assignments of a unit file (systemd.syntax(7)). Raises InputError (`unit-malformed`) with file and line."""
    found: list[Assignment] = []
    section = ""
    held = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not held):
            continue
        if line.endswith("\\"):
            held += line[:-1].strip() + " "
            continue
        line, held = (held + line).strip(), ""
        if not line:
            continue
        if line.startswith("["):
            if not line.endswith("]") or len(line) < 3:
                raise InputError("unit-malformed", f"not a section: {line[:200]!r}", context=f"{where}:{number}")
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip() or not section:
            raise InputError("unit-malformed", f"not an assignment: {line[:200]!r}", context=f"{where}:{number}")
        found.append(Assignment(section, key.strip(), value.strip()))
    if held.strip():
        raise InputError("unit-malformed", "the last line is continued, but there is no next one", context=where)
    return found


def valid_name(name: str) -> bool:
    """Whether `name` can be that of a unit (systemd.unit(5), Description)."""
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\@")
    stem, suffix = name[: name.rfind(".")] if "." in name else "", name[name.rfind(".") :] if "." in name else ""
    return suffix in SUFFIXES and bool(stem) and set(stem) <= allowed and len(name) <= 255


def template_of(name: str) -> str:
    """`getty@.service` for `getty@tty1.service`; the name itself when it is no instance."""
    stem, at, rest = name.partition("@")
    if not at:
        return name
    instance, _, suffix = rest.rpartition(".")
    return f"{stem}@.{suffix}" if instance else name


def instance_of(name: str) -> str:
    """`tty1` for `getty@tty1.service`, else an empty text."""
    _, at, rest = name.partition("@")
    return rest.rpartition(".")[0] if at else ""


def with_instance(name: str, instance: str) -> str:
    """`getty@tty1.service` for `getty@.service` and `tty1`."""
    return name.replace("@.", f"@{instance}.", 1)


def expand(value: str, name: str) -> str:
    """`value` with the specifiers that an [Install] section may hold: %% %n %N %p %i %j."""
    stem = name.rpartition(".")[0]
    prefix = stem.partition("@")[0]
    instance = instance_of(name)
    table = {"%": "%", "n": name, "N": stem, "p": prefix, "i": instance, "I": instance, "j": prefix.rpartition("-")[2]}
    out = ""
    position = 0
    while position < len(value):
        if value[position] == "%" and position + 1 < len(value):
            letter = value[position + 1]
            if letter not in table:
                raise InputError("unit-malformed", f"unknown specifier %{letter} in {value!r}", context=name)
            out += table[letter]
            position += 2
        else:
            out += value[position]
            position += 1
    return out


class Units:
    """The unit files of one tree and their drop-ins, found in one pass over it. `links` is where links are made."""

    def __init__(self, tree: Tree, manager: str = "system") -> None:
        self.links = f"usr/lib/systemd/{manager}"
        self._tree = tree
        self._files: dict[str, str] = {}
        self._drop_ins: dict[str, dict[str, str]] = {}
        for folder in folders(manager):
            for entry in entries.below(tree, folder):
                if entry.kind is not Kind.DIRECTORY:
                    self._add(entry.path, *entry.path[len(folder) + 1 :].split("/"))

    def _add(self, path: str, *parts: str) -> None:
        if len(parts) == 1 and valid_name(parts[0]):
            self._files.setdefault(parts[0], path)
        elif len(parts) == 2 and parts[0].endswith(".d") and parts[1].endswith(".conf"):
            self._drop_ins.setdefault(parts[0].removesuffix(".d"), {}).setdefault(parts[1], path)

    def names(self) -> list[str]:
        """Names of all units, templates among them, sorted."""
        return sorted(self._files)

    def is_masked(self, name: str) -> bool:
        """Whether the unit is a link to /dev/null or an empty file."""
        entry = self._tree.get(self._files.get(name, ""))
        return entry is not None and (
            (entry.kind is Kind.SYMLINK and entry.target == "/dev/null")
            or (entry.kind is Kind.FILE and entry.size == 0)
        )

    def name_key(self, key: str) -> bool:
        """Whether a unit or drop-in has a line that begins with `key` and an equals sign, started or not."""
        paths = [*self._files.values(), *(path for found in self._drop_ins.values() for path in found.values())]
        found = (entries.real_file(self._tree, path) for path in paths)
        return any(
            line.partition("=")[0].strip() == key
            for entry in found
            if entry is not None
            for line in entries.text(entry).splitlines()
        )

    def load(self, name: str) -> Unit | None:
        """The unit `name` with its drop-ins, an instance from its template; None when there is none."""
        for candidate in dict.fromkeys((name, template_of(name))):
            path = self._files.get(candidate)
            if path is None:
                continue
            final = entries.real_file(self._tree, path)
            if final is None:
                return None
            found = parse(entries.text(final), path)
            for drop_in in self._drop_ins_of(name, candidate):
                entry = entries.real_file(self._tree, drop_in)
                if entry is not None:
                    found += parse(entries.text(entry), drop_in)
            return Unit(name, path, tuple(found))
        return None

    def _drop_ins_of(self, *names: str) -> list[str]:
        found: dict[str, str] = {}
        for name in dict.fromkeys(names):
            for file, path in self._drop_ins.get(name, {}).items():
                found.setdefault(file, path)
        return [found[name] for name in sorted(found)]
