"""Rare modules: left out by the table, kept by name, by `*` or by posture; a wrong name is told."""

import contextlib
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.compose import entries, rare_modules
from adamant.model.errors import InputError, VerificationError
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Tree

KERNEL = "6.12.0"
FOLDER = f"usr/lib/modules/{KERNEL}/kernel"


def _tree(*modules: str) -> Tree:
    return {path: entries.file(path, "x") for path in (f"{FOLDER}/{module}.ko.xz" for module in modules)}


def _needing(module: str, *needed: str) -> Entry:
    info = b"license=GPL\0depends=" + ",".join(needed).encode() + b"\0retpoline=Y\0"
    return entries.file(f"{FOLDER}/{module}.ko.xz", lzma.compress(info, check=lzma.CHECK_CRC32))


SUNRPC = "net/sunrpc/sunrpc"
TREE = _tree("fs/bcachefs/bcachefs", "fs/xfs/xfs", "drivers/hid/hid", "drivers/hid/hid-apple", "net/rds/rds_tcp")
TREE |= {e.path: e for e in (_needing("fs/nfs/nfsv4", "nfs"), _needing("fs/nfs/nfs", "sunrpc"), _needing(SUNRPC))}


def _rare(*wanted: str, posture: Posture = Posture.GUARDED) -> list[str]:
    found = rare_modules.rare(TREE, KERNEL, posture, wanted)
    return [path.removeprefix(f"{FOLDER}/").removesuffix(".ko.xz") for path in found]


def test_what_the_table_names_goes_and_the_rest_stays() -> None:
    assert _rare() == ["drivers/hid/hid-apple", "fs/bcachefs/bcachefs", "net/rds/rds_tcp"]
    assert _rare(posture=Posture.SEALED) == [*_rare()[:2], "fs/nfs/nfs", "fs/nfs/nfsv4", *_rare()[2:], SUNRPC]


def test_a_module_that_a_definition_names_brings_those_that_it_needs() -> None:
    assert _rare("nfsv4", posture=Posture.SEALED) == _rare()
    assert "fs/nfs/nfsv4" in _rare("nfs", posture=Posture.SEALED)
    assert SUNRPC not in _rare("nfs", posture=Posture.SEALED)


def test_a_named_module_that_cannot_be_unpacked_is_told() -> None:
    path = f"{FOLDER}/fs/nfs/nfs.ko.xz"
    broken = {path: entries.file(path, lzma.compress(b"x" * 99, check=lzma.CHECK_CRC32)[:20] + b"y" * 40)}
    with pytest.raises(VerificationError) as caught:
        rare_modules.rare(broken, KERNEL, Posture.SEALED, ["nfs"])
    assert caught.value.reference == "xz-broken"


@given(st.binary(max_size=200))
def test_hostile_modules_give_names_or_an_error(data: bytes) -> None:
    path = f"{FOLDER}/fs/nfs/nfs.ko.xz"
    for content in (data, b"\xfd7zXZ\0" + data, lzma.compress(b"\0depends=" + data + b"\0", check=lzma.CHECK_CRC32)):
        with contextlib.suppress(VerificationError):
            assert rare_modules.rare({path: entries.file(path, content)}, KERNEL, Posture.SEALED, ["nfs"]) == []


def test_a_definition_keeps_modules_by_name_with_either_dash() -> None:
    assert _rare("bcachefs", "hid_apple", "rds-tcp") == []


def test_a_star_or_the_posture_keeps_all() -> None:
    assert _rare("*") == _rare(posture=Posture.OPEN) == []


@pytest.mark.parametrize("posture", list(Posture))
def test_a_module_that_the_kernel_has_not_is_told(posture: Posture) -> None:
    with pytest.raises(InputError, match=r"no module nosuch") as caught:
        _rare("nosuch", posture=posture)
    assert caught.value.reference == "module-unknown"


def test_a_module_of_another_kernel_stays() -> None:
    assert rare_modules.rare(TREE, "6.12.1", Posture.GUARDED, ["*"]) == []


def test_every_row_of_the_tables_has_a_reason() -> None:
    assert all([*rare_modules.RARE.values(), *rare_modules.KEPT.values(), *rare_modules.PRIVILEGED.values()])
