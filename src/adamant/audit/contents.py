"""Facts of the files of a usr image, from a tree of them: `usr/`, and as `etc/` what each boot begins with.

Reads foreign bytes. Nothing of the image runs, and no link leads out of the tree.
"""

import json
import lzma
import mmap
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from adamant.audit.facts import Alias, Contents, ImageUnit, KernelModule, Program
from adamant.compose import entries, units
from adamant.core import limits
from adamant.model import hardening, sysctl
from adamant.model.errors import VerificationError
from adamant.model.posture import FILE
from adamant.model.tree import Entry, Kind, Tree

SIGNED = b"~Module signature appended~\n"
"""How a signed module ends (kernel, module-signing.rst)."""
_ELF = b"\x7fELF"
_EXECUTABLE = (2, 3)
_LIBRARY = re.compile(r"\.so(\.[0-9.]+)?$")
_MODULE = re.compile(r"usr/lib/modules/[^/]+/.+\.ko(\.[a-z0-9]+)?")
_SHELL_WORDS = (b"OPTIND", b"PS4", b"getopts")
"""Words that each shell of POSIX holds (Shell Command Language, 2.5.3 and 2.14), and all three nothing else."""
_KEY = re.compile(rb"(?m)^-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\r?\n[A-Za-z0-9+/=:, -]{16}")
_SEARCH = ("usr/sbin", "usr/bin")
_EXEC = ("ExecStartPre", "ExecStart", "ExecStartPost")
_STATUS = "usr/lib/dpkg/status"
_SSHD, _SSHD_PARTS = "etc/ssh/sshd_config", "etc/ssh/sshd_config.d"


def read(tree: Tree) -> Contents:
    """The facts. Raises VerificationError, and the errors of a unit that cannot be read."""
    programs = tuple(_programs(tree))
    has_sshd = any(program.name == "sshd" for program in programs)
    return Contents(
        programs=programs,
        aliases=tuple(_aliases(tree, {f"usr/{program.path}" for program in programs})),
        units=tuple(_units(tree)),
        modules=tuple(_modules(tree)),
        kernel_config=_kernel_config(tree),
        sysctls=_sysctls(tree),
        private_keys=tuple(_private_keys(tree)),
        passwords=with_password(_text(tree, "etc/shadow"), _text(tree, "etc/passwd")),
        sshd=_sshd(tree) if has_sshd else None,
        packages=packages(_text(tree, _STATUS)),
        posture=_text(tree, FILE).strip(),
    )


def _text(tree: Tree, path: str) -> str:
    entry = entries.real_file(tree, path)
    return entries.read(entry).decode(errors="replace") if entry else ""


def _files(tree: Tree) -> list[Entry]:
    """Regular files below `usr/`, in the order of their paths."""
    return entries.sort(e for e in tree.values() if e.kind is Kind.FILE and e.path.startswith("usr/"))


def _programs(tree: Tree) -> Iterator[Program]:
    for entry in _files(tree):
        head = entries.read(entry, head=256)
        path = entry.path.removeprefix("usr/")
        if head.startswith(_ELF):
            if int.from_bytes(head[16:18], "little") in _EXECUTABLE and not _LIBRARY.search(path):
                yield Program(path, is_shell=_is_shell(entry))
        elif head.startswith(b"#!") and entry.mode & 0o111:
            words = head[2:].split(b"\n", 1)[0].decode(errors="replace").split()
            yield Program(path, words[0] if words else "(none)", _runs(tree, words))


def _runs(tree: Tree, words: list[str]) -> bool:
    """Whether what the words behind `#!` name is there; of env(1), the program that it looks for."""
    if not words or entries.real_file(tree, words[0]) is None:
        return False
    if words[0].rpartition("/")[2] != "env":
        return True
    names = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return bool(names) and any(entries.real_file(tree, f"{folder}/{names[0]}") for folder in _SEARCH)


def _is_shell(entry: Entry) -> bool:
    if entry.extent is None:
        return is_shell(entries.read(entry))
    with Path(entry.extent.path).open("rb") as source, mmap.mmap(source.fileno(), 0, prot=mmap.PROT_READ) as data:
        return is_shell(data)


def is_shell(data: bytes | mmap.mmap) -> bool:
    """Whether a program holds the words of a shell."""
    return all(data.find(word) >= 0 for word in _SHELL_WORDS)


def _aliases(tree: Tree, programs: set[str]) -> Iterator[Alias]:
    for entry in entries.sort(e for e in tree.values() if e.kind is Kind.SYMLINK and e.path.startswith("usr/")):
        final = entries.resolve(tree, entry.path)
        if final in programs:
            yield Alias(entry.path.removeprefix("usr/"), final.removeprefix("usr/"))


