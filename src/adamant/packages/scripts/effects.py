"""Effects: what a maintainer script would have done, said as plain values that compose carries out.

All paths are absolute paths of the running system. compose decides where they lie in an image (`/etc` in the factory
folder); below `/var`, `/run`, `/root`, `/srv` and `/home` only a TmpfilesLine is allowed, since an image ships nothing
there. Account, group and user names are names, never numbers, except for an id that Debian fixes. The types are also
the schema of the reviewed table. No I/O.
"""

import struct
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

AbsolutePath = Annotated[str, Meta(pattern=r"^/[^\x00\n]*$", max_length=1024)]
AccountName = Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_-]{0,30}\$?$|^Debian-[a-z]+$")]
UnitName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9:_.@\\-]+\.[a-z]+$", max_length=256)]
ModeText = Annotated[str, Meta(pattern=r"^[0-7]{4}$")]


_CAPABILITY_BITS = {
    "cap_chown": 0,
    "cap_dac_override": 1,
    "cap_dac_read_search": 2,
    "cap_setgid": 6,
    "cap_setuid": 7,
    "cap_net_bind_service": 10,
    "cap_net_admin": 12,
    "cap_net_raw": 13,
    "cap_sys_admin": 21,
    "cap_sys_nice": 23,
    "cap_sys_resource": 24,
    "cap_perfmon": 38,
    "cap_bpf": 39,
}
CAPABILITY_PATTERN = f"^({'|'.join(_CAPABILITY_BITS)})$"


class Mechanism(StrEnum):
    """A part of Adamant that does natively what a script would have done."""

    ACCOUNTS = "accounts"
    """passwd, group, shadow and gshadow: base-passwd's master files, sysusers.d, and Account effects."""
    ALTERNATIVES = "alternatives"
    BASE_FILES = "base-files"
    """The skeleton of `/`, and the files that base-files copies from its templates."""
    CA_CERTIFICATES = "ca-certificates"
    CATALOG = "catalog"
    """The journal's message catalogue."""
    DEPMOD = "depmod"
    DPKG_STATUS = "dpkg-status"
    FIRST_BOOT = "first-boot"
    """What is made anew on each machine: machine id, SSH host keys, random seeds, names of initiators."""
    HWDB = "hwdb"
    KERNEL = "kernel"
    """Our own initrd and UKI: no initramfs, no boot loader entry, no kernel hook."""
    LDCONFIG = "ldconfig"
    NSSWITCH = "nsswitch"
    PAM = "pam"
    PRESETS = "presets"
    """Which units are enabled."""
    SHELLS = "shells"
    """`/etc/shells`, from the files in shells.d and AddShell effects."""
    TMPFILES = "tmpfiles"
    """tmpfiles.d, carried out at boot."""


class EnableUnit(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="enable-unit"):
    """A systemd unit that the package enables at its first installation. `user` is for the user manager's units."""

    unit: UnitName
    user: bool = False


class Slave(Struct, frozen=True, forbid_unknown_fields=True):
    """A link that follows an alternative."""

    name: str
    link: AbsolutePath
    path: AbsolutePath


class Alternative(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="alternative"):
    """A choice offered to update-alternatives(1): of one `name`, the highest `priority` wins; `link` points to it."""

    name: str
    link: AbsolutePath
    path: AbsolutePath
    priority: int
    slaves: tuple[Slave, ...] = ()


class Account(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="account"):
    """A system user that no sysusers.d file declares. An empty `group` means a group of the user's own name."""

    name: AccountName
    id: int | None = None
    group: str = ""
    home: AbsolutePath = "/nonexistent"
    shell: AbsolutePath = "/usr/sbin/nologin"
    comment: str = ""


class Group(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="group"):
    """A system group that no sysusers.d file declares."""

    name: AccountName
    id: int | None = None


class Member(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="member"):
    """A user that is put into a further group."""

    user: AccountName
    group: AccountName


class Copy(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="copy"):
    """A file that a script copies from a template of its package. Without `mode` it has that of the template."""

    source: AbsolutePath
    target: AbsolutePath
    mode: ModeText | None = None


class File(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="file"):
    """A file that a script writes."""

    path: AbsolutePath
    content: str
    mode: ModeText = "0644"


class Link(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="link"):
    """A symbolic link that a script makes."""

    path: AbsolutePath
    target: str


class Mode(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="mode"):
    """Mode and owner that a script gives to a file of its package (chown, chmod, dpkg-statoverride)."""

    path: AbsolutePath
    mode: ModeText
    owner: str = "root"
    group: str = "root"


class Diversion(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="diversion"):
    """What other packages ship at `path` lies at `to`, so that this package's own file has `path` (dpkg-divert)."""

    path: AbsolutePath
    to: AbsolutePath


class TmpfilesLine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="tmpfiles"):
    """One line of tmpfiles.d(5), for what a script makes outside `/usr` and `/etc`."""

    text: Annotated[str, Meta(pattern=r"^[a-zA-Z][+!=~^-]* /[^\n]*$")]


class AddShell(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="shell"):
    """A login shell that add-shell(8) would list in `/etc/shells`."""

    path: AbsolutePath


class NssService(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="nss-service"):
    """A service in a line of nsswitch.conf(5), as dh_installnss puts it there.

    `service` may carry an action (`resolve [!UNAVAIL=return]`). `position` is `first`, `last`, `before` or `after`; the
    latter two stand beside one of `anchors`, and do nothing when none is there. Nothing is done when one of `unless`
    is listed already.
    """

    database: str
    service: str
    position: Annotated[str, Meta(pattern=r"^(first|last|before|after)$")] = "last"
    anchors: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class NssDatabase(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="nss-database"):
    """A line that nsswitch.conf(5) gets when it has none for `database`."""

    database: str


class Capability(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="capability"):
    """File capabilities that a script sets with setcap(8): permitted, and effective unless that is off (`=p`)."""

    path: AbsolutePath
    permitted: tuple[Annotated[str, Meta(pattern=CAPABILITY_PATTERN)], ...]
    effective: bool = True

    def xattr(self) -> tuple[str, bytes]:
        """The extended attribute (vfs_cap_data, revision 2, of linux/capability.h)."""
        bits = sum(1 << _CAPABILITY_BITS[name] for name in self.permitted)
        magic = 0x02000000 | int(self.effective)  # VFS_CAP_REVISION_2, VFS_CAP_FLAGS_EFFECTIVE
        return "security.capability", struct.pack("<5I", magic, bits & 0xFFFFFFFF, 0, bits >> 32, 0)


class Replaced(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="replaced"):
    """Nothing is left to do for this script, since `mechanism` does it for the image as a whole."""

    mechanism: Mechanism
    detail: str = ""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="nothing"):
    """Nothing is to be done, and why."""

    reason: str


Effect = (
    EnableUnit
    | Alternative
    | Account
    | Group
    | Member
    | Copy
    | File
    | Link
    | Mode
    | Diversion
    | TmpfilesLine
    | AddShell
    | NssService
    | NssDatabase
    | Capability
    | Replaced
    | Nothing
)
