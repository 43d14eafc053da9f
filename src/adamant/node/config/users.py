"""Users of a machine config as the records that systemd reads below /run/userdb, and the keys that sshd reads.

JSON User Records (systemd's specification), looked up by nss-systemd(8): a user is there while the config names it, and
no list of accounts below /etc is touched. Where such a list has a user of the same name, that one counts. What the
image has itself is refused.
"""

import json
from collections.abc import Callable, Sequence

from adamant.model.errors import InputError
from adamant.model.machine import accounts
from adamant.model.machine.document import User
from adamant.model.machine.secret import Secret
from adamant.node.config.etc import FACTORY, OfImage
from adamant.node.config.rendered import File

RECORDS = "run/userdb"
KEYS = "run/adamant/users"
_SHELL = "/bin/bash"


def files(users: Sequence[User], reveal: Callable[[Secret], str], of_image: OfImage) -> dict[str, File]:
    """The files of all users. `reveal` gives the text of a secret.

    Raises InputError `user-of-image` and `user-password`.
    """
    of_others = _of_image(of_image(f"{FACTORY}/passwd") or b"") if users else {}
    made: dict[str, File] = {}
    for index, user in enumerate(users):
        path = f"$.users[{index}]"
        if user.authorized_keys:
            made[f"{KEYS}/{user.name}.keys"] = File("".join(f"{key}\n" for key in user.authorized_keys).encode())
        if user.name == accounts.ROOT:
            continue
        number = accounts.uid(user)
        if user.name in of_others or number in of_others.values():
            raise InputError(
                "user-of-image",
                f"{user.name} or its number {number} is an account of the image",
                context=path,
                hint="choose another name or uid",
            )
        made |= _records(user, number, _password(user, reveal, path))
    return made


def _of_image(passwd: bytes) -> dict[str, int]:
    rows = (line.split(":") for line in passwd.decode("utf-8", "replace").splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) == 7 and row[2].isdecimal()}


def _password(user: User, reveal: Callable[[Secret], str], path: str) -> str | None:
    if user.password_hash is None:
        return None
    text = reveal(user.password_hash)
    accounts.check_hash(text, f"{path}.passwordHash")
    return text


def _records(user: User, number: int, password: str | None) -> dict[str, File]:
    """Each record by name and by number, as nss-systemd looks for it."""
    record = {
        "userName": user.name,
        "uid": number,
        "gid": number,
        "homeDirectory": f"/home/{user.name}",
        "shell": user.shell or _SHELL,
        "disposition": "regular",
    }
    group = {"groupName": user.name, "gid": number, "disposition": "regular"}
    made = {f"{RECORDS}/{user.name}:{name}.membership": _json({}) for name in user.groups}
    for name in (user.name, str(number)):
        made[f"{RECORDS}/{name}.user"] = _json(record)
        made[f"{RECORDS}/{name}.group"] = _json(group)
        if password is not None:
            secret = _json({"privileged": {"hashedPassword": [password]}}).data
            made[f"{RECORDS}/{name}.user-privileged"] = File(secret, 0o600)
    return made


def _json(value: object) -> File:
    return File(json.dumps(value).encode() + b"\n")
