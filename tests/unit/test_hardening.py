"""The words of a hardened kernel on its command line."""

import pytest

from adamant.image import uki
from adamant.model import hardening
from adamant.model.arch import Arch
from adamant.model.digest import RootHash
from adamant.model.errors import InputError

ROOT = RootHash("ab" * 32)


def line(*arguments: str, hardened: bool = True) -> list[str]:
    return uki.command_line(Arch.AMD64, ROOT, arguments, hardened=hardened).split()


def test_a_hardened_kernel_gets_every_word_once_and_another_none() -> None:
    assert [word for word in line("quiet") if word in hardening.ARGUMENTS] == list(hardening.ARGUMENTS)
    assert not set(line("quiet", hardened=False)) & set(hardening.ARGUMENTS)


def test_a_definition_may_strengthen_a_word() -> None:
    made = line("lockdown=confidentiality")
    assert [word for word in made if word.startswith("lockdown=")] == ["lockdown=confidentiality"]


def test_a_word_that_is_said_again_stands_there_once() -> None:
    assert line("slab_nomerge").count("slab_nomerge") == 1


@pytest.mark.parametrize("word", ["lockdown=none", "lockdown", "module.sig_enforce=0", "init_on_free=0", "debugfs=on"])
def test_a_definition_may_not_weaken_a_word(word: str) -> None:
    with pytest.raises(InputError, match="kernel-argument-weakens"):
        line("quiet", word)
    assert word in line("quiet", word, hardened=False)


def test_no_word_is_both_said_and_left_off() -> None:
    assert not set(hardening.ARGUMENTS) & set(hardening.OFF)
