"""The arithmetic of a difference, on plain values."""

from dataclasses import replace

from adamant.model.digest import Sha256
from adamant.model.tree import Kind
from adamant.reading.difference import ChangeKind, FileChange, file_changes
from adamant.reading.listing import Listed

FILE = Listed(Kind.FILE, 0o644, 0, 0, 10, "", 7)


def test_every_kind_of_change_of_a_file_is_named() -> None:
    old = {"gone": FILE, "same": FILE, "text": FILE, "mode": FILE, "own": FILE, "kind": FILE, "size": FILE}
    link = replace(FILE, kind=Kind.SYMLINK, size=0, target="x")
    new = {
        "new": replace(FILE, size=3),
        "same": replace(FILE, inode=8),
        "text": FILE,
        "mode": replace(FILE, mode=0o4755),
        "own": replace(FILE, gid=42),
        "kind": link,
        "size": replace(FILE, size=11),
    }
    one, other = Sha256("1" * 64), Sha256("2" * 64)
    digests = (dict.fromkeys(old, one), {p: other if p == "text" else one for p in new})
    found = {change.path: change for change in file_changes(old, new, digests)}
    assert found.keys() == (old.keys() | new.keys()) - {"same"}
    assert found["gone"] == FileChange("gone", ChangeKind.REMOVED, 10, 0)
    assert found["new"] == FileChange("new", ChangeKind.ADDED, 0, 3)
    assert found["text"].what == ("contents",)
    assert found["mode"].what == ("mode",)
    assert found["own"].what == ("owner",)
    assert found["size"].what == ("contents",)
    assert {"type", "target"} <= set(found["kind"].what)
