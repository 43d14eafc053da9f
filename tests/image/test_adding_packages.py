"""Adding a package that nobody has reviewed: the build stops and says how to go on; both ways end with an image."""

import json
import subprocess
from pathlib import Path

import pytest

from adamant.core import places
from adamant.image import project
from adamant.packages import tools
from tests.image.conftest import adamant, build

PACKAGE = "nagios-nrpe-server"
"""Its preinst makes an account by hand-written lines."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A locked definition with the package."""
    folder = tmp_path / "more"
    adamant("init", folder)
    definition = folder / "adamant.yaml"
    definition.write_text(
        definition.read_text().replace("  - iproute2\n", f"  - iproute2\n  - coreutils\n  - procps\n  - {PACKAGE}\n")
    )
    locked = json.loads(adamant("lock", "-C", folder, "--json").stdout)
    assert [u["package"] for u in locked["unreviewed"]] == [PACKAGE]
    return folder


def passwd(folder: Path, output: Path) -> str:
    """The accounts of a built image, read out of its bytes."""
    tree = tools.open_tools(project.read_lock(project.read_project(folder)).tools, places.cache())
    argv = tree.argv("dump.erofs", "--cat", "--path=/share/factory/etc/passwd", output / "usr.erofs")
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_without_a_decision_the_build_shows_the_lines_and_both_ways_out(folder: Path) -> None:
    done = adamant("build", "-C", folder, "--json", check=False)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert error["reference"] == "script-unreviewed"
    assert "adduser --system" in error["context"]
    assert "sha256:" in error["hint"]
    assert f"adamant lock --record {PACKAGE}" in error["hint"]
    assert not (folder / "out").exists() or not [p for p in (folder / "out").iterdir() if p.name[0] != "."]


def test_a_recorded_script_takes_effect_without_being_run_again(folder: Path) -> None:
    locked = json.loads(adamant("lock", "-C", folder, "--record", PACKAGE, "--json").stdout)
    (shown,) = locked["recorded"]
    assert shown["package"] == PACKAGE
    assert any("var/lib/nagios" in line for line in shown["changes"]), "what the script changed is shown"
    made = build(folder)
    assert "nagios:" in passwd(folder, made.output)


def test_an_accepted_script_is_not_run_and_what_it_leaves_out_is_found(folder: Path) -> None:
    error = json.loads(adamant("build", "-C", folder, "--json", check=False).stdout)["error"]
    snippet = error["hint"][error["hint"].index("scripts:") :].split("or run them")[0]
    definition = folder / "adamant.yaml"
    definition.write_text(definition.read_text() + "\n" + snippet)
    error = json.loads(adamant("build", "-C", folder, "--json", check=False).stdout)["error"]
    assert error["reference"] == "image-unsound"
    assert "User=nagios: there is no such account" in error["context"]
    line = "u nagios - nagios /var/lib/nagios"
    file = f'files:\n  - {{path: /usr/lib/sysusers.d/nagios.conf, content: "{line}\\n"}}\n'
    definition.write_text(definition.read_text().replace("files: []\n", file))
    made = build(folder)
    assert "nagios:" in passwd(folder, made.output)
