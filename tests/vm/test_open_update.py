"""An update of a machine of the posture open: new defaults come, what somebody changed stays, accounts are added."""

import json
import time
from pathlib import Path

import pytest

from tests.image.conftest import adamant
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import running, runs

CONFIG = """\
kind: Machine
files:
  - {path: /etc/mine.conf, content: "of the config\\n"}
"""


def _file(path: str, content: str) -> str:
    return f"  - {{path: {path}, content: {json.dumps(content)}}}\n"


def _cat(path: str) -> str:
    return adamant("node", "cat", path).stdout


@pytest.mark.long
def test_a_new_release_brings_its_defaults_and_keeps_what_was_changed(tmp_path: Path) -> None:
    (tmp_path / "machine.yaml").write_text(CONFIG)
    with running(tmp_path, "open", "--config", tmp_path / "machine.yaml") as fleet:
        assert _cat("/etc/mine.conf") == "of the config\n"
        files = _file("/etc/default.conf", "of release 2\n") + _file("/etc/mine.conf", "of release 2\n")
        fleet.publish(fleet.define("2", files=files))
        fleet.upgrade(expect=6)
        adamant("node", "reboot", "--timeout", str(SECONDS))
        deadline = time.monotonic() + SECONDS
        while runs() != "2":
            assert time.monotonic() < deadline, "release 2 never ran"
            time.sleep(2)
        assert _cat("/etc/default.conf") == "of release 2\n"
        assert _cat("/etc/mine.conf") == "of the config\n"
        assert node("drift") == {"entries": [], "more": False, "none": ""}
        assert node("health")["overall"] == "ok"
        (tmp_path / "machine.yaml").write_text("kind: Machine\n")
        adamant("node", "apply", tmp_path / "machine.yaml")
        assert _cat("/etc/mine.conf") == "of release 2\n", "what the config lets go of is the release's"
