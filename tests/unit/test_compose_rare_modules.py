"""Rare modules: left out by the table, kept by name, by `*` or by posture; a wrong name is told."""

import pytest

from adamant.compose import entries, rare_modules
from adamant.model.errors import InputError
from adamant.model.posture import Posture
from adamant.model.tree import Tree

KERNEL = "6.12.0"
FOLDER = f"usr/lib/modules/{KERNEL}/kernel"


def _tree(*modules: str) -> Tree:
    return {path: entries.file(path, "x") for path in (f"{FOLDER}/{module}.ko.xz" for module in modules)}


TREE = _tree("fs/bcachefs/bcachefs", "fs/xfs/xfs", "drivers/hid/hid", "drivers/hid/hid-apple", "net/rds/rds_tcp")


def _rare(*wanted: str, posture: Posture = Posture.GUARDED) -> list[str]:
    found = rare_modules.rare(TREE, KERNEL, posture, wanted)
    return [path.removeprefix(f"{FOLDER}/").removesuffix(".ko.xz") for path in found]


def test_what_the_table_names_goes_and_the_rest_stays() -> None:
    assert _rare() == ["drivers/hid/hid-apple", "fs/bcachefs/bcachefs", "net/rds/rds_tcp"]
    assert _rare(posture=Posture.SEALED) == _rare()


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
    assert all([*rare_modules.RARE.values(), *rare_modules.KEPT.values()])
