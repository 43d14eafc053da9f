"""A machine of the other architecture, built and booted on this computer."""

import json
from pathlib import Path

from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, Probed, node


def test_arm64_boots_here_too(probed: Probed, tmp_path: Path) -> None:
    folder = tmp_path / "arm"
    adamant("init", folder)
    done = adamant("up", folder, "--set", "arch=arm64", "--name", "arm", "--json", "--seconds", str(2 * SECONDS))
    assert set(json.loads(done.stdout)["health"].values()) == {"ok"}
    assert node("-c", "arm", "version")["arch"] == "arm64"
    probed.machines.delete("arm", force=True)
