"""The SBOM of an image: SPDX 2.3 in JSON, each binary package and the source package that it was built from.

What stays true: the document depends on the image's name, version and packages alone; its namespace is derived from
them, and its time is the epoch, since a build has none. Package URLs follow purl-spec, type deb. Imports model only.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adamant.model.digest import identity
from adamant.model.lock import Package

_NAMESPACE = "https://spdx.org/spdxdocs/adamant"
_KERNEL = "SPDXRef-Kernel"
_ID = re.compile(r"[^A-Za-z0-9.-]")


@dataclass(frozen=True, slots=True)
class OwnKernel:
    """A kernel of a person's own: release, digest, and the version of Debian's source that it was built from."""

    release: str
    digest: str
    linux: str


def make(name: str, version: str, packages: Iterable[Package], kernel: OwnKernel | None = None) -> bytes:
    """The bytes of `sbom.spdx.json` for the image `name` `version`, with the kernel that is no package."""
    packages = sorted(packages, key=lambda p: (p.name, p.architecture))
    inputs = {"name": name, "version": version, "packages": [[p.name, p.architecture, p.sha256] for p in packages]}
    content = identity("sbom", inputs | ({"kernel": kernel.digest} if kernel else {}))
    image = "SPDXRef-Image"
    linux = {("linux", kernel.linux)} if kernel else set()
    sources = sorted({(p.source, p.source_version) for p in packages} | linux)
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"{_NAMESPACE}-{name}-{content}",
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: adamant"]},
        "packages": [
            {
                "SPDXID": image,
                "name": name,
                "versionInfo": version,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "primaryPackagePurpose": "OPERATING-SYSTEM",
            },
            *(_binary(p) for p in packages),
            *([_kernel(kernel)] if kernel else []),
            *(_source(source, source_version) for source, source_version in sources),
        ],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", image),
            *(_relation(image, "CONTAINS", _binary_id(p)) for p in packages),
            *(_relation(_binary_id(p), "GENERATED_FROM", _source_id(p.source, p.source_version)) for p in packages),
            *([_relation(image, "CONTAINS", _KERNEL)] if kernel else []),
            *([_relation(_KERNEL, "GENERATED_FROM", _source_id("linux", kernel.linux))] if kernel else []),
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def purl(name: str, version: str, arch: str, upstream: str = "") -> str:
    """Package URL of a Debian package; `arch` is `source` for a source package.

    `upstream` is `SOURCE@VERSION` of the source package where that differs: grype matches advisories by it.
    """
    qualifiers = {"arch": arch, "distro": "debian-13"} | ({"upstream": upstream} if upstream else {})
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in qualifiers.items())
    return f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?{query}"


def _binary(package: Package) -> dict[str, Any]:
    same = (package.source, package.source_version) == (package.name, package.version)
    upstream = "" if same else f"{package.source}@{package.source_version}"
    return {
        "SPDXID": _binary_id(package),
        "name": package.name,
        "versionInfo": package.version,
        "packageFileName": package.filename,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": package.sha256}],
        # trivy reads the source package from here.
        "sourceInfo": f"built package from: {package.source} {package.source_version}",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "LIBRARY" if package.name.startswith("lib") else "APPLICATION",
        "externalRefs": [_reference(purl(package.name, package.version, package.architecture, upstream))],
    }


def _kernel(kernel: OwnKernel) -> dict[str, Any]:
    return {
        "SPDXID": _KERNEL,
        "name": "linux",
        "versionInfo": kernel.release,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": kernel.digest}],
        "sourceInfo": f"built from: linux {kernel.linux}",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "GPL-2.0-only WITH Linux-syscall-note",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    }


def _source(name: str, version: str) -> dict[str, Any]:
    return {
        "SPDXID": _source_id(name, version),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "SOURCE",
        "externalRefs": [_reference(purl(name, version, "source"))],
    }


def _reference(locator: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _binary_id(package: Package) -> str:
    return _identifier("Package", package.name, package.version, package.architecture)


def _source_id(name: str, version: str) -> str:
    return _identifier("Source", name, version)


def _identifier(*parts: str) -> str:
    """An SPDX identifier: letters, digits, dots and dashes. Other characters are spelt out, so that two never meet."""
    return "SPDXRef-" + "-".join(_ID.sub(lambda found: f".x{ord(found[0]):x}.", part) for part in parts)
