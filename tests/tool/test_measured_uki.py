"""The prediction of PCR 11 is that of systemd-measure, for a UKI that ukify makes of real parts."""

from pathlib import Path

import pytest

from adamant.core import pe, proc
from adamant.core.source import open_source
from adamant.image import measured, uki
from adamant.image.uki import UkiParts
from adamant.model.arch import Arch
from adamant.packages.tools import ToolsTree

STUB = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"
LOADER = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"


@pytest.fixture
def made(tree: ToolsTree, tmp_path: Path) -> Path:
    """A UKI whose kernel is an EFI program: the boot loader stands in for it."""
    parts = {"initrd": b"initrd" * 1000, "os-release": b"ID=adamant\nVERSION_ID=1\n"}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "made.efi"
    uki.make_uki(
        UkiParts(
            Arch.AMD64,
            "6.12.1-cloud",
            tree.root / LOADER,
            tmp_path / "initrd",
            tree.root / STUB,
            "quiet adamant.usrhash=" + "ab" * 32,
            tmp_path / "os-release",
        ),
        tree,
        out,
    )
    return out


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
