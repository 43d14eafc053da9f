"""The accounts of a machine config's users: their numbers, and what a person's entry must say.

A user that names no number has the one that follows from the name, so that it is the same on each machine and at each
boot, and the files of a user who goes and comes back are still theirs. Pure.
"""

import hashlib
import re
from collections.abc import Sequence

from adamant.model.errors import InputError
from adamant.model.machine import secret
from adamant.model.machine.document import User

ROOT = "root"
DERIVED = range(30000, 60000)
"""Numbers that follow from names: of people, apart from those that useradd(8) gives first and from systemd's own."""
_HASH = re.compile(r"\$(y|gy|7|2b|6|5)\$[!-9;-~]{4,380}")


def uid(user: User) -> int:
    """The user's number, which is also that of the group of the same name."""
    if user.name == ROOT:
        return 0
    if user.uid is not None:
        return user.uid
    digest = hashlib.sha256(f"adamant user {user.name}".encode()).digest()
    return DERIVED[int.from_bytes(digest[:8], "big") % len(DERIVED)]


def check_hash(text: str, path: str) -> None:
    """Raises InputError `user-password` for what is no hash of a password (crypt(5)) that is still safe."""
    if not _HASH.fullmatch(text):
        raise InputError(
            "user-password",
            "not the hash of a password",
            context=path,
            hint="make one with: mkpasswd --method=yescrypt",
        )


def check(users: Sequence[User]) -> None:
    """Raises InputError for users that cannot be."""
    taken: dict[int, str] = {}
    for index, user in enumerate(users):
        path = f"$.users[{index}]"
        secret.check(user.password_hash, f"{path}.passwordHash")
        if isinstance(user.password_hash, str):
            check_hash(user.password_hash, f"{path}.passwordHash")
        if not user.authorized_keys and user.password_hash is None:
            raise InputError(
                "user-no-way-in", f"{user.name} cannot log in", context=path, hint="give authorizedKeys or passwordHash"
            )
        if user.name == ROOT and (user.password_hash, user.uid, user.shell, user.groups) != (None, None, None, ()):
            raise InputError(
                "user-root", "root is part of the image and gets keys alone", context=path, hint="remove the other keys"
            )
        if any(part in {"", ".", ".."} for part in (user.shell or "/bin/bash").split("/")[1:]):
            raise InputError("path-not-plain", f"not a plain path: {user.shell}", context=f"{path}.shell")
        owner = taken.setdefault(uid(user), user.name)
        if owner != user.name:
            raise InputError(
                "user-id-taken",
                f"{owner} and {user.name} would both have the number {uid(user)}",
                context=path,
                hint="give one of them a uid",
            )
