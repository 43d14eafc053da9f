"""Judges of where things come from: the build's own word on an image, and what a node differs in."""

from collections.abc import Iterator

from adamant.audit.facts import ImageFacts, NodeFacts
from adamant.audit.rule import Breach
from adamant.model.posture import FILE


def manifest(facts: ImageFacts) -> Iterator[Breach]:
    """Files and values are as the manifest says."""
    yield from (Breach(problem.path, problem.detail) for problem in facts.problems)


def posture_image(facts: ImageFacts) -> Iterator[Breach]:
    """The image says the posture that the manifest says."""
    said = facts.inside().posture
    if said != facts.posture.value:
        yield Breach(f"/{FILE}", f"it says {said or 'nothing'}, the manifest says {facts.posture.value}")


def sbom(facts: ImageFacts) -> Iterator[Breach]:
    """The SBOM names the packages that dpkg's status file names."""
    if facts.sbom is None:
        yield Breach("sbom.spdx.json", "there is no SBOM")
        return
    packages = facts.inside().packages
    for name, version in sorted(packages - facts.sbom):
        yield Breach(name, f"{version} is in the image and not in the SBOM")
    for name, version in sorted(facts.sbom - packages):
        yield Breach(name, f"{version} is in the SBOM and not in the image")


def drift(facts: NodeFacts) -> Iterator[Breach]:
    """The node is as the image and the config say."""
    yield from (Breach(found.what, found.reason) for found in facts.tell(facts.drift, "drift"))
