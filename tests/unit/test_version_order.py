"""Which version is newer: the order of the UAPI Group's specification, and the laws of an order."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.errors import InputError
from adamant.model.version_order import KEY, compare

ORDERED = ("1~", "1", "1-2", "1^2", "1.a", "1.2~rc1", "1.2", "1.2-1", "1.2^post", "1.2.1", "1.10", "2~rc1", "2", "11")
VERSIONS = st.text("01289ab.~^-", min_size=1, max_size=12)


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ORDERED, 2)))
def test_versions_of_the_specification_are_in_its_order(older: str, newer: str) -> None:
    assert compare(older, newer) < 0 < compare(newer, older)


@pytest.mark.parametrize(("a", "b"), [("1", "01"), ("1.0007", "1.7")])
def test_leading_zeros_say_nothing(a: str, b: str) -> None:
    assert compare(a, b) == 0


@given(VERSIONS, VERSIONS, VERSIONS)
def test_it_is_an_order(a: str, b: str, c: str) -> None:
    assert compare(a, a) == 0
    assert (compare(a, b) > 0) == (compare(b, a) < 0)
    low, middle, high = sorted((a, b, c), key=KEY)
    assert compare(low, middle) <= 0
    assert compare(low, high) <= 0


@pytest.mark.parametrize("version", ["", "1 2", "1/2", "\u00e9", "1" * 65])
def test_what_is_no_version_is_named(version: str) -> None:
    with pytest.raises(InputError) as caught:
        compare(version, "1")
    assert caught.value.reference == "version-malformed"
