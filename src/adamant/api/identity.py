"""Who a client is: a name and a role, as the subject of its certificate says them (RFC 5280, 4.1.2.6).

The subject holds exactly one common name (CN), the person's name, and one organisation (O), the role. What the keys'
maker writes and what the agent accepts is the same pattern, so a subject that could be read in two ways is neither made
nor accepted. Imports no cryptography: the agent loads it at every start.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from adamant.model.errors import InputError

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"


class Role(StrEnum):
    """What a client may do. Each method says which roles may call it."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READER = "reader"
    UPDATER = "updater"


class Identity(NamedTuple):
    """A client: its name, for the log, and its role."""

    name: str
    role: Role


_ROLES = "|".join(Role)
_SUBJECT = re.compile(
    rf"(?:CN=(?P<name1>{NAME_PATTERN}),O=(?P<role1>{_ROLES})|O=(?P<role2>{_ROLES}),CN=(?P<name2>{NAME_PATTERN}))"
)


def check_name(name: str) -> str:
    """`name`, when it may stand in a subject."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(
            "client-name",
            f"not a name for a certificate: {name[:80]!r}",
            hint="letters, digits and . _ @ -, at most 64, beginning with a letter or digit",
        )
    return name


def parse_subject(subject: str) -> Identity | None:
    """The identity in a subject in the form of RFC 2253, or None when it is anything but one name and one role."""
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        return None
    found = match.groupdict()
    return Identity(found["name1"] or found["name2"], Role(found["role1"] or found["role2"]))
