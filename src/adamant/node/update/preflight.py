"""What must hold before an update begins: named reasons, each with what to do. Pure, on facts that were collected.

"No update" always says why (rivals' agents say it when their disk is full, and people search for days).
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from adamant.model.errors import BusyError
from adamant.node.update.entries import Entry
from adamant.release.index import Release

DISK_KEY = ".pcrpkey"
"""The section of a UKI with the key that signs what a TPM measures of it (UAPI.5)."""
_SPARE = 1 << 20
"""Bytes that stay free on the ESP."""


class Facts(NamedTuple):
    """What was seen. `running` is the entry of this boot, or None when no entry fits.

    `free` are bytes on the ESP once entries of other releases are gone, which are removed first.
    """

    running: Entry | None
    free: int
    trial: bool
    """A config is on trial."""
    failed: Sequence[str] = ()
    """Versions that were tried on this machine and not found good."""
    disk_keys: Collection[str] | None = None
    """Digests of the keys whose releases open the machine's disks; None where they open for any release."""


def check(facts: Facts, release: Release, *, force: bool) -> None:
    """Raises BusyError that names the first reason against staging `release`, if there is one."""
    if facts.running is None:
        raise BusyError(
            "boot-entry-missing",
            "the entry that this machine was started from is not on its ESP",
            hint="the machine was not started by the boot menu: reboot it first",
        )
    if not facts.running.good:
        raise BusyError(
            "boot-on-trial",
            f"{facts.running.name} is still on trial: a release is not replaced before it was found good",
            hint="adamant node health says what it waits for",
        )
    if facts.trial:
        raise BusyError(
            "config-on-trial", "a config is on trial", hint="confirm it, or wait until it has gone back by itself"
        )
    if release.version in facts.failed and not force:
        raise BusyError(
            "release-failed-here",
            f"{release.version} was tried on this machine and not found good",
            hint="adamant node logs --boot -1 says why; --force tries it again",
        )
    signer = next((part.sha256 for part in release.uki.parts if part.name == DISK_KEY), "")
    check_disk_key(facts.disk_keys, release.version, signer)
    if facts.free < release.uki.size + _SPARE:
        raise BusyError(
            "esp-full",
            f"the ESP has {facts.free >> 20} MiB free, and the new UKI needs {(release.uki.size >> 20) + 1} MiB",
            hint="remove what else lies on the ESP",
        )


def check_disk_key(disk_keys: Collection[str] | None, version: str, signer: str) -> None:
    """Raises BusyError disk-key-differs when a boot of a release would leave the disks shut.

    `disk_keys` are as in Facts. `signer` is the digest of the key that signed the release for them, empty without one.
    """
    if disk_keys is not None and signer not in disk_keys:
        raise BusyError(
            "disk-key-differs",
            f"this machine's disks would stay shut: {version} is signed "
            + ("with another key for encrypted disks" if signer else "with no key for encrypted disks"),
            hint="have them open for its key first: adamant node reseal --public-key pcr.pub",
        )
