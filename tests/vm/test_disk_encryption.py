"""A sealed machine on a kernel of one's own, whose disk its TPM opens for each release of its keys, and nobody else.

The disk is made by the first boot. Each release proves itself, forth and back, and none asks for a key. Release 2 is
signed with another key for the disk than release 1.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.core import places
from adamant.core.source import Source, open_source
from adamant.image import gpt, project, signing
from adamant.image.keys import SigningPair
from adamant.kernel.artifact import Kernel
from adamant.machine import console, up
from adamant.machine import tpm as machine_tpm
from adamant.machine.machine import CERTIFICATE, Options
from adamant.machine.qemu import DISK
from adamant.model import luks2
from adamant.model.arch import Arch
from adamant.model.layout import SECTOR
from adamant.node.arguments import addon
from adamant.packages import tools
from adamant.packages.tools import ToolsTree
from tests.image.conftest import adamant
from tests.tool.proving import RECORDED
from tests.vm.conftest import SECONDS, node
from tests.vm.fleet import Fleet, await_health, await_said, check, machines, off, running, runs

EXTRA = """\
signing:
  secureBoot: {{key: {0}/secure-boot.key, certificate: {0}/secure-boot.crt}}
  pcr: {{key: {0}/pcr.key, public: {0}/pcr.pub}}
disk: {{encryption: tpm}}
kernel: {{own: {1}}}
"""


NONCE = "00112233445566778899aabbccddeeff"
BESIDE = "::EFI/Linux/fleet_1.efi.extra.d"
"""Where systemd-stub(7) looks for what is added to release 1, on the ESP."""
EMPTY_ADDON = "usr/lib/systemd/boot/efi/addonx64.efi.stub"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys that release 1 is signed with."""
    folder = tmp_path_factory.mktemp("disk-keys") / "keys"
    adamant("keys", "init", folder)
    return folder


@pytest.fixture(scope="module")
def new_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of which release 2 has the one for encrypted disks."""
    folder = tmp_path_factory.mktemp("new-disk-keys") / "keys"
    adamant("keys", "init", folder)
    return folder


@pytest.fixture(scope="module")
def extra(keys: Path, own_kernel: Kernel) -> str:
    """Lines of a definition with an encrypted disk, a key for it, and a kernel."""
    return EXTRA.format(keys, own_kernel.folder)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, extra: str) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("encrypted"), "sealed", "--tpm", "--secure-boot", extra=extra) as made:
        adamant("node", "attest", "-o", made.home / "quote.json")  # pins the attestation key
        yield made


@pytest.fixture(scope="module")
def tree(fleet: Fleet) -> ToolsTree:
    """The tools that the machine runs by."""
    return tools.open_tools(project.read_lock(project.read_project(fleet.folder)).tools, places.cache())


def modules() -> set[str]:
    """Names of the modules that the machine's kernel has loaded."""
    return {one["name"] for one in node("get", "modules")["resources"] if one["actual"]}


@pytest.fixture(scope="module")
def recovery(fleet: Fleet) -> dict[str, str]:
    """The recovery keys, which a machine tells once."""
    return dict(node("recovery-key"))


def test_the_first_boot_makes_it_and_only_the_tpm_opens_it(fleet: Fleet) -> None:
    volumes = node("encryption")
    assert [volume["name"] for volume in volumes] == ["state", "var"]
    for volume in volumes:
        (key,) = volume["tpm_keys"]
        assert (key["signed_registers"], key["literal_registers"]) == ([11], [])
        assert (volume["cipher"], volume["recovery_keys"], volume["other_keys"]) == ("aes-xts-plain64", 0, 0)
    assert "open by the TPM" in check("disk-encryption")["message"]


def test_recovery_keys_are_told_once(recovery: dict[str, str]) -> None:
    assert sorted(recovery) == ["state", "var"]
    refused = adamant("node", "recovery-key", check=False)
    assert "recovery-key-shown" in refused.stderr
    assert {volume["recovery_keys"] for volume in node("encryption")} == {1}


def proof(release: Path) -> tuple[int, str]:
    """Exit code and words of `verify-quote`, asked whether the machine's quote proves `release`."""
    quote = release.parent / "quote.json"
    adamant("node", "attest", "--nonce", NONCE, "-o", quote)
    done = adamant("verify-quote", quote, "--release", release, "--nonce", NONCE, "--secure-boot", check=False)
    return done.returncode, done.stdout + done.stderr


def proven(release: Path) -> str:
    """What `verify-quote` says of the machine's quote, which must prove `release`."""
    code, said = proof(release)
    assert code == 0, said
    return said


