"""Where a kernel comes from, for people and scanners: the in-toto statement with SLSA's predicate, and the SBOM.

Statement v1 (in-toto attestation framework) and provenance v1 (SLSA): each input by its digest, no time and no name of
a computer, so that the statement is the same for the same inputs and outputs. The SBOM is SPDX 2.3. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from adamant.compose.sbom import purl
from adamant.model.digest import identity
from adamant.model.kernel.definition import OwnKernel
from adamant.model.lock import Package

_BUILD_TYPE = "urn:adamant:kernel-build:1"
_BUILDER = "urn:adamant:kernel-builder"


def statement(
    kernel: OwnKernel,
    subjects: Mapping[str, str],
    packages: Sequence[Package],
    inputs: Mapping[str, str],
    tools: Mapping[str, str],
    arguments: Mapping[str, Any],
) -> bytes:
    """The statement on files (`subjects`: SHA-256 by name) of a kernel.

    `packages` are Debian's, `inputs` digests of the other inputs by name, `tools` versions as programs print them,
    `arguments` what the definition says.
    """
    materials = [
        {
            "name": p.name,
            "uri": purl(p.name, p.version, p.architecture),
            "digest": {"sha256": p.sha256},
        }
        for p in packages
    ]
    materials += [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(inputs.items())]
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"definition": arguments},
                "internalParameters": {"name": kernel.name, "version": kernel.version, "arch": kernel.arch.value},
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": _BUILDER, "version": dict(sorted(tools.items()))}},
        },
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def sbom(
    kernel: OwnKernel,
    release: str,
    source: Package,
    modules: Mapping[str, str],
    packages: Mapping[str, Package],
    licenses: Mapping[str, str],
) -> bytes:
    """The SBOM of a kernel: Linux as Debian has it, and own modules with the digest of their source.

    `packages` are those modules, by name, that come from a package of Debian, `licenses` what the built modules say of
    their license. That is a comment and no declared license: MODULE_LICENSE names no version of the GPL, nor which of
    two licenses is the other (Linux, Documentation/process/license-rules.rst).
    """
    what = "SPDXRef-Kernel"
    linux = "SPDXRef-Linux"
    content = identity("kernel-sbom", {"release": release, "source": source.sha256, "modules": dict(modules)})
    plain = {"downloadLocation": "NOASSERTION", "filesAnalyzed": False}
    own = [f"SPDXRef-Module-{name}" for name in sorted(modules)]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{kernel.name}-{kernel.version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/adamant-kernel-{kernel.name}-{content}",
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: adamant"]},
        "packages": [
            {
                "SPDXID": what,
                "name": kernel.name,
                "versionInfo": release,
                "primaryPackagePurpose": "OPERATING-SYSTEM",
                "licenseDeclared": "GPL-2.0-only WITH Linux-syscall-note",
                **plain,
            },
            {
                "SPDXID": linux,
                "licenseDeclared": "GPL-2.0-only WITH Linux-syscall-note",
                **_debian(source),
                **plain,
            },
            *(
                {
                    "SPDXID": ident,
                    **(
                        _debian(packages[name])
                        if name in packages
                        else {"name": name, "versionInfo": digest[:16], "primaryPackagePurpose": "SOURCE"}
                    ),
                    "licenseDeclared": "NOASSERTION",
                    **({"licenseComments": f"MODULE_LICENSE: {licenses[name]}"} if name in licenses else {}),
                    **plain,
                }
                for ident, (name, digest) in zip(own, sorted(modules.items()), strict=True)
            ),
        ],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", what),
            _relation(what, "GENERATED_FROM", linux),
            *(_relation(what, "GENERATED_FROM", ident) for ident in own),
        ],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _debian(package: Package) -> dict[str, Any]:
    """A source package of Debian, by which scanners find its advisories."""
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl(package.source, package.source_version, "source"),
    }
    return {
        "name": package.source,
        "versionInfo": package.source_version,
        "supplier": "Organization: Debian",
        "primaryPackagePurpose": "SOURCE",
        "externalRefs": [reference],
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
