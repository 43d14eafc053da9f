"""The SBOM and dpkg's status, read by the programs that others read them with."""

import re
import shutil
from pathlib import Path

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from adamant.compose import entries, sbom, status
from adamant.compose.merge import merge
from adamant.core import proc
from adamant.model.lock import Lock
from adamant.packages import fetch
from adamant.packages.layer import Layer, unpack_layers
from tests.unit.test_kernel_build import sbom_of_a_kernel


@pytest.fixture(scope="module")
def layers(lock: Lock, cache: Path) -> list[Layer]:
    return unpack_layers(lock.image.packages, fetch.fetch(lock.image.packages, cache), cache)


@pytest.fixture
def database(layers: list[Layer], tmp_path: Path) -> Path:
    """dpkg's folder as it is on a machine."""
    for entry in status.make(layers, merge(layers)):
        path = tmp_path / entry.path
        if entry.content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entries.read(entry))
    (tmp_path / status.FOLDER / "updates").mkdir()
    return tmp_path / status.FOLDER


def test_the_document_is_valid_spdx_2_3(lock: Lock, tmp_path: Path) -> None:
    path = tmp_path / "sbom.spdx.json"
    path.write_bytes(sbom.make("example", "1", lock.image.packages))
    document = parse_file(str(path))
    assert [m.validation_message for m in validate_full_spdx_document(document)] == []
    assert document.creation_info.spdx_version == "SPDX-2.3"
    urls = {r.locator for p in document.packages for r in p.external_references}
    assert len(urls) > len(lock.image.packages)
    assert any(re.match(r"pkg:deb/debian/libc6@2\..*\?arch=.*upstream=glibc%40", url) for url in urls)


def test_the_document_of_a_kernel_is_valid_spdx_2_3(tmp_path: Path) -> None:
    path = tmp_path / "sbom.spdx.json"
    path.write_bytes(sbom_of_a_kernel())
    assert [m.validation_message for m in validate_full_spdx_document(parse_file(str(path)))] == []


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs dpkg-query")
def test_dpkg_reads_the_status_and_the_lists(lock: Lock, database: Path) -> None:
    command = ["dpkg-query", f"--admindir={database}"]
    shown = proc.run("list packages", [*command, "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n"])
    assert shown.stderr == b""
    listed = {tuple(line.split()) for line in shown.stdout.decode().splitlines()}
    assert listed == {(p.name, p.version, "installed") for p in lock.image.packages}
    owner = proc.run("find the owner of a file", [*command, "-S", "/usr/bin/containerd"]).stdout
    assert owner == b"containerd: /usr/bin/containerd\n"
    files = proc.run("list files", [*command, "-L", "libc6"]).stdout.decode().splitlines()
    assert any(re.fullmatch(r"/usr/lib/.*/libc\.so\.6", name) for name in files)
    assert not any(name.startswith("/usr/share/man") for name in files)