def signers() -> list[set[str]]:
    """Of each volume, the digests of the keys whose releases the TPM opens it for."""
    return [{key["public_key"] for key in volume["tpm_keys"]} for volume in node("encryption")]


def digest(keys: Path) -> str:
    """The digest of a folder's key for encrypted disks."""
    return hashlib.sha256((keys / "pcr.pub").read_bytes()).hexdigest()


def reseal() -> None:
    """Drop all keys but that of the running release, once that was found good."""
    deadline = time.monotonic() + SECONDS
    while (done := adamant("node", "reseal", check=False)).returncode != 0:
        assert "boot-on-trial" in done.stderr, done.stderr
        assert time.monotonic() < deadline, done.stderr
        time.sleep(2)


def add_beside_the_uki(fleet: Fleet, keys: Path, folder: Path) -> None:
    """Have release 1 start with a word more for the kernel, in an addon that the machine's key signed, and an
    extension. The machine must not run.
    """
    (folder / "unsigned").write_bytes(addon.make((fleet.tools().root / EMPTY_ADDON).read_bytes(), "mitigations=auto"))
    pair = SigningPair(str(keys / "secure-boot.key"), keys / "secure-boot.crt")
    (folder / "words.addon.efi").write_bytes(signing.signed(folder / "unsigned", pair))
    (folder / "extension.raw").write_bytes(b"nothing that this system takes, and measured all the same")
    fleet.esp("mmd", BESIDE)
    fleet.esp("mcopy", folder / "words.addon.efi", folder / "extension.raw", BESIDE)


def test_the_kernels_own_module_from_outside_loads_and_stays(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "machine.yaml").write_text("kind: Machine\nkernel: {modules: [adamant_greeting]}\n")
    adamant("node", "apply", tmp_path / "machine.yaml")
    assert node("version")["posture"] == "sealed"
    assert "adamant_greeting" in modules()


def test_a_release_of_another_key_is_refused_before_anything_is_written(
    fleet: Fleet, extra: str, new_keys: Path
) -> None:
    extra = re.sub(r"\S+/pcr\.", f"{new_keys}/pcr.", extra)
    fleet.publish(fleet.define("2", files="  - {path: /usr/lib/two, content: two}\n", extra=extra))
    assert fleet.upgrade(expect=5)["error"]["reference"] == "disk-key-differs"
    assert fleet.upgrade("--force", expect=5)["error"]["reference"] == "disk-key-differs"


def test_releases_of_two_keys_open_it_forth_and_back_with_no_boot_for_a_key_and_prove_themselves(
    fleet: Fleet, keys: Path, new_keys: Path, tmp_path: Path
) -> None:
    """Forth to release 2 of the new key, and back to release 1 of the old one: the same three steps each time.

    Release 1 starts with what is added beside its UKI then, which is measured, and its disks open.
    """
    first, second = (fleet.folder / "out" / f"fleet_{version}_amd64" for version in "12")
    old, new = digest(keys), digest(new_keys)
    assert "verified: fleet 1" in proven(first)
    assert signers() == [{old}, {old}]
    adamant("node", "reseal", "--public-key", new_keys / "pcr.pub")
    assert signers() == [{old, new}, {old, new}]
    fleet.upgrade(expect=6)
    adamant("node", "reboot")
    assert runs() == "2"
    assert "open by the TPM" in check("disk-encryption")["message"]
    assert "adamant_greeting" in modules()
    assert "verified: fleet 2" in proven(second)
    reseal()
    assert signers() == [{new}, {new}]
    refused = adamant("node", "rollback", check=False)
    assert (refused.returncode, "disk-key-differs" in refused.stderr) == (5, True), refused.stderr

    adamant("node", "reseal", "--public-key", keys / "pcr.pub")
    assert adamant("node", "rollback", check=False).returncode == 6
    off()
    add_beside_the_uki(fleet, keys, tmp_path)
    fleet.power_on()
    assert runs() == "1"
    assert "open by the TPM" in check("disk-encryption")["message"]
    code, said = proof(first)
    assert code == 3, said
    for reference in ("command-line-added", "extension-added", "program-unknown"):
        assert reference in said
    reseal()
    assert signers() == [{old}, {old}]
    assert fleet.upgrade("--force", expect=5)["error"]["reference"] == "disk-key-differs"
    off()
    fleet.esp("mdeltree", BESIDE)


