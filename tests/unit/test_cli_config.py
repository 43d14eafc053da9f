"""`adamant config`: what it prints is valid, and what it says of a key is what the types say."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml
from click.testing import CliRunner

from adamant.cli import main
from adamant.model import schema
from adamant.model.definition import Image
from adamant.model.errors import InputError
from adamant.model.machine import wire
from adamant.model.machine.document import Machine
from adamant.model.machine.template import MACHINE
from adamant.model.machine.yaml import read
from adamant.model.posture import Posture
from tests.unit.test_machine_config import BAD, WHOLE


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main.root, ["config", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_what_new_prints_is_valid_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "machine.yaml").write_text(run("new"))
    assert "is valid for the posture guarded" in run("validate", str(tmp_path / "machine.yaml"))
    (tmp_path / "adamant.yaml").write_text(run("new", "--kind", "Image"))
    assert "adamant.yaml is valid: example 1" in run("validate", "-C", str(tmp_path))
    assert "adamant.yaml is valid: example 1" in run("validate", str(tmp_path / "adamant.yaml"))


def test_every_comment_of_the_template_is_valid_when_it_is_taken_in() -> None:
    lines = [line.replace("# ", "", 1) if line.startswith("#  ") else line for line in MACHINE.splitlines()]
    taken = [
        line.removeprefix("# ") if line.startswith("# ") and (line[2] == " " or line.rstrip().endswith(":")) else line
        for line in lines
    ]
    text = "\n".join(line for line in taken if not line.startswith("  # ") and not line.startswith("  #  "))
    assert read(text.encode(), "template", Posture.GUARDED).containers[0].name == "web"


def test_an_invalid_machine_config_names_the_line_and_the_path(tmp_path: Path) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text("kind: Machine\nhostname: a\nvolumes:\n  - name: x\n    disk: {}\n")
    with pytest.raises(InputError) as caught:
        run("validate", str(path))
    assert "machine.yaml, line 5" in caught.value.message
    assert caught.value.context == "at volumes[0].disk"


@pytest.mark.parametrize("kind", [Image, Machine])
def test_every_key_says_what_it_means(kind: type[msgspec.Struct]) -> None:
    for path, key in schema.paths(kind):
        assert key.meaning, path
        assert key.allowed, path


def test_explain_says_what_a_key_means_and_what_a_change_of_it_does() -> None:
    text = run("explain", "network.interfaces[eth0].dhcp")
    assert "Which addresses it asks for" in text
    assert "yes, ipv4, ipv6, no" in text
    assert "reloads systemd-networkd.service" in text
    assert "needs a reboot" in run("explain", "files")
    assert "kind: Image" in run("explain", "profile")
    assert "hostname" in run("explain")
    found = json.loads(run("explain", "network.dns", "--json"))
    assert found["path"] == "network.dns"
    assert set(found["keys"]) == {"servers", "search", "overTls"}


def test_a_misspelt_path_names_the_near_one() -> None:
    with pytest.raises(InputError) as caught:
        run("explain", "network.interface")
    assert "network.interfaces" in caught.value.hint


def test_the_schema_takes_what_is_valid_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(run("schema", "--kind", "Machine")))
    validator.validate(yaml.safe_load(MACHINE))
    validator.validate(yaml.safe_load(WHOLE))
    validator.validate(json.loads(wire.to_wire(read(WHOLE, "whole"))))
    by_type = [text for text, reference in BAD if reference == "document-invalid"]
    assert len(by_type) > 3
    for text in by_type:
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(yaml.safe_load(f"kind: Machine\n{text}"))


GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "machine-config.md"


def test_every_config_of_the_guide_is_valid() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(run("schema", "--kind", "Machine")))
    blocks = re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 1
    for block in blocks:
        read(block.encode(), GUIDE.name, Posture.SEALED)
        validator.validate(yaml.safe_load(block))


@pytest.mark.parametrize(
    "text",
    [
        "kernel: {sysctls: {vm.max_map_count: '1'}, arguments: [hugepages=4]}",
        "files: [{path: /etc/app/conf, content: 'a'}]",
        "containers: [{name: a, image: x.io/a, cpus: 0.5, environment: {A: b, C: {credential: d}}}]",
        "users: [{name: root, authorizedKeys: [ssh-ed25519 AAAA mary]}]",
        "health: [{name: a, http: {url: 'http://[::1]:8080/healthz?full'}, timeout: 2s}]",
    ],
)
def test_the_schema_and_the_decoder_agree_on_what_is_valid(text: str) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(run("schema", "--kind", "Machine")))
    data = f"kind: Machine\n{text}"
    read(data.encode(), "machine.yaml", Posture.OPEN)
    validator.validate(yaml.safe_load(data))
