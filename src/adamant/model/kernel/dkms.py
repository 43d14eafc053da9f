"""`dkms.conf` (dkms(8), "DKMS.CONF") of a Debian package: what to make, what comes out, and for which kernels it is.

dkms runs the file as a shell. Here it is read: assignments of words with quotes, `$NAME` and `${NAME}`, one in a line,
as most packages have them. What is more than that (a condition, a command, an array), and a directive whose meaning
would be lost, is an error that names it. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from adamant.model.errors import InputError
from adamant.model.kernel.config import Config

VALUES_SIZE = 1 << 20
"""Characters of all values, once their variables are filled in."""
TREE = "dkms_tree"
RELEASE = "kernelver"
KERNEL = "kernel_source_dir"
ARCH = "arch"
"""Variables that dkms gives to the file: folder of all modules, release, folder of the built kernel, `uname -m`."""

_REFUSED = {
    "BUILD_DEPENDS": "needs modules of another package",
    "DEST_MODULE_NAME": "gives a module another name",
    "MAKE_MATCH": "chooses a command by the kernel's release",
    "OBSOLETE_BY": "leaves its place to a module of the kernel",
    "PATCH": "patches its sources",
    "PATCH_MATCH": "patches its sources",
    "POST_ADD": "runs a script when it is added",
    "POST_BUILD": "runs a script after the build",
    "POST_INSTALL": "runs a script where it is installed",
    "POST_REMOVE": "runs a script where it is removed",
    "PRE_INSTALL": "runs a script where it is installed",
}
"""Directives without a counterpart here. Those that are neither here nor read say nothing to a build (CLEAN)."""

_ALIASES = {"module": "PACKAGE_NAME", "module_version": "PACKAGE_VERSION"}
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})(?:\[([0-9]{1,3})\])?=")
_BARE = re.compile(r"[A-Za-z0-9_./:,+=@%^*?!\[\]#-]+")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_ESCAPED = frozenset('$`"\\\n')
"""What a backslash takes its meaning from between double quotes."""
_AFTER_DOLLAR = frozenset(' \t\n"/\\|)')
"""What makes a dollar sign before it one, between double quotes."""
_END = re.compile(r"[ \t]*(?:[ \t]#[^\n]*)?(?:\n|\Z)")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~-]{0,63}")
_MODULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NUMBERS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}")
_OPTION = re.compile(r"!?CONFIG_[A-Za-z0-9_]{1,128}")


@dataclass(frozen=True, slots=True)
class Conf:
    """What a `dkms.conf` says. `modules` are paths below the sources without `.ko`, `make` is a line of bash."""

    name: str
    version: str
    modules: tuple[str, ...]
    make: str
    pre_build: str
    """A script below the sources with its arguments, to be run before `make`; or empty."""
    kernel: str
    """An extended regular expression (POSIX) that the kernel's release must match, or empty."""
    arch: str
    """One for the architecture, or empty."""
    kernel_min: str
    kernel_max: str
    """The first and the last version of Linux, or empty."""
    config: tuple[str, ...]
    """Options that the kernel must have (`CONFIG_X`) or must not have (`!CONFIG_X`)."""


def parse(text: str, package: str, given: Mapping[str, str]) -> Conf:
    """Read a `dkms.conf` of `package`; `given` are dkms's own variables. Raises InputError kernel-dkms-conf."""
    values = _Reader(text, package, given).values()

    def scalar(name: str) -> str:
        return values.get((name, 0), "")

    def reject(why: str) -> NoReturn:
        raise _refused(package, why)

    for name, index in values:
        if name in _REFUSED:
            reject(f"has {name}: it {_REFUSED[name]}, and that is not done here")
        if name == "MAKE" and index:
            reject("has several commands in MAKE, and one is done here")
    for name in ("PACKAGE_NAME", "PACKAGE_VERSION"):
        if not _PLAIN.fullmatch(scalar(name)):
            reject(f"has the {name} {scalar(name)[:80]!r}")
    for name in ("BUILD_EXCLUSIVE_KERNEL_MIN", "BUILD_EXCLUSIVE_KERNEL_MAX"):
        if scalar(name) and not _NUMBERS.fullmatch(scalar(name)):
            reject(f"has the {name} {scalar(name)[:80]!r}, which is no version of Linux")
    options = tuple(scalar("BUILD_EXCLUSIVE_CONFIG").split())
    if wrong := [option for option in options if not _OPTION.fullmatch(option)]:
        reject(f"has {wrong[0][:80]!r} in BUILD_EXCLUSIVE_CONFIG, which is no option of the kernel")
    generic = f"make -C {given[KERNEL]} M={given[TREE]}/{scalar('PACKAGE_NAME')}/{scalar('PACKAGE_VERSION')}/build"
    return Conf(
        scalar("PACKAGE_NAME"),
        scalar("PACKAGE_VERSION"),
        _modules(values, reject),
        scalar("MAKE") or generic,
        scalar("PRE_BUILD"),
        scalar("BUILD_EXCLUSIVE_KERNEL"),
        scalar("BUILD_EXCLUSIVE_ARCH"),
        scalar("BUILD_EXCLUSIVE_KERNEL_MIN"),
        scalar("BUILD_EXCLUSIVE_KERNEL_MAX"),
        options,
    )


