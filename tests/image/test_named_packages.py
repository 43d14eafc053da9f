"""The packages that people add to container hosts: one image of them all builds, with every script reviewed."""

import json
from pathlib import Path

from tests.image.conftest import adamant, build

NAMED = (
    "bash", "chrony", "coreutils", "dash", "frr", "haproxy", "keepalived", "lvm2", "mdadm", "multipath-tools",
    "nfs-common", "nginx", "open-iscsi", "openssh-server", "podman", "prometheus-node-exporter", "qemu-guest-agent",
    "wireguard-tools",
)  # fmt: skip


def test_an_image_of_all_named_packages_builds(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    adamant("init", folder)
    definition = folder / "adamant.yaml"
    listed = "".join(f"  - {name}\n" for name in NAMED)
    definition.write_text(definition.read_text().replace("packages:\n", f"packages:\n{listed}"))
    locked = json.loads(adamant("lock", "-C", folder, "--json").stdout)
    assert locked["unreviewed"] == []
    made = build(folder)
    found = json.loads(adamant("inspect", made.output, "--json").stdout)
    names = {package["name"] for package in found["usr"][0]["packages"]}
    assert names >= set(NAMED)
    assert "systemd-timesyncd" not in names, "chrony stands in for it"
