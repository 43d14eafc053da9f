"""The prediction of PCR 11 is that of systemd-measure, for a UKI that ukify makes of real parts."""

from dataclasses import replace
from pathlib import Path

import pytest

from adamant.core import pe, proc
from adamant.core.source import open_source
from adamant.image import keys, measured, uki
from adamant.image.uki import UkiParts
from adamant.model import boot_loader
from adamant.model.arch import Arch
from adamant.packages.tools import ToolsTree

STUB = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"
LOADER = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"


@pytest.fixture
def made(tree: ToolsTree, tmp_path: Path) -> Path:
    """A UKI whose kernel is an EFI program: the boot loader stands in for it."""
    out = tmp_path / "made.efi"
    uki.make_uki(parts_of(tree, tmp_path), tree, out)
    return out


def parts_of(tree: ToolsTree, tmp_path: Path) -> UkiParts:
    """The parts of such a UKI."""
    parts = {"initrd": b"initrd" * 1000, "os-release": b"ID=adamant\nVERSION_ID=1\n"}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    return UkiParts(
        Arch.AMD64,
        "6.12.1-cloud",
        tree.root / LOADER,
        tmp_path / "initrd",
        tree.root / STUB,
        "quiet adamant.usrhash=" + "ab" * 32,
        tmp_path / "os-release",
    )


def test_the_section_of_the_signature_changes_no_measurement(tree: ToolsTree, made: Path, tmp_path: Path) -> None:
    parts = parts_of(tree, tmp_path)
    keys.make_policy_key(tmp_path)
    (tmp_path / "signature").write_bytes(b"{}")
    public = replace(parts, pcr_public=tmp_path / "pcr.pub")
    for name, each in (("plain", public), ("bound", replace(public, pcr_signature=tmp_path / "signature"))):
        uki.make_uki(each, tree, tmp_path / name)
    with open_source(tmp_path / "plain") as plain, open_source(tmp_path / "bound") as bound, open_source(made) as none:
        assert measured.measured_sections(plain) == measured.measured_sections(bound)
        assert ".pcrsig" in pe.read_sections(bound)
        names = [section.name for section in measured.measured_sections(none)]
        assert [*names, ".pcrpkey"] == [section.name for section in measured.measured_sections(plain)]


def test_the_signature_of_the_boot_loader_is_read_as_it_was_put_in_and_changes_no_measurement(
    tree: ToolsTree, made: Path, tmp_path: Path
) -> None:
    signature = bytes(range(256)) * 6 + b"odd"
    (tmp_path / "signature").write_bytes(signature)
    out = tmp_path / "signed"
    uki.make_uki(replace(parts_of(tree, tmp_path), loader_signature=tmp_path / "signature"), tree, out)
    with open_source(out) as source, open_source(made) as plain:
        section = pe.read_sections(source)[boot_loader.SIGNATURE]
        assert source.exactly(section.offset, section.size) == signature
        assert measured.measured_sections(source) == measured.measured_sections(plain)


def test_pcr_11_is_what_systemd_measure_says(made: Path, tree: ToolsTree, tmp_path: Path) -> None:
    with open_source(made) as source:
        arguments = ["calculate", "--bank=sha256", "--phase="]
        for name, section in pe.read_sections(source).items():
            if name in {".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat"}:
                path = tmp_path / f"section{name}"
                path.write_bytes(source.exactly(section.offset, section.size))
                arguments.append(f"--{name[1:]}={path}")
        with open_source(tree.root / LOADER) as loader:
            found = measured.measure(source, loader)
    done = proc.run("predict", tree.argv("systemd-measure", *arguments), environment=tree.environment)
    assert f"11:sha256={found.pcrs['11']}" in done.stdout.decode().split()
    assert [section.name for section in found.sections] == [
        ".linux",
        ".osrel",
        ".cmdline",
        ".initrd",
        ".uname",
        ".sbat",
    ]
    assert found.kernel == found.loader  # the program that stands in for the kernel
