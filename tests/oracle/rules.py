"""Why the image differs from what dpkg installs: every difference by a rule, and no rule without a difference.

A rule that says that two contents mean the same proves it on them. `conditional` marks rules whose difference depends
on the computer that runs the oracle.
"""

import fnmatch
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adamant.compose import nodes, presets, programs, relocate
from adamant.model.posture import Posture
from tests.oracle import bytecode
from tests.oracle.compare import Difference

Proof = Callable[[bytes, bytes], bool]
"""Whether the contents of ours and theirs mean the same."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A difference that is meant. `pattern` matches the whole path; `fields` are those that may differ (`both`)."""

    id: str
    reason: str
    side: str
    pattern: str
    fields: frozenset[str] = frozenset({"digest"})
    proof: Proof | None = None
    conditional: bool = False

    def explains(self, difference: Difference) -> bool:
        """Whether this rule is the reason of a difference."""
        if self.side != difference.side or not re.fullmatch(self.pattern, difference.path):
            return False
        if self.side != "both":
            return True
        assert difference.ours is not None
        assert difference.theirs is not None
        if not set(difference.fields) <= self.fields:
            return False
        return self.proof is None or self.proof(difference.ours.read(), difference.theirs.read())


def _rows(table: bytes, *numbers: int) -> list[list[str]]:
    """Rows of a colon-separated table without the fields `numbers`, sorted."""
    rows = [line.split(":") for line in table.decode().splitlines()]
    return sorted([field for i, field in enumerate(row) if i not in numbers] for row in rows)


def _same_accounts(one: bytes, two: bytes) -> bool:
    return _rows(one, 2, 3) == _rows(two, 2, 3)


def _same_groups(one: bytes, two: bytes) -> bool:
    return _rows(one, 2) == _rows(two, 2)


def _same_shadow(one: bytes, two: bytes) -> bool:
    """The same accounts, and on both sides none with a password."""
    mine, other = ([line.split(":") for line in t.decode().splitlines()] for t in (one, two))
    locked = all(row[1] in {"*", "!", "!*"} for row in [*mine, *other])
    return locked and {row[0] for row in mine} == {row[0] for row in other}


def _same_settings(one: bytes, two: bytes) -> bool:
    """Nothing but comments differs."""

    def effective(text: bytes) -> list[bytes]:
        return [line for line in text.splitlines() if line.strip() and not line.startswith(b"#")]

    return effective(one) == effective(two)


def _libraries(cache: bytes) -> list[tuple[int, bytes, bytes]]:
    count = struct.unpack_from("<I", cache, 20)[0]
    found = []
    for index in range(count):
        flags, key, value, _, _ = struct.unpack_from("<iIIIQ", cache, 48 + 24 * index)
        found.append((flags, cache[key : cache.index(b"\0", key)], cache[value : cache.index(b"\0", value)]))
    return found


def _same_libraries(one: bytes, two: bytes) -> bool:
    return len(one) > 1000 and _libraries(one) == _libraries(two)


def _same_code(one: bytes, two: bytes) -> bool:
    """The same byte code under another header (PEP 552): ours by hash and unchecked, theirs by time."""
    return one[:4] == two[:4] and one[4:8] == b"\1\0\0\0" and bytecode.parse(one) == bytecode.parse(two)


def _hardware(database: bytes) -> set[tuple[bytes, bytes, bytes, bytes, int, int]]:
    """Entries of hwdb.bin: match, key, value, source below the root, line, priority (systemd's hwdb-internal.h)."""
    header, node_size, child_size, value_size, root = struct.unpack_from("<5Q", database, 24)
    assert header >= 80
    found: set[tuple[bytes, bytes, bytes, bytes, int, int]] = set()

    def text(offset: int) -> bytes:
        return database[offset : database.index(b"\0", offset)]

    todo = [(root, b"")]
    while todo:
        offset, prefix = todo.pop()
        own, children, values = struct.unpack_from("<QB7xQ", database, offset)
        match = prefix + (text(own) if own else b"")
        at = offset + node_size
        for _ in range(children):
            character, child = struct.unpack_from("<B7xQ", database, at)
            todo.append((child, match + bytes([character])))
            at += child_size
        for _ in range(values):
            key, value, source, line, priority = struct.unpack_from("<QQQIH", database, at)
            name = re.sub(rb"^.*?(?=/usr/lib/udev/|/etc/udev/)", b"", text(source))
            found.add((match, text(key), text(value), name, line, priority))
            at += value_size
    return found


def _same_hardware(one: bytes, two: bytes) -> bool:
    mine = _hardware(one)
    return len(mine) > 10_000 and mine == _hardware(two)


def _any_of(names: Sequence[str]) -> str:
    return "|".join(re.escape(name) for name in names)


_UNITS = "usr/lib/systemd/(system|user)"