def test_the_disk_alone_tells_nothing_and_opens_by_the_recovery_key(
    fleet: Fleet, recovery: dict[str, str], tmp_path: Path
) -> None:
    off()
    for label, key in recovery.items():
        data = fleet.partition(label)
        assert len(luks2.read(data[: luks2.HEADER_MOST]).recovery_slots) == 1
        assert b"adamant" not in data
        assert [fleet.opens(label, each, tmp_path) for each in (key, key[::-1])] == [True, False]


def test_with_another_tpm_it_stays_shut_and_says_why_and_what_to_do(fleet: Fleet, tree: ToolsTree) -> None:
    shutil.rmtree(off().folder / machine_tpm.STATE)  # swtpm makes another, as a new board has
    machine = machines().start("fleet", tree, places.cache())
    said = await_said(machine, "waits for their recovery keys")
    assert "systemd-cryptsetup" in said
    assert "Received TPM Error" in said
    assert "state and var did not open" in said
    shut = check("disk-encryption")
    assert (shut["state"], "adamant node recover" in shut["message"]) == ("failing", True)


def test_its_recovery_keys_bind_it_to_the_new_tpm_and_it_is_as_before(fleet: Fleet, recovery: dict[str, str]) -> None:
    """It gets them for a proof of the release that runs; its TPM is another than the one pinned, which is said."""
    wrong = json.dumps({name: key[::-1] for name, key in recovery.items()})
    shown = "".join(f"{name}  {key}\n" for name, key in recovery.items())
    first = fleet.folder / "out" / "fleet_1_amd64"
    other = ("--release", RECORDED / "other-manifest.json", "--replace-key")
    for keys, options, reference in (
        (wrong, (), "recovery-key-wrong"),
        (shown, ("--release", first), "attestation-key-changed"),
        (shown, other, "release-unproven"),
    ):
        assert reference in adamant("node", "recover", *options, typed=keys, check=False).stderr
    assert check("disk-encryption")["state"] == "failing", "it waits as before"
    said = adamant("node", "recover", "--release", first, "--secure-boot", "--replace-key", typed=shown).stdout
    assert "it runs fleet 1; attestation key" in said
    await_health("fleet", SECONDS)
    assert "adamant_greeting" in modules(), "its config lies on state"
    for volume in node("encryption"):
        (key,) = volume["tpm_keys"]
        assert (key["signed_registers"], volume["recovery_keys"], volume["other_keys"]) == ([11], 1, 0)
    assert "disk-open" in adamant("node", "recover", typed=shown, check=False).stderr


def named(disk: Source, label: str) -> bool:
    """Whether the first copy of the partition table (entries from LBA 2, UEFI 2.10, 5.3) names a partition so."""
    return f"{label}\0".encode("utf-16-le") in disk.exactly(2 * SECTOR, 128 * 128)


@pytest.mark.long
def test_power_that_goes_while_the_first_boot_makes_the_volumes_leaves_no_half_ones(
    fleet: Fleet, tree: ToolsTree, capsys: pytest.CaptureFixture[str]
) -> None:
    """QEMU is killed as soon as the disk, read from outside, has a header of LUKS2 where state will be.

    The fleet's own disk tells the place.
    """
    folder = off(seconds=0).folder
    with open_source(folder / DISK) as disk:
        table = gpt.decode(disk.read, disk.size)
        place = next(part.offset for part in table.partitions if part.label == "state")
    options = Options(Arch.AMD64, certificate=(folder / CERTIFICATE).read_bytes(), tpm=True)
    machine = up.create(machines(), "cut", fleet.folder / "out" / "fleet_1_amd64" / "disk.raw", options)
    try:
        with open_source(machine.folder / DISK) as disk:
            machines().start("cut", tree, places.cache())
            begin = time.monotonic()
            while disk.exactly(place, len(luks2.MAGIC)) != luks2.MAGIC:
                assert time.monotonic() < begin + SECONDS, console.tail(machine.console_log)
                time.sleep(0.01)
            machines().stop("cut", 0)
            with capsys.disabled():
                print(f"\ncut after {time.monotonic() - begin:.1f} s")
            assert not named(disk, "state"), "the cut came too late to show anything"
        up.start(machines(), "cut", tree, places.cache(), lambda _phase: None, SECONDS)
        volumes = node("-c", "cut", "encryption")
        assert [volume["name"] for volume in volumes] == ["state", "var"]
        for volume in volumes:
            (key,) = volume["tpm_keys"]
            assert (key["signed_registers"], volume["recovery_keys"], volume["other_keys"]) == ([11], 0, 0)
    finally:
        machines().delete("cut", force=True)
