"""Version: what runs on this machine."""

import os
import socket
from pathlib import Path

from adamant.api import node_pb2 as pb
from adamant.model.arch import NAMES
from adamant.model.errors import AdamantError
from adamant.model.posture import FILE
from adamant.model.version import ADAMANT
from adamant.node.reading import read_line, read_release
from adamant.node.systemd import Systemd

_POSTURES = {"open": pb.POSTURE_OPEN, "guarded": pb.POSTURE_GUARDED, "sealed": pb.POSTURE_SEALED}


def posture(root: Path) -> pb.Posture:
    """The posture that the image was built for."""
    return _POSTURES.get(read_line(root / FILE), pb.POSTURE_UNSPECIFIED)


def _systemd() -> str:
    try:
        with Systemd() as systemd:
            return str(systemd.manager("Version")[0] or "")
    except AdamantError:
        return ""


def answer(root: Path) -> pb.VersionResponse:
    """The answer to Version. A part that the machine does not say is empty."""
    release = read_release(root)
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
