"""What apt prints, as values: the packages that a solve chose, records of an index, providers of a name.

Pure functions over text. Whatever apt or a mirror's index says, they end with values or with an error.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from adamant.core import limits
from adamant.model.digest import parse_sha256
from adamant.model.errors import AdamantError, VerificationError
from adamant.model.lock import Package


@dataclass(frozen=True, slots=True)
class Chosen:
    """A package that a solve chose: where it is, and its exact version with the epoch."""

    uri: str
    name: str
    version: str


def parse_uris(text: str) -> list[Chosen]:
    """Packages from the lines `'URI' FILE SIZE HASH` of `--print-uris`; other lines are apt talking.

    FILE is `name_version_arch.deb` with the epoch's colon as `%3a`.
    """
    found = []
    for line in text.splitlines():
        if not line.startswith("'"):
            continue
        match = re.match(r"'([^']+)' ([^\s_]+)_([^\s_]+)_[^\s_]+\.deb \d+", line)
        if match is None:
            raise AdamantError("apt-output", "apt printed a line that is no package", context=line.rsplit("/", 1)[-1])
        uri, name, version = match.groups()
        found.append(Chosen(uri, unquote(name), unquote(version)))
    return found


def parse_records(text: str) -> list[dict[str, str]]:
    """Paragraphs of `apt-cache show`, each field's first line by name. Continuation lines are left out."""
    records: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in [*text.split("\n"), ""]:
        if not line.strip():
            if fields:
                records.append(fields)
            fields = {}
        elif line[0] not in " \t" and ":" in line:
            key, value = line.split(":", 1)
            fields[key] = value.strip()
    return records


def package_of(record: dict[str, str], suite: str) -> Package:
    """The package that a record of an index describes.

    No `Source` means that the source has the same name and version; `glibc (2.41-12)` gives the version when it
    differs (Debian Policy 5.6.1). Raises VerificationError when a field is missing or malformed.
    """
    try:
        name, version, size = record["Package"], record["Version"], int(record["Size"])
        source, _, source_version = record.get("Source", name).partition(" ")
        digest = parse_sha256(record["SHA256"])
        filename, architecture = record["Filename"], record["Architecture"]
    except (KeyError, ValueError) as error:
        raise VerificationError(
            "index-malformed", f"the index's record of {record.get('Package', 'a package')} lacks a field: {error}"
        ) from error
    if filename.startswith("/") or ".." in filename.split("/") or not 0 < size <= limits.DEB_SIZE:
        raise VerificationError("index-malformed", f"the index's record of {name} has no plain path or size")
    return Package(
        name=name,
        version=version,
        architecture=architecture,
        source=source,
        source_version=source_version.strip("()") or version,
        suite=suite,
        filename=filename,
        size=size,
        sha256=digest,
    )


def parse_providers(text: str) -> dict[str, list[str]]:
    """Names of the packages that provide a name, by that name, from `apt-cache showpkg`."""
    found: dict[str, list[str]] = {}
    name, providers = "", False
    for line in text.splitlines():
        if line.startswith("Package: "):
            name, providers = line.removeprefix("Package: ").strip(), False
        elif line.startswith("Reverse Provides:"):
            providers = True
        elif providers and name and line.strip():
            provider = line.split()[0]
            if provider not in found.setdefault(name, []):
                found[name].append(provider)
    return found
