"""Signed changes of a firmware's variables: EFI_VARIABLE_AUTHENTICATION_2, as a file ending in `.auth` holds one.

Format: UEFI Specification 2.10, section 8.2.2; which key signs which variable is section 32.3. The signature is over
the variable's name, its vendor, the attributes, the time and the contents, so that a change is good for one variable
and one way of changing it. Values only; signing is for `image`, verifying for `core`.
"""

import re
import struct
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from adamant.model.errors import VerificationError

GLOBAL = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
"""EFI_GLOBAL_VARIABLE."""
DATABASE = UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
"""EFI_IMAGE_SECURITY_DATABASE_GUID."""
UPDATES = "usr/lib/adamant/secure-boot"
"""Where a release carries changes, below `/`: the files are named as `file_name` has it."""
_ATTRIBUTES = 0x27
"""Kept, seen at boot and at run time, changed only by who signs with a time."""
_APPEND = 0x40
_PKCS7 = UUID("4aafd29d-68df-49ee-8aa9-347d375665a7")
_TIME = struct.Struct("<HBBBBBBIhBB")
_CERTIFICATE = struct.Struct("<IHH16s")
_REVISION, _GUID_TYPE = 0x0200, 0x0EF1
_NAME = re.compile(r"(?P<time>[0-9]{14})-(?P<variable>dbx|db)-append\.auth")


class Variable(StrEnum):
    """The variables of Secure Boot: the platform key, the keys for changes, what may start, what may not."""

    PK = "PK"
    KEK = "KEK"
    DB = "db"
    DBX = "dbx"

    @property
    def vendor(self) -> UUID:
        """The GUID that belongs to its name."""
        return GLOBAL if self in {Variable.PK, Variable.KEK} else DATABASE

    @property
    def signer(self) -> "Variable":
        """The variable whose keys sign changes of this one."""
        return Variable.PK if self in {Variable.PK, Variable.KEK} else Variable.KEK


class Change(NamedTuple):
    """A signed change: `time` in UTC to the second, `pkcs7` the SignedData in DER, `payload` signature lists."""

    time: datetime
    pkcs7: bytes
    payload: bytes


def file_name(variable: Variable, time: datetime) -> str:
    """The name of a file that adds to `variable`. Names in their order are changes in theirs."""
    return f"{time.astimezone(UTC):%Y%m%d%H%M%S}-{variable.value}-append.auth"


def variable_of(name: str) -> Variable:
    """The variable that a file of this name adds to. Raises VerificationError variable-update-malformed."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise _malformed(f"{name[:80]!r} is not the name of one, as 20261129010203-dbx-append.auth is")
    return Variable(match["variable"])


def attributes(*, append: bool) -> int:
    """Attributes of a variable of Secure Boot, for a change that adds to it or that replaces it."""
    return _ATTRIBUTES | (_APPEND if append else 0)


def message(variable: Variable, time: datetime, payload: bytes, *, append: bool) -> bytes:
    """The bytes that the signature is over."""
    name = variable.value.encode("utf-16-le")
    return name + variable.vendor.bytes_le + struct.pack("<I", attributes(append=append)) + _time(time) + payload


def encode(change: Change) -> bytes:
    """The bytes that a firmware takes."""
    size = _CERTIFICATE.size + len(change.pkcs7)
    head = _CERTIFICATE.pack(size, _REVISION, _GUID_TYPE, _PKCS7.bytes_le)
    return _time(change.time) + head + change.pkcs7 + change.payload


def decode(data: bytes) -> Change:
    """The change in the bytes of an `.auth` file. Its signature is not looked at.

    Raises VerificationError variable-update-malformed.
    """
    if len(data) < _TIME.size + _CERTIFICATE.size:
        raise _malformed("it is cut short")
    year, month, day, hour, minute, second, *rest = _TIME.unpack_from(data)
    if any(rest):
        raise _malformed("its time has more than seconds")
    try:
        time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise _malformed("its time is none") from error
    size, revision, kind, guid = _CERTIFICATE.unpack_from(data, _TIME.size)
    end = _TIME.size + size
    if (revision, kind, guid) != (_REVISION, _GUID_TYPE, _PKCS7.bytes_le):
        raise _malformed("it is not signed by PKCS#7")
    if size <= _CERTIFICATE.size or end > len(data):
        raise _malformed("its signature is cut short")
    return Change(time, data[_TIME.size + _CERTIFICATE.size : end], data[end:])


def _time(time: datetime) -> bytes:
    utc = time.astimezone(UTC)
    return _TIME.pack(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, 0, 0, 0, 0, 0)


def _malformed(why: str) -> VerificationError:
    return VerificationError(
        "variable-update-malformed",
        f"this is no signed change of an EFI variable: {why}",
        hint="take the file as adamant keys wrote it, under its own name",
    )
