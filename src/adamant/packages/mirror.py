"""The Debian mirrors that this computer uses: one for the archive, one for security updates.

Found in this order: the environment (`ADAMANT_MIRROR`, `ADAMANT_SECURITY_MIRROR`), the lists that the host's apt has
downloaded, the sources files of the host. Where only the archive is known, the security archive is looked for beside
it. A mirror is never trusted: signatures are. Its URI
never reaches a lock, an output or an error: `Mirror.redact` takes it out of what apt says.
"""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from adamant.core import limits, proc
from adamant.model.errors import InputError
from adamant.packages import complaint

_CODENAMES = ("buster", "bullseye", "bookworm", "trixie", "forky", "sid")
_ALIASES = ("oldoldstable", "oldstable", "stable", "testing", "unstable")
_URI = re.compile(r"[a-z][a-z0-9+]*:/[!-~]+", re.IGNORECASE)


_PASSED = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "APT_CONFIG")


@dataclass(frozen=True, slots=True)
class Source:
    """One suite of one repository, as the host's apt knows it."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


@dataclass(frozen=True, slots=True)
class Mirror:
    """URIs of the archive and of the security archive, each with a slash at its end."""

    archive: str
    security: str

    def uri(self, suite: str) -> str:
        """URI of the archive that holds `suite`."""
        return self.security if suite.endswith("-security") else self.archive

    def redact(self, text: str) -> str:
        """`text` without the mirrors' hosts, addresses and paths."""
        for uri, name in ((self.security, "SECURITY-MIRROR/"), (self.archive, "MIRROR/")):
            text = text.replace(uri, name)
            text = text.replace(uri.rstrip("/") + " ", name.rstrip("/") + " ")
        for uri in (self.security, self.archive):
            parts = urlsplit(uri)
            hidden = parts.hostname if parts.hostname else parts.path.rstrip("/")
            if hidden:
                text = text.replace(hidden, "MIRROR")
        text = re.sub(r" ?\[IP: [^\]]*\]| ?\((?=[^)]*[.:])[0-9a-f.:]+\)", "", text)
        text = re.sub(r"(connect to|Connecting to|resolve) '?[^\s']+'?", r"\1 MIRROR", text)
        return _URI.sub("MIRROR", text)


def find(variables: Mapping[str, str] | None = None) -> Mirror:
    """The mirrors of this computer. `variables` are the environment's unless given.

    Raises InputError when an override is not a URI, or when no mirror is known (mirror-unknown).
    """
    chosen = os.environ if variables is None else variables
    archive = _override(chosen, "ADAMANT_MIRROR")
    security = _override(chosen, "ADAMANT_SECURITY_MIRROR")
    if archive and security:
        return Mirror(archive, security)
    known_archive, known_security = choose(_downloaded() or _configured())
    archive = archive or known_archive
    if not archive:
        raise InputError(
            "mirror-unknown",
            "apt of this computer knows no mirror of Debian",
            hint="name one in ADAMANT_MIRROR, and that of the security archive in ADAMANT_SECURITY_MIRROR",
        )
    return Mirror(archive, security or known_security or beside(archive))


def beside(archive: str) -> str:
    """Where the mirror of the archive at `archive` has the security archive: in the folder of its name beside it."""
    return f"{archive.rstrip('/')}-security/"


def environment() -> dict[str, str]:
    """Variables of the person by which apt finds its way out: proxies, and a configuration file of the host's."""
    return {name: os.environ[name] for name in _PASSED if name in os.environ}


def choose(sources: Iterable[Source]) -> tuple[str, str]:
    """The best mirrors of the archive and of the security archive among `sources`; empty for what is not there."""
    archive: list[tuple[int, str]] = []
    security: list[tuple[int, str]] = []
    for source in sources:
        found = _rank(source)
        if found is not None:
            is_security, rank = found
            (security if is_security else archive).append((rank, _with_slash(source.uri)))
    return (
        min(archive, key=lambda pair: pair[0])[1] if archive else "",
        min(security, key=lambda pair: pair[0])[1] if security else "",
    )


