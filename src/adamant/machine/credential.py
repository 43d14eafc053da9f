"""Credentials of a machine as SMBIOS strings (systemd, "System and Service Credentials"; DMTF DSP0134, type 11).

Each is a file of the machine's folder that only its owner reads. QEMU takes it by path, so no secret stands on a
command line.
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from adamant.core import files, limits
from adamant.model.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")


def write_credentials(folder: Path, credentials: Mapping[str, bytes]) -> tuple[str, ...]:
    """Write each credential into `folder`. Returns their names, sorted.

    Raises InputError credential-name, credentials-too-large.
    """
    total = 0
    for name, value in credentials.items():
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise InputError("credential-name", f"not a name of a credential: {name!r}")
        total += len(value)
    if total > limits.CREDENTIALS_SIZE:
        raise InputError(
            "credentials-too-large", f"{total} bytes of credentials; a machine takes {limits.CREDENTIALS_SIZE}"
        )
    folder.mkdir(mode=0o700)
    for name, value in credentials.items():
        files.write_atomic(folder / name, smbios_string(name, value), 0o600)
    return tuple(sorted(credentials))


def smbios_string(name: str, value: bytes) -> bytes:
    """The string by which PID 1 of the machine finds a credential."""
    return b"io.systemd.credential.binary:" + name.encode() + b"=" + base64.b64encode(value)
