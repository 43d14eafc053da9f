"""Version: what runs on this machine."""

import os
import shlex
import socket
from pathlib import Path

from adamant.api import node_pb2 as pb
from adamant.core import limits
from adamant.model.arch import NAMES
from adamant.model.errors import AdamantError
from adamant.model.version import ADAMANT
from adamant.node.reading import read_line, read_text
from adamant.node.systemd import Systemd

RELEASE = "usr/lib/os-release"
POSTURE = "usr/lib/adamant/posture"
_POSTURES = {"open": pb.POSTURE_OPEN, "guarded": pb.POSTURE_GUARDED, "sealed": pb.POSTURE_SEALED}


def parse_release(text: str) -> dict[str, str]:
    """The fields of os-release(5)."""
    fields = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and name and not name.startswith("#"):
            try:
                words = shlex.split(value)
            except ValueError:
                continue
            fields[name] = words[0] if words else ""
    return fields


def posture(root: Path) -> pb.Posture:
    """The posture that the image was built for."""
    return _POSTURES.get(read_line(root / POSTURE), pb.POSTURE_UNSPECIFIED)


def _systemd() -> str:
    try:
        with Systemd() as systemd:
            return str(systemd.manager("Version")[0] or "")
    except AdamantError:
        return ""


def answer(root: Path) -> pb.VersionResponse:
    """The answer to Version. A part that the machine does not say is empty."""
    try:
        release = parse_release(read_text(root / RELEASE, limits.SYSTEM_FILE_SIZE))
    except AdamantError:
        release = {}
    kernel = os.uname()
    return pb.VersionResponse(
        adamant=ADAMANT,
        image=release.get("IMAGE_ID", ""),
        image_version=release.get("IMAGE_VERSION", ""),
        posture=posture(root),
        kernel=kernel.release,
        arch=next((arch.value for arch, names in NAMES.items() if names.kernel == kernel.machine), kernel.machine),
        machine_id=read_line(root / "etc/machine-id"),
        systemd=_systemd(),
        hostname=socket.gethostname(),
    )