def _rank(source: Source) -> tuple[bool, int] | None:
    """Whether `source` is the security archive, and how sure we are that it is Debian's (0 is best); None: it is not.

    Other vendors use Debian's suite names too, so a keyring of somebody else or an unlikely path rules a source out.
    """
    suite, _, pocket = source.suite.partition("/" if source.suite.endswith("/updates") else "-")
    if "main" not in source.components or suite not in (*_CODENAMES, *_ALIASES):
        return None
    if not re.match(r"[a-z][a-z0-9+]*:/", source.uri, re.IGNORECASE) or source.uri.startswith("cdrom:"):
        return None
    if pocket not in {"", "updates", "security"}:
        return None
    is_security = pocket == "security" or source.suite.endswith("/updates")
    official = "debian-archive" in source.signed_by
    if not official and (source.signed_by or "debian" not in source.uri.lower()):
        return None
    return is_security, (0 if official else 1) + (2 if pocket == "updates" else 0)


def _with_slash(uri: str) -> str:
    return uri.replace(" ", "%20").rstrip("/") + "/"


def _override(variables: Mapping[str, str], name: str) -> str:
    value = variables.get(name, "").strip()
    if not value:
        return ""
    if not re.fullmatch(r"[a-z][a-z0-9+]*:/[!-~]+", value):
        raise InputError(
            "mirror-malformed",
            f"{name} is not a URI",
            hint="write it as http://HOST/debian, https://HOST/debian or file:/PATH",
        )
    return _with_slash(value)


def _downloaded() -> list[Source]:
    """Debian's rows of the lists that the host's apt has downloaded; empty when it has none."""
    fields = "$(CREATED_BY)|$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"
    return parse_index_targets(_ask("ask apt for its mirrors", ["apt-get", "indextargets", "--format", fields]))


def _ask(purpose: str, argv: list[str]) -> str:
    """What a program of the host's apt prints; empty when it fails, as it may without any sources."""
    try:
        answer = proc.run(purpose, argv, environment=environment(), seconds=limits.PROBE_SECONDS, check=False)
    except proc.ProgramFailed as failed:
        if failed.reference == "program-not-started":
            raise complaint.apt_missing() from None
        raise
    return answer.stdout.decode(errors="replace") if answer.code == 0 else ""


def parse_index_targets(text: str) -> list[Source]:
    """Sources from the rows `CREATED_BY|ORIGIN|RELEASE|COMPONENT|REPO_URI` of apt-get indextargets.

    Only rows that a signed Release calls Debian's count. A field that is not set is printed literally.
    """
    found = []
    for line in text.splitlines():
        fields = line.split("|", 4)
        if len(fields) == 5 and fields[0] == "Packages" and fields[1] == "Debian":
            found.append(Source(fields[4], fields[2], (fields[3],), "debian-archive"))
    return found


def _configured() -> list[Source]:
    """Sources from the host's sources files; empty when they cannot be read."""
    argv = ["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"]
    words = shlex.split(_ask("ask apt where its sources are", argv))
    places = dict(word.split("=", 1) for word in words if "=" in word)
    paths = [Path(places["LIST"])] if places.get("LIST") else []
    if places.get("PARTS"):
        parts = Path(places["PARTS"])
        if parts.is_dir():
            paths += sorted(p for p in parts.iterdir() if p.suffix in {".list", ".sources"})
    found = []
    for path in paths:
        try:
            text = path.read_bytes()[: limits.APT_SOURCES_SIZE].decode(errors="replace")
        except OSError:
            continue  # a file that this user may not read (it can hold a password) is no reason to fail
        found += parse_deb822_sources(text) if path.suffix == ".sources" else parse_one_line_sources(text)
    return found


def parse_one_line_sources(text: str) -> list[Source]:
    """Sources from the one-line format (sources.list(5)). Lines that are no `deb` line are left out."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match is None:
            continue
        options, uri, suite, components = match.groups()
        signed = re.search(r"signed-by=(\S+)", options or "", re.IGNORECASE)
        found.append(Source(uri, suite, tuple(components.split()), signed.group(1) if signed else ""))
    return found


def parse_deb822_sources(text: str) -> list[Source]:
    """Sources from the deb822 format (sources.list(5)), each URI and suite as one. Disabled stanzas are left out."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in {" ", "\t"} and key:
                fields[key] += " " + line.strip()
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.strip().lower()
                fields[key] = value.strip()
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off", "without", "disable"}:
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                found.append(Source(uri, suite, components, fields.get("signed-by", "")))
    return found
