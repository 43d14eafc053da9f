"""What recorded maintainer scripts changed, laid over the tree as a layer of the lock.

What stays true: owners are names and get the ids of this image; what a script removed is gone. Imports model,
packages.scripts.recording and `accounts` only.
"""

from collections.abc import Iterable
from dataclasses import replace

from adamant.compose import overlay
from adamant.compose.accounts import Accounts
from adamant.model.errors import InputError
from adamant.model.lock import Recording
from adamant.model.tree import Entry, Kind, Tree
from adamant.packages.scripts.recording import Recorded, unpack

_ACCOUNTS = "usr/lib/sysusers.d/"


def add_accounts(tree: Tree, recordings: Iterable[Recording]) -> None:
    """Put the accounts that scripts made, which a recording holds as sysusers.d(5), where they are evaluated from."""
    for recording in recordings:
        overlay.lay(tree, [one.entry for one in unpack(recording) if one.entry.path.startswith(_ACCOUNTS)])


def apply(tree: Tree, recordings: Iterable[Recording], accounts: Accounts) -> None:
    """Change `tree` as the scripts did. Raises InputError (`account-unknown`, `file-in-the-way`)."""
    for recording in recordings:
        for path in recording.removed:
            for name in [p for p in tree if p == path or p.startswith(f"{path}/")]:
                del tree[name]
        for one in unpack(recording):
            entry = _owned(recording, one, accounts)
            there = tree.get(entry.path)
            if entry.kind is Kind.DIRECTORY and there is not None and there.kind is Kind.DIRECTORY:
                tree[entry.path] = replace(there, mode=entry.mode, uid=entry.uid, gid=entry.gid)
            else:
                overlay.lay(tree, [entry])


def _owned(recording: Recording, one: Recorded, accounts: Accounts) -> Entry:
    user, group = accounts.users.get(one.user), accounts.groups.get(one.group)
    if user is None or group is None:
        raise InputError(
            "account-unknown",
            f"the recording of {recording.package} has /{one.entry.path} belong to {one.user}:{one.group}, "
            "and the image has no such account",
            hint="add the account with a file /usr/lib/sysusers.d/*.conf in the definition",
        )
    return replace(one.entry, uid=user.uid, gid=group.gid)
