"""The known texts of debhelper's generators, and what each does at a first installation.

A section is known when its whole body, normalised, matches one text of data/sections.toml: a marker alone says nothing.
The holes of a text take words that the shell reads as one plain argument, so no second command fits into one.
"""

import functools
import re
import shlex
from collections.abc import Callable
from importlib import resources

import msgspec

from adamant.packages.scripts.effects import (
    Account,
    Alternative,
    Copy,
    Effect,
    EnableUnit,
    File,
    Mechanism,
    Nothing,
    NssDatabase,
    NssService,
    Replaced,
    Slave,
)

_PLAIN = r"[A-Za-z0-9_.,:@%+=/-]"
_UNIT = r"(?:[A-Za-z0-9:_.@-]|\\x[0-9a-f]{2})+"
_ARGUMENT = rf"""(?:(?:{_PLAIN}|\\[~+])+|'[^'\n]*'|"[^"\\`$\n]*")"""
_PATH = r"/[A-Za-z0-9_.,:@%+=/-]+"
_RUNS_ON_CONFIGURE = (
    r'if \[ "\$1" = "?configure"? \](?: \|\| \[ "\$1" = "?abort-(?:upgrade|deconfigure|remove)"? \])*; then'
)

_HOLES = {
    "configure": _RUNS_ON_CONFIGURE,
    "unit": rf"(?:{_UNIT}|'{_UNIT}')",
    "units": rf"(?:{_UNIT}|'{_UNIT}')(?: (?:{_UNIT}|'{_UNIT}'))*",
    "script": r"[A-Za-z0-9_.+-]+",
    "words": rf"{_PLAIN}+(?: {_PLAIN}+)*",
    "args": rf"{_ARGUMENT}(?: {_ARGUMENT})*",
    "path": _PATH,
    "other": _PATH,
    "package": r"[a-z0-9][a-z0-9+.:-]+",
    "handler": r"(?:true|:|exit(?: (?:[0-9]+|\$\?))?|(?:[a-z0-9_]+_)?(?:failed|failure|error))",
    "orfails": r"(?: >/dev/null)?(?: 2>&1)?(?: \|\| (?:true|:|exit(?: (?:[0-9]+|\$\?))?))?",
    "restart": r"(?:try-restart|restart|reload|try-reload-or-restart|reload-or-restart)",
    "rest": r"[^\x00]*?",
    "which": r"(?:command -v|which) py3?compile >/dev/null 2>&1",
    "pycompile": r"py3?compile",
    "nsspatterns": r"(?: -e '\^[a-z]+:\[\^#\]\*\\s\([A-Za-z0-9+:@_|-]+\)\(\\s\|#\|\$\)')+",
    "usrlocal": r"/usr/local/[A-Za-z0-9_./+-]+ (?:default|[0-7]{4} root (?:root|staff))",
}
_NAMED = {"unit", "script", "words", "path", "other", "rest"}
"""Holes that a translation reads. Where one stands twice in a text, both must hold the same."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: str
    does: str
    text: str
    reason: str = ""


class _Sections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    section: list[_Section]


def normalise_section(body: str) -> str:
    """A section's body with one command a line: no comments, no blank lines, single spaces, continued lines joined.

    A condition on DPKG_ROOT, which is empty in an installation, goes away.
    """
    # Lines are joined first: a comment ends a continued command, and what follows it is a command of its own.
    joined = re.sub(r"[ \t]*\\\n", " ", body)
    lines = [re.sub(r"[ \t]+", " ", line.strip(" \t")) for line in joined.split("\n")]
    text = "\n".join(line for line in lines if line and not line.startswith("#"))
    text = text.replace("${DPKG_ROOT:-}", "$DPKG_ROOT").replace('[ -z "$DPKG_ROOT" ] && ', "")
    text = text.replace('${DPKG_ROOT:+--root="$DPKG_ROOT"} ', "").replace(" ;then", "; then")
    text = re.sub(r" +; then", "; then", text)
    text = re.sub(r"\nthen\b", "; then", text)
    return re.sub(r" +$", "", text, flags=re.MULTILINE)


def _compile(text: str) -> re.Pattern[str]:
    seen: set[str] = set()
    pattern = ""
    for line in text.strip("\n").split("\n"):
        matches = ""
        for part in re.split(r"(\{[a-z]+[23]?\})", line.lstrip("?+")):
            name = part[1:-1].rstrip("23")
            if not part.startswith("{") or name not in _HOLES:
                matches += re.escape(part)
            elif name not in _NAMED or part[-2] in "23" or line[0] == "+":
                matches += f"(?:{_HOLES[name]})"
            elif name not in seen:
                # A group in an optional line could stay unset, and what refers to it would then never match.
                matches += f"(?:{_HOLES[name]})" if line[0] == "?" else f"(?P<{name}>{_HOLES[name]})"
                seen |= set() if line[0] == "?" else {name}
            else:
                matches += f"(?P={name})"
        pattern += f"(?:{matches}\n)" + {"?": "?", "+": "+"}.get(line[0], "")
    return re.compile(pattern)


Translate = Callable[[re.Match[str]], list[Effect] | None]
"""From a match to effects, or None when a hole holds what it must not hold."""


def _merged(path: str) -> str:
    """A path with the links `/bin`, `/sbin` and `/lib` of a merged system resolved."""
    return "/usr" + path if re.match(r"/(bin|sbin|lib|lib64)/", path) else path


def alternatives(arguments: str) -> list[Effect] | None:
    """Arguments of update-alternatives(1) as alternatives, or None when they say anything else than `--install`."""
    try:
        words = shlex.split(arguments)
    except ValueError:
        return None
    offered: list[Effect] = []
    while words:
        if words[0] != "--install" or len(words) < 5 or not re.fullmatch(r"-?[0-9]{1,9}", words[4]):
            return None
        link, name, path, priority = words[1:5]
        words = words[5:]
        slaves: list[Slave] = []
        while words and words[0] == "--slave":
            if len(words) < 4:
                return None
            slaves.append(Slave(name=words[2], link=words[1], path=words[3]))
            words = words[4:]
        paths = (link, path, *(text for slave in slaves for text in (slave.link, slave.path)))
        if not all(re.fullmatch(_PATH, text) for text in paths):
            return None
        offered.append(
            Alternative(
                name,
                _merged(link),
                _merged(path),
                int(priority),
                tuple(Slave(s.name, _merged(s.link), _merged(s.path)) for s in slaves),
            )
        )
    return offered or None


def _alternatives(found: re.Match[str]) -> list[Effect] | None:
    offered: list[Effect] = []
    for line in found["rest"].split("\n"):
        command = re.fullmatch(r"update-alternatives ([^;&|`$<>()#]*)", line)
        more = alternatives(command[1]) if command else None
        if more is None:
            return None
        offered += more
    return offered


def _unit(found: re.Match[str], user: bool) -> list[Effect]:
    return [EnableUnit(found["unit"].strip("'").replace("\\\\", "\\"), user)]


def _sysuser(found: re.Match[str]) -> list[Effect] | None:
    try:
        return [msgspec.convert({"kind": "account", "name": found["script"], "home": found["path"]}, Account)]
    except msgspec.ValidationError:
        return None


_NSS_FILE = r'"\$\{DPKG_ROOT\}/etc/nsswitch\.conf"'
_NSS_SERVICE = r"(?P<service>[A-Za-z0-9+:@_-]+(?: \\\[!?[A-Za-z]+=[A-Za-z]+\\\])?)"
_NSS_ANCHOR = r"[A-Za-z0-9+:@_-]+\(\\s\+\\\[\[\^\]\]\+\\\]\)\?"
_NSS_ANCHORS = rf"(?P<anchors>{_NSS_ANCHOR}(?:\|{_NSS_ANCHOR})*)"
_NSS_PLAIN = r" -e '/\^(?P<database>[a-z]+):\\s\[\^#\]\*\$/ "
_NSS_COMMENTED = r" -e '/\^(?P=database):\\s\.\*#/ "
_NSS_FORMS = {
    "first": rf" -e '/\^(?P<database>[a-z]+):\\s/ s/\(:\\s\+\)/\\1{_NSS_SERVICE} /'",
    "last": rf"{_NSS_PLAIN}s/\$/ {_NSS_SERVICE}/'{_NSS_COMMENTED}s/#/ (?P=service) #/'",
    "before": rf"{_NSS_PLAIN}s/\(\\s\)\({_NSS_ANCHORS}\)\(\\s\|\$\)/\\1{_NSS_SERVICE} \\2 /'"
    rf"{_NSS_COMMENTED}s/\(\\s\)\((?P=anchors)\)\(\\s\|#\)/\\1(?P=service) \\2 /' -e 's/ \$//'",
    "after": rf"{_NSS_PLAIN}s/\(\\s\)\({_NSS_ANCHORS}\)\(\\s\|\$\)/\\1\\2 {_NSS_SERVICE} /'"
    rf"{_NSS_COMMENTED}s/\(\\s\)\((?P=anchors)\)\(\\s\|#\)/\\1\\2 (?P=service) \\3/' -e 's/ \$//'",
}
_NSS_OPERATIONS = {position: re.compile(f"sed -E -i {_NSS_FILE}{form}") for position, form in _NSS_FORMS.items()}
_NSS_CONDITION = re.compile(
    rf"if ! grep -q -E '\^[a-z]+:\.\*\\s\((?P<unless>[A-Za-z0-9+:@_|-]+)\)\(\\s\|\$\)' {_NSS_FILE}; then"
)


def _nss_services(found: re.Match[str]) -> list[Effect] | None:
    services: list[Effect] = []
    unless: tuple[str, ...] = ()
    for line in found["rest"].split("\n"):
        condition = _NSS_CONDITION.fullmatch(line)
        if condition and not unless:
            unless = tuple(condition["unless"].split("|"))
        elif line == "fi" and unless:
            unless = ()
        else:
            operation = _nss_operation(line, unless)
            if operation is None:
                return None
            services.append(operation)
    return None if unless else services


def _nss_operation(line: str, unless: tuple[str, ...]) -> Effect | None:
    for position, pattern in _NSS_OPERATIONS.items():
        found = pattern.fullmatch(line)
        if found:
            groups = found.groupdict()
            anchors = tuple(re.findall(r"([A-Za-z0-9+:@_-]+)\(\\s\+", groups.get("anchors") or ""))
            return NssService(groups["database"], groups["service"].replace("\\", ""), position, anchors, unless)
    return None


_TRANSLATIONS: dict[str, Translate] = {
    "enable": lambda found: _unit(found, user=False),
    "enable-user": lambda found: _unit(found, user=True),
    "tmpfiles": lambda found: [Replaced(Mechanism.TMPFILES, found["words"])],
    "sysusers": lambda found: [Replaced(Mechanism.ACCOUNTS, found["words"])],
    "sysuser": _sysuser,
    "alternatives": _alternatives,
    "ucf": lambda found: [Copy(found["path"], found["other"])],
    "apparmor": lambda found: [File("/etc/apparmor.d/local/" + found["script"], "")],
    "nss-services": _nss_services,
    "nss-database": lambda found: [NssDatabase(found["script"])],
    "depmod": lambda found: [Replaced(Mechanism.DEPMOD, found["script"])],
    "ldconfig": lambda _found: [Replaced(Mechanism.LDCONFIG)],
}


def _nothing(reason: str) -> Translate:
    return lambda _found: [Nothing(reason)]


class _Known:
    """A known text. Its pattern is made when a section holds the longest of its fixed parts."""

    def __init__(self, section: _Section) -> None:
        self._text = section.text
        required = [line for line in section.text.split("\n") if not line.startswith("?")]
        parts = [part for line in required for part in re.split(r"\{[a-z]+[23]?\}", line.removeprefix("+"))]
        self._fixed = max(parts, key=len)
        self._effects = _nothing(section.reason) if section.does == "nothing" else _TRANSLATIONS[section.does]
        self._pattern: re.Pattern[str] | None = None

    def translate(self, text: str) -> list[Effect] | None:
        """What the section does, or None when it is not this text."""
        if self._fixed not in text:
            return None
        if self._pattern is None:
            self._pattern = _compile(self._text)
        found = self._pattern.fullmatch(text)
        return self._effects(found) if found else None


@functools.cache
def _known() -> list[_Known]:
    data = resources.files("adamant.packages.scripts").joinpath("data/sections.toml").read_bytes()
    return [_Known(section) for section in msgspec.toml.decode(data, type=_Sections).section]


def translate(body: str) -> list[Effect] | None:
    """What a generated section does, or None when its body is no known text."""
    text = normalise_section(body) + "\n"
    for known in _known():
        effects = known.translate(text)
        if effects is not None:
            return effects
    return None
