"""`adamant kernel`: what it says of the kernels of this computer, and what it refuses."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from adamant.cli import main
from adamant.kernel import project, shelf
from adamant.kernel.artifact import Kernel
from adamant.model import schema
from adamant.model.errors import AdamantError, InputError
from adamant.model.kernel.definition import OwnKernel
from tests.unit.test_kernel_build import put


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.root, list(arguments), catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setenv("ADAMANT_STATE", str(tmp_path / "state"))
    return put(shelf.of_this_computer(), tmp_path, "mine", "1")


def test_list_and_inspect_say_what_is_here(mine: Kernel) -> None:
    digest = mine.manifest.digest
    assert run("kernel", "list").output == f"{digest[:12]}  mine 1 (amd64)  {mine.manifest.release}\n"
    found = json.loads(run("kernel", "list", "--json").output)["kernels"]
    assert [(k["name"], k["digest"], k["folder"]) for k in found] == [("mine", digest, str(mine.folder))]
    text = run("kernel", "inspect", "mine", "--modules", "--off").output
    assert digest in text
    assert "kernel/a.ko" in text
    assert "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY" in text
    more = json.loads(run("kernel", "inspect", digest[:12], "--json").output)
    assert [m["path"] for m in more["modules"]] == ["kernel/a.ko"]
    assert all(one["reason"] for one in more["off"])


def test_verify_ends_with_3_when_something_is_wrong(mine: Kernel) -> None:
    assert "mine 1 is whole: 1 modules" in run("kernel", "verify", "mine").output
    mine.path("vmlinuz").write_bytes(b"MZ other.")
    done = run("kernel", "verify", "mine", "--json")
    assert done.return_value == 3
    assert [p["reference"] for p in json.loads(done.output)["problems"]] == ["kernel-file-changed"]


def test_a_deleted_kernel_is_gone(mine: Kernel) -> None:
    assert json.loads(run("kernel", "delete", "mine", "--json").output) == {"deleted": mine.manifest.digest}
    assert not mine.folder.exists()
    assert "there are no kernels here" in run("kernel", "list").output


def test_a_kernel_of_another_folder_is_not_deleted(mine: Kernel, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    mine.folder.rename(elsewhere)
    with pytest.raises(InputError) as error:
        run("kernel", "delete", f"{elsewhere}/")
    assert error.value.reference == "kernel-elsewhere"
    assert elsewhere.exists()


def test_a_build_needs_a_lock(tmp_path: Path, mine: Kernel) -> None:
    (tmp_path / "kernel.yaml").write_text(run("config", "new", "--kind", "Kernel").output)
    with pytest.raises(AdamantError) as error:
        run("kernel", "build", str(tmp_path))
    assert error.value.reference == "kernel-lock-missing"


def test_the_definition_is_checked_and_explained_like_the_others(tmp_path: Path) -> None:
    text = run("config", "new", "--kind", "Kernel").output
    path = tmp_path / project.DEFINITION
    path.write_text(text)
    assert "kernel.yaml is valid: example 1" in run("config", "validate", str(path)).output
    jsonschema.validate(yaml.safe_load(text), json.loads(schema.json_schema(OwnKernel)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"kind": "Kernel", "name": "x", "version": "1", "flavour": "y"}, json.loads(schema.json_schema(OwnKernel))
        )
    assert "kind: Kernel" in run("config", "explain", "fragments", "--kind", "Kernel").output
    path.write_text(text + "fragments: [none.config]\n")
    with pytest.raises(InputError) as error:
        run("config", "validate", str(path))
    assert error.value.reference == "file-missing"


def test_a_definition_of_a_kernel_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text('kind: Kernel\nname: x\nversion: "1"\n')
    with pytest.raises(InputError) as error:
        run("config", "validate", str(path))
    assert error.value.reference == "kernel-definition-name"
