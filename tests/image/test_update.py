"""An update is a new lock: it says what changes, and most blocks of the new image are those of the old one.

The change is a package more, and the security pocket: what that pocket changes besides depends on how new Debian's last
point release is, so the packages that differ are those that the lock names, however many.
"""

import json
from pathlib import Path

from tests.image.conftest import adamant, build

MORE = "ethtool"


def test_a_new_lock_names_what_an_update_brings_and_most_blocks_are_there_already(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    adamant("init", folder)
    definition = folder / "adamant.yaml"
    whole = definition.read_text()
    definition.write_text(whole.replace("  pockets:\n    - trixie-security ", "  pockets: []\n    #"))
    adamant("lock", "-C", folder)
    old = build(folder)

    definition.write_text(whole.replace("  - iproute2\n", f"  - iproute2\n  - {MORE}\n"))
    locked = json.loads(adamant("lock", "-C", folder, "--set", "version=2", "--json").stdout)
    assert locked["written"]
    changes = {c["name"]: c for c in locked["changes"] if c["part"] == "image" and not c["release"]}
    assert changes[MORE]["kind"] == "added"
    assert all(c["old"] != c["new"] for c in changes.values())
    assert "trixie-security" in {c["name"] for c in locked["changes"] if c["release"]}
    new = build(folder, "--set", "version=2")

    found = json.loads(adamant("diff", old.output, new.output, "--json").stdout)
    assert {p["name"] for p in found["packages"]} == set(changes), "diff and lock name the same packages"
    assert any(file["path"].endswith("bin/ethtool") for file in found["files"])
    update = found["update"]
    assert 0 < update["blocks"] < update["total_blocks"] // 2
    assert not update["whole"]