def _units(tree: Tree) -> Iterator[ImageUnit]:
    known = units.Units(tree)
    starts = {
        entry.path.rpartition("/")[2]
        for folder in units.folders("system")
        for entry in entries.below(tree, folder)
        if entry.path.rpartition("/")[0].endswith((".wants", ".requires"))
    }
    for name in sorted({*known.names(), *(name for name in starts if units.valid_name(name))}):
        unit = known.load(name)
        masked = known.is_masked(name)
        if unit is None:
            yield ImageUnit(name, name in starts, masked)
            continue
        lines = [value for key in _EXEC for value in unit.values("Service", key)]
        options = unit.last("Mount", "Options") if name.endswith(".mount") else ""
        yield ImageUnit(
            name,
            name in starts,
            masked,
            tuple(program for line in lines if (program := exec_program(line))),
            frozenset(option for option in options.split(",") if option),
        )


def exec_program(line: str) -> str:
    """The program of an Exec line (systemd.service(5), Command lines); empty when there is none."""
    words = line.lstrip("@-:+!|").split()
    return words[0].strip("\"'") if words else ""


def _modules(tree: Tree) -> Iterator[KernelModule]:
    for entry in _files(tree):
        if _MODULE.fullmatch(entry.path):
            yield KernelModule(entry.path.removeprefix("usr/"), unsigned(entry.path, entries.read(entry)))


def unsigned(path: str, data: bytes) -> str:
    """Why the module in the file `path` has no signature that can be seen; empty when it has one."""
    if path.endswith(".xz"):
        reader = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)
        try:
            data = reader.decompress(data, limits.MODULE_SIZE)
        except lzma.LZMAError:
            return "it is not sound xz"
        if not reader.eof:
            return "it ends early, or is too large for a module"
    elif not path.endswith(".ko"):
        return "it is packed in a way that is not read here"
    return "" if data.endswith(SIGNED) else "it is not signed"


def _kernel_config(tree: Tree) -> Mapping[str, str]:
    for entry in _files(tree):
        if re.fullmatch(r"usr/lib/modules/[^/]+/config", entry.path):
            return hardening.parse_config(entries.read(entry).decode(errors="replace"))
    return {}


def _sysctls(tree: Tree) -> Mapping[str, str]:
    files: dict[str, Entry] = {}
    for folder in sysctl.FOLDERS:
        for entry in entries.inside(tree, folder, ".conf"):
            files.setdefault(entry.path.rpartition("/")[2], entry)
    lines: list[sysctl.Line] = []
    for name in sorted(files):
        lines += sysctl.parse(_text(tree, files[name].path), files[name].path)
    return {sysctl.name_of(path): line.value for path, line in sysctl.last(lines).items()}


def _private_keys(tree: Tree) -> Iterator[str]:
    for entry in _files(tree):
        if entry.size and _KEY.search(entries.read(entry, head=limits.KEYS_SOUGHT)):
            yield entry.path.removeprefix("usr/")


def with_password(shadow: str, passwd: str) -> tuple[str, ...]:
    """Accounts whose password is not locked, or empty (shadow(5), passwd(5))."""
    found = []
    for text, is_set in ((shadow, lambda field: not field.startswith(("!", "*"))), (passwd, _in_passwd)):
        for line in text.splitlines():
            fields = line.split(":")
            if len(fields) > 1 and fields[0] and is_set(fields[1]):
                found.append(fields[0])
    return tuple(dict.fromkeys(found))


def _in_passwd(field: str) -> bool:
    return field != "x" and not field.startswith(("!", "*"))


def packages(status: str) -> frozenset[tuple[str, str]]:
    """Names and versions of the packages in dpkg's status file."""
    found = set()
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if ": " in line and line[0] != " ")
        if "Package" in fields:
            found.add((fields["Package"], fields.get("Version", "")))
    return frozenset(found)


def _sshd(tree: Tree) -> Mapping[str, str]:
    parts = [_text(tree, entry.path) for entry in entries.inside(tree, _SSHD_PARTS, ".conf")]
    return sshd_settings(_text(tree, _SSHD), parts)


def sshd_settings(main: str, parts: list[str]) -> dict[str, str]:
    """Settings of sshd by name in lower case (sshd_config(5)): the first of each counts, and none of a Match block.

    `parts` are the files that a line `Include` stands for.
    """
    found: dict[str, str] = {}
    for line in main.splitlines():
        words = line.split("#", 1)[0].replace("=", " ", 1).split()
        if not words:
            continue
        name = words[0].lower()
        if name == "match":
            break
        if name == "include":
            for part in parts:
                for key, value in sshd_settings(part, []).items():
                    found.setdefault(key, value)
        elif len(words) > 1:
            found.setdefault(name, words[1].lower().strip('"'))
    return found


def sbom_packages(data: bytes) -> frozenset[tuple[str, str]]:
    """Names and versions of binary packages in an SBOM (SPDX 2.3, JSON). Raises VerificationError sbom-malformed."""
    try:
        found = json.loads(data)["packages"]
        return frozenset(
            (str(package["name"]), str(package["versionInfo"]))
            for package in found
            if str(package["SPDXID"]).startswith("SPDXRef-Package-")
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise VerificationError("sbom-malformed", f"the SBOM cannot be read: {type(error).__name__}") from error
