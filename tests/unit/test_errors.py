"""Error references: all literal, all documented, each with one exit code, and raised somewhere."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from adamant.model.errors import (
    AdamantError,
    BusyError,
    ExitCode,
    InputError,
    UnreachableError,
    VerificationError,
)
from scripts.generators import cures, errors

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "adamant"
PAGE = ROOT / errors.PAGE


def documented() -> set[str]:
    return set(re.findall(r"^### (\S+)$", PAGE.read_text(), re.MULTILINE))


@functools.cache
def collected() -> Mapping[str, errors.Reference]:
    """What the generator finds in the sources, once for all tests."""
    return errors.collect(SOURCE)


def grepped() -> set[str]:
    """References by a plain search, which knows nothing of syntax trees: a literal right after an error's name."""
    pattern = re.compile(
        r"\b(?:\w*(?:Error|ProgramFailed)|super\(\)\.__init__)\(\s*\"([a-z0-9]+(?:-[a-z0-9]+)+|usage)\"", re.MULTILINE
    )
    return {name for path in SOURCE.rglob("*.py") for name in pattern.findall(path.read_text())}


def test_every_reference_in_the_code_is_on_the_page() -> None:
    assert grepped() - documented() == set(), "run scripts/generate errors"
    assert set(collected()) - documented() == set(), "run scripts/generate errors"


def test_every_reference_on_the_page_is_in_the_code() -> None:
    text = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    assert {name for name in documented() if f'"{name}"' not in text} == set(), "run scripts/generate errors"


def test_references_are_kebab_case() -> None:
    assert [n for n in collected() if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", n)] == []


def test_what_a_person_gave_wrong_comes_with_a_message() -> None:
    assert [r.name for r in collected().values() if not r.messages] == []


def test_exit_codes_are_those_that_the_classes_have() -> None:
    found = collected()
    assert found["lock-missing"].exit_code is InputError.exit_code is ExitCode.USAGE
    assert found["digest-malformed"].exit_code is VerificationError.exit_code is ExitCode.VERIFICATION
    assert found["mirror-unreachable"].exit_code is UnreachableError.exit_code is ExitCode.UNREACHABLE
    assert found["locked"].exit_code is BusyError.exit_code is ExitCode.BUSY
    assert found["disk-full"].exit_code is AdamantError.exit_code is ExitCode.FAILED


def test_cures_belong_to_errors_that_exist() -> None:
    assert set(cures.OF_REFERENCE) - set(collected()) == set()


def module(tmp_path: Path, text: str) -> Path:
    (tmp_path / "module.py").write_text(text)
    return tmp_path


def test_a_computed_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.NotLiteral, match=r"module\.py, line 2"):
        errors.collect(module(tmp_path, "name = 'x'\nraise AdamantError(name, 'text')\n"))


def test_a_reference_with_two_exit_codes_is_refused(tmp_path: Path) -> None:
    text = "class InputError(AdamantError):\n    exit_code: ClassVar[ExitCode] = ExitCode.USAGE\n"
    with pytest.raises(errors.NotLiteral, match="exit codes"):
        errors.collect(module(tmp_path, text + "AdamantError('same', 'a')\nInputError('same', 'b')\n"))


def test_a_subclass_carries_the_exit_code_of_its_parent(tmp_path: Path) -> None:
    text = (
        "class InputError(AdamantError):\n    exit_code = ExitCode.USAGE\n"
        "class Narrow(InputError):\n    pass\n"
        "Narrow('too-narrow' if x else 'too-wide', f'{a.b} is {c!r}', hint='h')\n"
    )
    found = errors.collect(module(tmp_path, text))
    assert {name: r.exit_code.value for name, r in found.items()} == {"too-narrow": 2, "too-wide": 2}
    assert found["too-wide"].messages == ["{b} is {c}"]
    assert found["too-wide"].hints == ["h"]


def test_a_class_may_fix_its_reference(tmp_path: Path) -> None:
    text = (
        "class Gone(AdamantError):\n    def __init__(self, what):\n"
        "        super().__init__('it-is-gone', f'{what} is gone', hint='look elsewhere')\n"
        "raise Gone(thing)\n"
    )
    found = errors.collect(module(tmp_path, text))
    assert list(found) == ["it-is-gone"]
    assert found["it-is-gone"].messages == ["{what} is gone"]
