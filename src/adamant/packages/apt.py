"""apt with a state folder of its own: reads a mirror's lists and solves sets of packages.

Owns `apt/` in the cache: one state folder for each architecture, set of suites and mirror. The host's apt
configuration stays in force for proxies, credentials and retries, but its hooks, pins, sources, keys and everything
that weakens a check are overruled. Only Debian 13's archive keys, which come with the product, are trusted.
Nothing is ever installed, and nothing of the host's package state is read. The state folder holds the mirror's host
in names of files and in text, so nothing of it may reach a lock or an output.
"""

import difflib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

from adamant.core import events, files, limits, proc
from adamant.model.arch import Arch
from adamant.model.definition import PACKAGE_PATTERN, Base
from adamant.model.digest import identity
from adamant.model.errors import AdamantError
from adamant.model.lock import Package, Release
from adamant.packages import base as base_set
from adamant.packages import complaint
from adamant.packages import mirror as mirrors
from adamant.packages.mirror import Mirror
from adamant.packages.records import Chosen, package_of, parse_providers, parse_records, parse_uris

KEYS = tuple(f"debian-archive-trixie-{name}.asc" for name in ("automatic", "security-automatic", "stable"))

_CLEARED = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Install-Pkgs",
    "DPkg::Pre-Invoke",
    "DPkg::Post-Invoke",
    "APT::Architectures",
    "APT::Architecture-Variants",
    "APT::Default-Release",
)


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solve chose: packages sorted by name, and the Release files it relied on, in the order of the suites."""

    packages: tuple[Package, ...]
    releases: tuple[Release, ...]


class Apt:
    """apt for one architecture and the suites of `base` on `mirror`, with its state below `cache`.

    `keys` are the trusted keyrings (`.asc` or `.gpg`), Debian 13's unless given.
    """

    def __init__(
        self, arch: Arch, base: Base, mirror: Mirror, cache: Path, *, keys: Sequence[Path] | None = None
    ) -> None:
        self._arch = arch
        self._base = base
        self._mirror = mirror
        self._suites = (base.suite, *base.pockets)
        self._keys = keys
        key = identity(
            "apt",
            {
                "arch": arch,
                "suites": list(self._suites),
                "mirror": [mirror.archive, mirror.security],
                "snapshot": base.snapshot,
                "pins": base.pins,
            },
        )
        self._folder = cache / "apt" / key[:16]
        self._lock = cache / "locks" / f"apt.{key[:16]}"

    def update(self, watch: events.Watch = events.silent) -> None:
        """Read the lists of the mirror anew.

        Raises VerificationError (not signed, expired), UnreachableError, or InputError (no such suite, no apt).
        """
        watch(events.Started(f"lists of {self._arch}"))
        with self._locked():
            try:
                self._update()
            except AdamantError as error:
                if error.reference != "apt-failed":
                    raise
                # a killed process or a full disk can leave lists that apt itself cannot read any more
                shutil.rmtree(self._folder)
                self._prepare()
                self._update()

    def _update(self) -> None:
        self._call("read the mirror's lists", ["apt-get", "update"], of=complaint.of_update)

    def solve(self, names: Iterable[str], watch: events.Watch = events.silent) -> Solution:
        """The packages that `names` need, by their dependencies alone (no recommendations), from the lists as read.

        Raises InputError with the names that do not exist, or with apt's reasons when the set cannot be.
        """
        wanted = sorted(set(names))
        watch(events.Started(f"solve for {self._arch}", len(wanted), "names"))
        with self._locked():
            self._check_names(wanted)
            chosen = self._chosen(wanted)
            records = self._records(chosen)
            packages = [self._package(one, records) for one in chosen]
            releases = tuple(self._release(suite) for suite in self._suites)
        return Solution(tuple(sorted(packages, key=lambda p: (p.name, p.architecture))), releases)

    def _check_names(self, wanted: Sequence[str]) -> None:
        """apt takes `name-` for a removal and a name with a dot for a pattern; here a name is only ever a name."""
        text = self._call("list the packages", ["apt-cache", "pkgnames"], of=complaint.of_solve)
        known = set(text.split())
        missing = [n for n in wanted if n not in known or not re.fullmatch(PACKAGE_PATTERN, n)]
        if missing:
            near = self._providers(missing)
            for name in missing:
                near[name] = near.get(name) or difflib.get_close_matches(name, known, n=3, cutoff=0.75)
            raise complaint.package_missing(missing, near)

    def _providers(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Packages that provide what a name stands for (a virtual package, or an old name)."""
        plain = [name for name in names if re.fullmatch(PACKAGE_PATTERN, name)]
        argv = ["apt-cache", "-c", str(self._folder / "apt.conf"), "showpkg", "--", *plain]
        text, _ = call("ask for providers", argv, self._mirror)  # it fails for a name that nothing knows
        return {name: sorted(providers)[:8] for name, providers in parse_providers(text).items()}

    def _chosen(self, wanted: Sequence[str]) -> list[Chosen]:
        """The packages that a solve chooses."""
        argv = ["apt-get", "install", "--print-uris"]
        try:
            text = self._call("solve the packages", [*argv, "-qq", "--", *wanted], of=complaint.of_solve)
        except AdamantError:
            # with -qq apt keeps its reasons to itself; the same question, aloud, raises the error that has them
            self._call("solve the packages", [*argv, "-q", "--", *wanted], of=complaint.of_solve)
            raise
        return parse_uris(text)

    def _records(self, chosen: Sequence[Chosen]) -> dict[str, dict[str, str]]:
        """Index records of the chosen packages, by their path in the archive."""
        records: dict[str, dict[str, str]] = {}
        for start in range(0, len(chosen), limits.APT_ARGUMENTS):
            batch = [f"{one.name}={one.version}" for one in chosen[start : start + limits.APT_ARGUMENTS]]
            text = self._call("read the packages' records", ["apt-cache", "show", *batch], of=complaint.of_solve)
            for record in parse_records(text):
                records[record.get("Filename", "")] = record
        return records

    def _package(self, one: Chosen, records: dict[str, dict[str, str]]) -> Package:
        plain = unquote(one.uri)
        places = [(unquote(self._mirror.uri(suite)), suite) for suite in self._suites]
        # longest first: the security archive may lie below the archive. The suites of one archive share a pool,
        # so the first of them stands for it.
        for prefix, suite in sorted(places, key=lambda place: -len(place[0])):
            record = records.get(plain.removeprefix(prefix)) if plain.startswith(prefix) else None
            if record is not None:
                return package_of(record, suite)
        raise AdamantError("apt-output", f"apt chose {one.name} {one.version}, which is in none of its lists")

    def _release(self, suite: str) -> Release:
        lists = self._folder / "state" / "lists"
        for kind in ("InRelease", "Release"):
            for path in sorted(lists.glob(f"*_dists_{suite}_{kind}")):
                return Release(suite, files.sha256_file(path))
        raise AdamantError(
            "lists-missing", f"the lists of {suite} have not been read", hint="read them with: adamant lock"
        )

    def _call(self, purpose: str, argv: Sequence[str], *, of: Callable[[str], AdamantError]) -> str:
        text, error = call(purpose, [argv[0], "-c", str(self._folder / "apt.conf"), *argv[1:]], self._mirror)
        if error is not None:
            # names of lists hold the mirror's host
            raise of(re.sub(r"STATE/state/lists/\S+", "LIST", error.replace(str(self._folder), "STATE")))
        return text

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with files.locked(self._lock, "apt's state"):
                self._prepare()
                yield
        except OSError as error:
            raise files.write_failed(self._folder, error) from error

    def _prepare(self) -> None:
        """Write the configuration, the sources and the keys, so that every call finds them as this version wants."""
        keys = self._folder / "keys"
        for part in ("state/lists/partial", "cache/archives/partial", "log", "keys"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        wanted = {
            "apt.conf": configuration(self._folder, self._arch, self._base),
            "sources.list": sources(self._arch, self._suites, self._mirror),
            "status": status(),
        }
        trusted = {p.name: p.read_bytes() for p in self._keys} if self._keys is not None else shipped_keys()
        for stray in keys.iterdir():
            if stray.name not in trusted:
                stray.unlink()
        contents = {name: text.encode() for name, text in wanted.items()}
        contents |= {f"keys/{name}": data for name, data in trusted.items()}
        for name, data in contents.items():
            path = self._folder / name
            if not path.is_file() or path.read_bytes() != data:
                files.write_atomic(path, data)


def call(purpose: str, argv: Sequence[str], mirror: Mirror) -> tuple[str, str | None]:
    """Run a program of apt. Returns its standard output, and None or (when it failed) all it said, redacted.

    Raises InputError when there is no apt, UnreachableError when it exceeds its deadline.
    """
    try:
        result = proc.run(purpose, argv, environment=mirrors.environment(), seconds=limits.APT_SECONDS, check=False)
    except proc.ProgramFailed as failed:
        # its context is the command line, which may name the mirror
        if failed.reference == "program-not-started":
            raise complaint.apt_missing() from None
        raise complaint.too_slow(limits.APT_SECONDS) from None
    text = result.stdout.decode(errors="replace")
    if result.code == 0:
        return text, None
    return text, mirror.redact(f"{text}\n{result.stderr.decode(errors='replace')}")


def shipped_keys() -> dict[str, bytes]:
    """The archive keys of Debian 13 that come with the product, by file name."""
    folder = resources.files("adamant.packages") / "data"
    return {name: (folder / name).read_bytes() for name in KEYS}


def configuration(folder: Path, arch: Arch, base: Base) -> str:
    """The configuration file, read with `-c` after all of the host's, so it has the last word."""

    def quoted(value: Path | str) -> str:
        text = str(value)
        if '"' in text or "\n" in text:
            raise AdamantError("cache-path", "the path of the cache holds a quote or a line break")
        return f'"{text}"'

    fresh = "false" if base.snapshot else "true"
    settings: dict[str, Path | str] = {
        "APT::Architecture": arch.value,
        "APT::Architectures::": arch.value,
        "APT::Install-Recommends": "false",
        "APT::Install-Suggests": "false",
        "APT::Get::Assume-Yes": "true",
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Solver": "internal",
        # matters only for root: apt would drop to a user that may not read this folder
        "APT::Sandbox::User": "",
        # else update ends with 0 without any network
        "APT::Update::Error-Mode": "any",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "Acquire::AllowWeakRepositories": "false",
        "Acquire::Check-Valid-Until": fresh,
        "Acquire::Check-Date": "true",
        "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "false",
        "Dir::State": folder / "state",
        "Dir::State::lists": folder / "state" / "lists",
        "Dir::State::status": folder / "status",
        "Dir::State::extended_states": folder / "state" / "extended_states",
        "Dir::Cache": folder / "cache",
        "Dir::Cache::archives": folder / "cache" / "archives",
        "Dir::Cache::pkgcache": "pkgcache.bin",
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Log": folder / "log",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::trusted": "/dev/null",
        "Dir::Etc::trustedparts": folder / "keys",
    }
    if not base.pins:
        settings |= {"Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null"}
    lines = [f"#clear {name};" for name in _CLEARED]
    lines += [f"{name} {quoted(value)};" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def sources(arch: Arch, suites: Sequence[str], mirror: Mirror) -> str:
    """The sources file: component main of each suite, and of each only the package index."""
    return "".join(f"deb [arch={arch} target=Packages] {mirror.uri(suite)} {suite} main\n" for suite in suites)


def status() -> str:
    """The status of packages: nothing is installed but Adamant, which provides what it does itself."""
    return (
        "Package: adamant\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
        "Maintainer: Adamant <adamant@localhost>\n"
        f"Provides: {', '.join(base_set.PROVIDED)}\nDescription: what Adamant does itself\n\n"
    )
