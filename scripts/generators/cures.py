"""What to do about errors that carry no hint of their own, for the page of all errors.

A hint in the code is better: it stands where the person looks. Here stands what is too long for one, and what belongs
to errors that mean a bug of ours or a damaged file, where the message alone would leave the person alone.
"""

from collections.abc import Mapping

from adamant.model.errors import ExitCode

OF_CODE: Mapping[ExitCode, str] = {
    ExitCode.FAILED: "read the context of the error; when nothing there explains it, it is a bug: please report it",
    ExitCode.USAGE: "correct what the message names",
    ExitCode.VERIFICATION: "do not use the file: get it again, and tell its maker if that fails",
    ExitCode.UNREACHABLE: "check the network and the address, and try again",
    ExitCode.BUSY: "wait for the other process, or end it",
}
"""For references that stand nowhere else."""

_REBUILD = "delete the cache folder (ADAMANT_CACHE) and build again; when it comes back, it is a bug: please report it"
_BUG = "this is a bug, in Adamant or in its reading of a package: please report it with the package's name"

OF_REFERENCE: Mapping[str, str] = {
    "alternative-conflict": "leave out one of the two packages; an image has one program of that name",
    "apt-failed": "the context holds what apt said; run adamant lock again when it speaks of the network",
    "apt-output": "the mirror may be in the middle of an update: try again in some minutes",
    "authority-malformed": "restore the CA from your backup, or make a new one: its machines then need new keys",
    "base-files-missing": "make a new lock: adamant lock --update",
    "cache-path": "choose another cache folder with ADAMANT_CACHE",
    "content-missing": _REBUILD,
    "content-size": _REBUILD,
    "contents-missing": _REBUILD,
    "device-mapper": "the node runs a kernel that answers otherwise than expected: please report it",
    "elf-malformed": "a package ships a damaged library: the context names it; tell its maintainer",
    "file-too-large": "the caps stand in src/adamant/core/limits.py; a file above one is almost never what was meant",
    "host-architecture": "build on another computer, or in a virtual machine",
    "initrd-module-missing": "use Debian's kernel flavours cloud or generic, which have it",
    "kernel-modules-missing": "make a new lock: adamant lock --update",
    "key-mismatch": "name the certificate that was made with this key",
    "layer-unreadable": _REBUILD,
    "machine-not-started": "the context holds what QEMU said",
    "machine-silent": "adamant machine stop --force ends it; its console says why",
    "machine-stopped": "start it: adamant up",
    "module-malformed": _BUG,
    "modules-dep-malformed": _BUG,
    "modules-devname-malformed": _BUG,
    "program-failed": "the context holds the end of what the program said, and a command line to paste into a shell",
    "program-not-started": "the context holds the command line; the program is missing, or may not be run",
    "python-version": "make a new lock: adamant lock --update",
    "root-hash-differs": _REBUILD,
    "system-file": "the node could not read what the kernel tells of itself: please report it",
    "systemd-silent": "ask again; when it stays so, reboot the machine: adamant machine stop",
    "tools-clash": _BUG,
    "tools-target-clash": _BUG,
    "entry-too-large": "the caps stand in src/adamant/core/limits.py; tell us which package has such a file",
    "unit-malformed": "correct the unit of the definition, or tell the maintainer of the package",
    "variable-update-refused": "is the firmware's memory for variables full? Its maker's update may make room",
    "variable-update-signature": "sign the change with the KEK that the machine has: adamant node get boot lists it",
    "verity-mismatch": _REBUILD,
}
"""By reference."""