def excluded(conf: Conf, release: str, machine: str, config: Config, matches: Callable[[str, str], bool]) -> list[str]:
    """Why the modules are not for a kernel, a text for each reason.

    `release` and `machine` are what `uname -r` and `uname -m` say. `matches` tells whether a regular expression (POSIX,
    extended) is found in a text.
    """
    found = []
    if conf.kernel and not matches(conf.kernel, release):
        found.append(f"BUILD_EXCLUSIVE_KERNEL={conf.kernel}: the kernel is {release}")
    if conf.arch and not matches(conf.arch, machine):
        found.append(f"BUILD_EXCLUSIVE_ARCH={conf.arch}: the kernel is for {machine}")
    if conf.kernel_min and _numbers(release) < _numbers(conf.kernel_min):
        found.append(f"BUILD_EXCLUSIVE_KERNEL_MIN={conf.kernel_min}: the kernel is {release}")
    if conf.kernel_max and _numbers(release) > _numbers(conf.kernel_max):
        found.append(f"BUILD_EXCLUSIVE_KERNEL_MAX={conf.kernel_max}: the kernel is {release}")
    for option in conf.config:
        name = option.removeprefix("!").removeprefix("CONFIG_")
        if (config.get(name, "n") in {"y", "m"}) == option.startswith("!"):
            found.append(f"BUILD_EXCLUSIVE_CONFIG={option}: the config has {name}={config.get(name, 'n')}")
    return found


def _refused(package: str, why: str, context: str = "") -> InputError:
    return InputError(
        "kernel-dkms-conf",
        f"the dkms.conf of {package} {why}",
        context=context,
        hint="put its sources into a folder beside the definition, with a Kbuild or Makefile for make M=, and name the "
        "folder as the module's source",
    )


def _numbers(version: str) -> list[int]:
    found = _NUMBERS.match(version)
    return [int(part) for part in found[0].split(".")] if found else []


def _modules(values: Mapping[tuple[str, int], str], reject: Callable[[str], NoReturn]) -> tuple[str, ...]:
    """Paths of the modules: as many as the highest index of a directive about them says."""
    about = ("BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION", "DEST_MODULE_LOCATION")
    count = 1 + max((index for name, index in values if name in about), default=-1)
    found: dict[str, str] = {}
    for index in range(count):
        name = values.get(("BUILT_MODULE_NAME", index), "")
        if not name and count == 1:
            name = values[("PACKAGE_NAME", 0)]
        if not _MODULE.fullmatch(name):
            reject(f"has the BUILT_MODULE_NAME[{index}] {name[:80]!r}")
        place = values.get(("BUILT_MODULE_LOCATION", index), "").rstrip("/")
        if place and not all(_PLAIN.fullmatch(part) for part in place.split("/")):
            reject(f"has the BUILT_MODULE_LOCATION[{index}] {place[:80]!r}")
        if name in found:
            reject(f"has the module {name} twice")
        found[name] = f"{place}/{name}" if place else name
    if not found:
        reject("names no module")
    return tuple(found.values())


class _Reader:
    """The assignments of a file, in their order."""

    def __init__(self, text: str, package: str, given: Mapping[str, str]) -> None:
        self._text = text
        self._package = package
        self._given = given
        self._at = 0
        self._room = VALUES_SIZE
        self._values: dict[tuple[str, int], str] = {}

    def values(self) -> dict[tuple[str, int], str]:
        """The value of each name and index; a name without an index has 0."""
        if wrong := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", self._text):
            self._at = wrong.start()
            self._fail("holds a control character")
        while self._skip():
            found = _ASSIGNMENT.match(self._text, self._at)
            if found is None:
                self._fail("has more than assignments of words")
            begin, self._at = self._at, found.end()
            value = self._word()
            end = _END.match(self._text, self._at)
            if end is None:
                self._at = begin
                self._fail("has more than assignments of words")
            self._at = end.end()
            self._values[found[1], int(found[2] or 0)] = value
        return self._values

    def _skip(self) -> bool:
        """Go to the next line with something in it; whether there is one."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    def _fail(self, why: str) -> NoReturn:
        number = self._text.count("\n", 0, self._at) + 1
        line = self._text.split("\n")[number - 1].strip()
        raise _refused(self._package, why, f"line {number}: {line[:200]}")

    def _word(self) -> str:
        """A word of bash (bash(1), QUOTING), as the value of an assignment: it is not split, and no file's name."""
        parts: list[str] = []
        begin, quoted = self._at, False
        while self._at < len(self._text):
            char, following = self._text[self._at], self._text[self._at + 1 : self._at + 2]
            if char == '"':
                quoted = not quoted
                parts.append("")
                self._at += 1
            elif char == "\\":
                escaped = following if not quoted or following in _ESCAPED else char + following
                parts.append("" if following == "\n" else escaped)
                self._at += 2
            elif char == "$" and quoted and following in _AFTER_DOLLAR:
                parts.append(char)
                self._at += 1
            elif char == "$":
                parts.append(self._variable())
            elif char == "`":
                self._fail("runs a command")
            elif quoted:
                parts.append(char)
                self._at += 1
            elif char == "'":
                end = self._text.find("'", self._at + 1)
                if end < 0:
                    self._fail("has a quote without an end")
                parts.append(self._text[self._at + 1 : end])
                self._at = end + 1
            elif bare := _BARE.match(self._text, self._at):
                parts.append(bare[0])
                self._at = bare.end()
            else:
                break
            self._room -= len(parts[-1])
            if self._room < 0:
                self._fail(f"has more than {VALUES_SIZE} characters in its values")
        if quoted:
            self._at = begin
            self._fail("has a quote without an end")
        return "".join(parts)

    def _variable(self) -> str:
        found = _VARIABLE.match(self._text, self._at)
        if found is None:
            self._fail("runs a command, or has more than the name of a variable")
        name = found[1] or found[2]
        value = self._values.get((_ALIASES.get(name, name), 0), self._given.get(name))
        if value is None:
            self._fail(f"has the variable {name}, which neither it nor dkms sets")
        self._at = found.end()
        return value
