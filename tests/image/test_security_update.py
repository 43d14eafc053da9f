"""A security update is a new lock: it says what changes, and most blocks of the new image are those of the old one."""

import json
from pathlib import Path

from tests.image.conftest import adamant, build


def test_the_security_pocket_is_a_lock_update_whose_blocks_are_mostly_there_already(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    adamant("init", folder)
    definition = folder / "adamant.yaml"
    whole = definition.read_text()
    definition.write_text(whole.replace("  pockets:\n    - trixie-security ", "  pockets: []\n    #"))
    adamant("lock", "-C", folder)
    old = build(folder)

    definition.write_text(whole)
    locked = json.loads(adamant("lock", "-C", folder, "--set", "version=2", "--json").stdout)
    changes = {c["name"]: c for c in locked["changes"] if c["part"] == "image" and not c["release"]}
    assert changes, "the security pocket of this mirror changes nothing"
    assert all(c["old"] != c["new"] for c in changes.values())
    assert {c["name"] for c in locked["changes"] if c["release"]} == {"trixie-security"}
    new = build(folder, "--set", "version=2")

    found = json.loads(adamant("diff", old.output, new.output, "--json").stdout)
    assert {p["name"] for p in found["packages"]} == set(changes), "diff and lock name the same packages"
    update = found["update"]
    assert 0 < update["blocks"] < update["total_blocks"] // 2
    assert not update["whole"]
