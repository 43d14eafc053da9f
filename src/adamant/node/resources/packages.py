"""Packages of the image, from dpkg's status file in it (deb-src-control(5), the fields of the status file)."""

from adamant.api import resources_pb2 as pb
from adamant.core import limits
from adamant.node.reading import read_text
from adamant.node.resources.found import Found, Sources

FILE = "usr/lib/dpkg/status"


def parse(content: str) -> list[Found]:
    """The packages of a status file. Paragraphs without a name or a version are left out."""
    found = []
    for paragraph in content.split("\n\n"):
        fields = {}
        for line in paragraph.splitlines():
            name, separator, value = line.partition(":")
            if separator and not line[0].isspace():
                fields[name] = value.strip()
        package, version = fields.get("Package", ""), fields.get("Version", "")
        if package and version:
            source = fields.get("Source", package).partition(" ")[0]
            message = pb.Package(
                version=version,
                arch=fields.get("Architecture", ""),
                source=source,
                summary=fields.get("Description", ""),
            )
            found.append(Found(package, message))
    return found


def collect(sources: Sources) -> list[Found]:
    """Every package of the image."""
    return parse(read_text(sources.root / FILE, limits.DPKG_STATUS_SIZE))
