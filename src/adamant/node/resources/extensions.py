"""Extensions that lie over the usr image: each brings a file that says what it was made for (os-release(5))."""

from adamant.api import resources_pb2 as pb
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

FOLDER = "usr/lib/extension-release.d"
PREFIX = "extension-release."


def parse(content: str) -> pb.Extension:
    """The fields of an extension's release file."""
    fields = {name: value.strip("\"'") for name, value in keyed.pairs(content).items()}
    return pb.Extension(
        id=fields.get("ID", ""), version=fields.get("VERSION_ID", ""), level=fields.get("SYSEXT_LEVEL", "")
    )


def collect(sources: Sources) -> list[Found]:
    """Every extension that is merged; none on a machine without."""
    folder = sources.root / FOLDER
    files = sorted(folder.glob(f"{PREFIX}*")) if folder.is_dir() else []
    return [Found(path.name.removeprefix(PREFIX), parse(keyed.text(path))) for path in files]
