"""The words of a hardened kernel on its command line."""

import pytest

from adamant.image import uki
from adamant.model import hardening, sysctl
from adamant.model.arch import Arch
from adamant.model.digest import RootHash
from adamant.model.errors import InputError
from adamant.model.posture import RULES, Posture
from adamant.node import house

ROOT = RootHash("ab" * 32)


def line(*arguments: str, posture: Posture = Posture.GUARDED) -> list[str]:
    return uki.command_line(Arch.AMD64, ROOT, arguments, posture).split()


@pytest.mark.parametrize("posture", [Posture.GUARDED, Posture.SEALED])
def test_a_hardened_kernel_gets_every_word_once_and_another_none(posture: Posture) -> None:
    wanted = ["lockdown=integrity", "module.sig_enforce=1", *hardening.words(Arch.AMD64)]
    assert sorted(word for word in line("quiet", posture=posture) if word in wanted) == sorted(wanted)
    assert not set(line("quiet", posture=Posture.OPEN)) & set(wanted)


def test_a_definition_may_strengthen_a_word() -> None:
    made = line("lockdown=confidentiality")
    assert [word for word in made if word.startswith("lockdown=")] == ["lockdown=confidentiality"]


def test_a_word_that_is_said_again_stands_there_once() -> None:
    assert line("slab_nomerge").count("slab_nomerge") == 1


@pytest.mark.parametrize(
    "word",
    ["lockdown=none", "lockdown", "module.sig_enforce=0", "slab_nomerge=0", "debugfs=on", "nokaslr", "mitigations=off"],
)
def test_a_definition_may_not_weaken_a_hardened_kernel(word: str) -> None:
    with pytest.raises(InputError, match="kernel-argument-weakens"):
        line("quiet", word)
    assert word in line("quiet", word, posture=Posture.OPEN)


def test_no_word_is_both_asked_and_not() -> None:
    assert not set(hardening.words(Arch.AMD64)) & set(hardening.NOT_ASKED)


def test_a_hardened_image_sets_what_the_audit_asks_for_and_an_open_one_what_debian_does() -> None:
    path = "usr/lib/sysctl.d/60-adamant-hardening.conf"
    for posture in Posture:
        made = {entry.path: entry.content for entry in house.house_files(posture, 1 << 30)}
        assert (path in made) == RULES[posture].hardened
    text = made[path]
    assert text is not None
    lines = sysctl.last(sysctl.parse(text.decode(), path))
    found = {sysctl.name_of(name): line for name, line in lines.items()}
    for setting in hardening.SETTINGS:
        assert hardening.setting_wrong(setting, found[setting.name].value) == ""
        assert found[setting.name].optional == setting.optional
