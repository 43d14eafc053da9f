"""Users of a machine config: who may be one, their numbers, and the records that systemd reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model import document as documents
from adamant.model.errors import InputError
from adamant.model.machine import accounts, check
from adamant.model.machine.document import Machine, User
from adamant.model.machine.secret import Secret, SecretAt
from adamant.model.posture import Posture
from adamant.node.config import users
from adamant.node.config.rendered import File

KEY = "ssh-ed25519 AAAA mary@home"
HASH = "$y$j9T$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
PASSWD = b"root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"


def checked(text: str, posture: Posture = Posture.OPEN) -> Machine:
    found, _ = documents.decode(f"kind: Machine\nusers: {text}\n".encode(), Machine, "machine.yaml")
    check.check(found, posture)
    return found


def made(*people: User, passwd: bytes = PASSWD, secret: str = "") -> dict[str, File]:
    def reveal(given: Secret) -> str:
        return secret if isinstance(given, SecretAt) else given

    return users.files(people, reveal, lambda path: passwd if path == "usr/share/factory/etc/passwd" else None)


def test_a_user_is_a_record_by_name_and_by_number() -> None:
    found = made(User("mary", (KEY,), uid=1234, groups=("sudo",)))
    assert set(found) == {
        "run/adamant/users/mary.keys",
        "run/userdb/mary.user",
        "run/userdb/1234.user",
        "run/userdb/mary.group",
        "run/userdb/1234.group",
        "run/userdb/mary:sudo.membership",
    }
    record = json.loads(found["run/userdb/mary.user"].data)
    assert record == {
        "userName": "mary",
        "uid": 1234,
        "gid": 1234,
        "homeDirectory": "/home/mary",
        "shell": "/bin/bash",
        "disposition": "regular",
    }
    assert found["run/userdb/1234.user"] == found["run/userdb/mary.user"]
    assert json.loads(found["run/userdb/mary.group"].data)["gid"] == 1234
    assert found["run/adamant/users/mary.keys"] == File(f"{KEY}\n".encode(), 0o644)


def test_a_password_is_a_hash_that_root_alone_reads() -> None:
    found = made(User("tom", password_hash=SecretAt(credential="tom")), secret=HASH)
    number = accounts.uid(User("tom"))
    for name in ("tom", number):
        file = found[f"run/userdb/{name}.user-privileged"]
        assert file.mode == 0o600
        assert json.loads(file.data) == {"privileged": {"hashedPassword": [HASH]}}
    assert not any(HASH.encode() in file.data for path, file in found.items() if not path.endswith("-privileged"))
    assert "run/adamant/users/tom.keys" not in found


def test_root_gets_keys_and_no_record() -> None:
    assert set(made(User("root", (KEY,)))) == {"run/adamant/users/root.keys"}


def test_no_user_has_no_file() -> None:
    assert made() == {}


@pytest.mark.parametrize("user", [User("daemon", (KEY,)), User("mary", (KEY,), uid=1)])
def test_an_account_of_the_image_is_nobody_else_s(user: User) -> None:
    with pytest.raises(InputError, match="user-of-image"):
        made(user)


def test_what_a_secret_holds_has_to_be_a_hash() -> None:
    with pytest.raises(InputError, match="user-password"):
        made(User("tom", password_hash=SecretAt(credential="tom")), secret="swordfish")


def test_a_number_follows_from_the_name_alone() -> None:
    one = accounts.uid(User("mary"))
    assert one == accounts.uid(User("mary", (KEY,), groups=("sudo",)))
    assert one != accounts.uid(User("tom"))
    assert one == 53115, "the files of users on machines are theirs by this number"


@given(st.from_regex(r"\A[a-z_][a-z0-9_-]{0,31}\Z"))
def test_every_name_has_a_number_of_a_person(name: str) -> None:
    number = accounts.uid(User(name))
    assert number in accounts.DERIVED or (name == "root" and number == 0)


@pytest.mark.parametrize(
    "text",
    [
        f"[{{name: mary, authorizedKeys: [{KEY}]}}]",
        f"[{{name: mary, authorizedKeys: [{KEY}], uid: 1000, shell: /bin/sh, groups: [sudo]}}]",
        f"[{{name: tom, passwordHash: '{HASH}'}}]",
        "[{name: tom, passwordHash: {credential: tom}}]",
        f"[{{name: root, authorizedKeys: [{KEY}]}}]",
    ],
)
def test_users_are_for_the_posture_with_a_shell(text: str) -> None:
    checked(text)
    for posture in (Posture.GUARDED, Posture.SEALED):
        with pytest.raises(InputError, match="not-in-posture"):
            checked(text, posture)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("[{name: mary}]", "user-no-way-in"),
        ("[{name: mary, passwordHash: swordfish}]", "user-password"),
        ("[{name: mary, passwordHash: '$1$abc$0123456789'}]", "user-password"),
        ("[{name: mary, passwordHash: '$y$a:b$0123456789'}]", "user-password"),
        ("[{name: mary, passwordHash: '(secret)'}]", "secret-masked"),
        ("[{name: mary, passwordHash: {}}]", "secret-place"),
        (f"[{{name: root, passwordHash: '{HASH}'}}]", "user-root"),
        (f"[{{name: root, authorizedKeys: [{KEY}], uid: 1000}}]", "user-root"),
        (f"[{{name: a, authorizedKeys: [{KEY}], shell: /bin/../x}}]", "path-not-plain"),
        (
            f"[{{name: a, uid: 2000, authorizedKeys: [{KEY}]}}, {{name: b, uid: 2000, authorizedKeys: [{KEY}]}}]",
            "user-id-taken",
        ),
        (f"[{{name: a, authorizedKeys: [{KEY}]}}, {{name: a, authorizedKeys: [{KEY}]}}]", "listed-twice"),
        (f"[{{name: a, uid: 0, authorizedKeys: [{KEY}]}}]", "document-invalid"),
        (f"[{{name: 'a b', authorizedKeys: [{KEY}]}}]", "document-invalid"),
        ('[{name: a, authorizedKeys: ["ssh-ed25519 AAAA\\nssh-rsa B"]}]', "document-invalid"),
    ],
)
def test_a_user_that_cannot_be_is_refused(text: str, reference: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(text)
    assert caught.value.reference == reference


@given(st.binary(max_size=200))
def test_any_list_of_accounts_is_read(passwd: bytes) -> None:
    made(User("mary", (KEY,), uid=1234), passwd=b"x:x:1:1:::\n" + passwd.replace(b"mary", b"").replace(b"1234", b""))