RULES = (
    # Accounts
    Rule(
        "account-ids",
        "ids are fixed by name; names, homes and shells are the same",
        "both",
        "etc/passwd",
        proof=_same_accounts,
    ),
    Rule("group-ids", "ids are fixed by name; names and members are the same", "both", "etc/group", proof=_same_groups),
    Rule(
        "no-password-age",
        "no date stands in shadow, and nobody has a password",
        "both",
        "etc/g?shadow",
        proof=_same_shadow,
    ),
    Rule(
        "account-backups",
        "copies and locks of tools that change accounts",
        "theirs",
        r"etc/(group|gshadow|passwd|shadow|subuid|subgid)-|etc/\.pwd\.lock",
    ),
    Rule(
        "subordinate-ids",
        "made empty, as the script of passwd does when it is there",
        "ours",
        "etc/sub[ug]id",
        conditional=True,
    ),
    # Generated files
    Rule(
        "loader-cache",
        "the generator is named in it; the libraries and their order are the same",
        "both",
        r"etc/ld\.so\.cache",
        proof=_same_libraries,
    ),
    Rule(
        "byte-code",
        "by hash and unchecked, not by time; the code is the same",
        "both",
        r"usr/lib/python3.*\.pyc",
        proof=_same_code,
    ),
    Rule(
        "byte-code-not-for-unused-parts",
        "parts of the standard library that no program of an image imports",
        "theirs",
        r"usr/lib/python3.*/(config-[^/]*|ensurepip|idlelib|lib2to3|pydoc_data|test|tests|tkinter|turtledemo)/(.*/)?__pycache__(/.*)?",
    ),
    Rule(
        "byte-code-of-tools",
        "Python files that are programs or data of one",
        "theirs",
        r"usr/share/.*/__pycache__(/.*)?",
        conditional=True,
    ),
    Rule(
        "hardware-database",
        "the names of the sources have another root in them; the entries are the same",
        "both",
        r"usr/lib/udev/hwdb\.bin",
        proof=_same_hardware,
    ),
    Rule(
        "hardware-sources",
        "hwdb.bin is made of them, and nothing reads them afterwards",
        "theirs",
        r"usr/lib/udev/hwdb\.d(/.*\.hwdb)?",
    ),
    Rule("catalogue", "lies below /usr and is linked from /var", "ours", r"usr/lib/adamant(/catalog(/database)?)?"),
    Rule(
        "catalogue-link",
        "the same catalogue, by a link",
        "both",
        "var/lib/systemd/catalog/database",
        frozenset({"kind", "mode", "target", "digest"}),
    ),
    Rule("os-release", "the image is Adamant's", "both", r"usr/lib/os-release"),
    Rule("machine-id", "empty on both sides; nobody may write to it", "both", "etc/machine-id", frozenset({"mode"})),
    # What Adamant does in another way
    Rule(
        "alternatives",
        "links lead to the program itself",
        "both",
        r"usr/s?bin/(awk|nawk|pager|rmt|which)",
        frozenset({"target"}),
    ),
    Rule("alternatives-state", "the choice of alternatives, and manual pages", "theirs", r"etc/alternatives(/.*)?"),
    Rule(
        "certificate-links",
        "links by hash to single certificates: programs here read the bundle",
        "theirs",
        r"etc/ssl/certs/.*\.(pem|[0-9])|etc/ca-certificates\.conf|usr/local/share/ca-certificates",
    ),
    Rule(
        "kernel-in-the-uki",
        "the kernel lies in the UKI, and nothing reads its symbols",
        "theirs",
        r"boot(/.*)?|(vmlinuz|initrd\.img)(\.old)?",
    ),
    Rule("kernel-config", "the only part of /boot that programs read", "ours", r"usr/lib/modules/[^/]*/config"),
    Rule("factory", "/etc lies there", "ours", r"usr/share/factory(/var(/.*)?)?"),
    Rule("dpkg-status", "for scanners, below /usr", "ours", r"usr/lib/dpkg(/status|/info(/.*)?)?"),
    Rule("dpkg-link", "leads to the one below /usr", "both", "var/lib/dpkg", frozenset({"kind", "mode", "target"})),
    Rule(
        "comments",
        "a comment of ours in place of Debian's; no setting differs",
        "both",
        r"etc/hosts\.(allow|deny)",
        proof=_same_settings,
        conditional=True,
    ),
    Rule(
        "byte-code-of-one-machine",
        "a link into /etc, and a file that the build of programs reads",
        "theirs",
        r"usr/lib/python3\.13/__pycache__/(sitecustomize|_sysconfigdata__.*)\.cpython-313\.pyc",
    ),
    Rule(
        "bus-id",
        "a link to the machine's id, which mmdebstrap takes away",
        "ours",
        "var/lib/dbus/machine-id",
    ),
    Rule("runlevels", "links for System V init, which an image does not have", "theirs", r"etc/rc[0-6S]\.d/.*"),
    Rule(
        "early",
        "see early.py: files to read ahead, and no libbpf for PID 1",
        "ours",
        r"usr/lib/adamant/(ahead|pid1(/.*)?)",
    ),
    # Units
    Rule("preset", "our own, that enables what is linked and no more", "ours", re.escape(presets.PRESET)),
    Rule(
        "units-not-wanted",
        "see presets.NOT_WANTED",
        "theirs",
        rf"{_UNITS}/[^/]*\.wants/({_any_of(list(presets.NOT_WANTED))})",
    ),
    Rule(
        "units-done-at-build",
        "see presets.DONE_AT_BUILD",
        "theirs",
        rf"{_UNITS}/[^/]*\.wants/({_any_of(presets.DONE_AT_BUILD)})",
    ),
    Rule(
        "no-login",
        "the posture has no login",
        "theirs",
        rf"{_UNITS}/[^/]*\.wants/(getty@tty1\.service|{_any_of(presets.not_in(Posture.GUARDED))})|{_UNITS}/sshd\.service|usr/lib/systemd/system-generators/systemd-(debug|getty|ssh)-generator",
    ),
    Rule("programs-unused", "see programs.UNUSED", "theirs", _any_of(list(programs.UNUSED))),
    Rule(
        "interpreters-of-the-base",
        "the posture has none but those that the definition lists; see programs.INTERPRETERS",
        "theirs",
        "|".join(fnmatch.translate(path) for path in programs.INTERPRETERS) + "|usr/bin/n?awk",
    ),
    Rule("login-programs", "the posture has none", "theirs", rf"usr/(.*/)?({_any_of(list(programs.LOGIN))}|getty)"),
    Rule(
        "host-keys",
        "made at the first boot and kept in the state, by units of ours",
        "ours",
        rf"etc/ssh/sshd_config\.d/50-host-keys\.conf|{_UNITS}/.*adamant-ssh-host-keys\.service|var/lib/ssh(/.*)?",
    ),
    Rule(
        "host-keys-of-the-chroot",
        "made when the package is installed, the same for each copy",
        "theirs",
        r"etc/ssh/ssh_host_.*_key(\.pub)?",
    ),
    # /var, and the tmpfiles.d that makes it
    Rule("tmpfiles", "makes at boot what packages ship below /var", "ours", r"usr/lib/tmpfiles\.d/adamant-var\.conf"),
    Rule("nodes", "device nodes, which kmod-static-nodes.service lists at boot", "ours", re.escape(nodes.CONF)),
    Rule("tmpfiles-unused", "see relocate.UNUSED_TMPFILES", "theirs", _any_of(relocate.UNUSED_TMPFILES)),
    Rule("folders-of-the-root", "the initrd's links in / lead there", "ours", "var/(home|srv)"),
    Rule("relative-links", "the same place, by a relative link", "both", "var/(lock|run)", frozenset({"target"})),
    Rule(
        "state-of-apt",
        "apt and debconf",
        "theirs",
        r"var/(cache/(apt|debconf)|lib/apt|log/apt)(/.*)?|etc/apt/(apt\.conf\.d/99mmdebstrap|sources\.list|sources\.list\.d|preferences\.d)|var/log/(alternatives|bootstrap|dpkg)\.log",
    ),
    Rule(
        "state-of-dpkg",
        "dpkg's own, and that of the helpers of scripts",
        "theirs",
        r"var/lib/dpkg/.*|var/lib/(pam|ucf|python)(/.*)?|var/lib/shells\.state|var/lib/systemd/deb-systemd-(user-)?helper-enabled(/.*)?|var/(backups|cache/adduser|cache/ldconfig)(/.*)?",
    ),
    Rule(
        "document-catalogues",
        "where programs find the DTDs of SGML and XML documents: nothing on a host validates documents",
        "theirs",
        r"etc/(sgml|xml)/.*|var/lib/(sgml-base|xml-core)/.*",
    ),
    # /
    Rule(
        "root-folder",
        "the initrd makes /",
        "theirs",
        r"bin|sbin|lib|lib64|home|media|mnt|opt|proc|root|run|srv|sys|tmp|usr|dev",
    ),
    Rule("devices", "made by the kernel", "theirs", r"dev/.*"),
    Rule("home-of-root", "root has no home that could be written to", "theirs", r"root/.*"),
    Rule("run", "made at boot", "theirs", r"run/.*"),
    Rule("local", "nobody can write to /usr/local, so it has no skeleton", "theirs", r"usr/local(/.*)?"),
    Rule(
        "of-one-machine",
        "names and mounts of one machine",
        "theirs",
        r"etc/(hostname|fstab|resolv\.conf|opt|\.resolv\.conf\.systemd-resolved\.bak)",
    ),
    Rule("resolv-conf", "systemd-resolved's", "ours", r"etc/resolv\.conf", conditional=True),
)


def explain(differences: Sequence[Difference]) -> tuple[list[Difference], list[Rule]]:
    """Differences that no rule explains, and rules (but conditional ones) that explain nothing."""
    used: set[str] = set()
    unexplained: list[Difference] = []
    for difference in differences:
        rule = next((rule for rule in RULES if rule.explains(difference)), None)
        if rule is None:
            unexplained.append(difference)
        else:
            used.add(rule.id)
    return unexplained, [rule for rule in RULES if rule.id not in used and not rule.conditional]
