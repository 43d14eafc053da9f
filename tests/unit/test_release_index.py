"""Which release a machine is to go to: channels, waves, stepping stones, withdrawals; and why not."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.arch import Arch
from adamant.model.errors import BusyError, InputError
from adamant.model.posture import Posture
from adamant.release import index
from adamant.release.index import SEEDS, Choice, File, Index, Machine, Offer, Release, Wave

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DIGEST = "ab" * 32


def release(version: str, arch: Arch = Arch.AMD64, posture: Posture = Posture.GUARDED, **more: object) -> Release:
    file = File(f"host/{version}", 10, DIGEST)
    made = Release(version, arch, posture, "6.12", DIGEST, DIGEST, 4, file, file, file, file, file)
    return msgspec.structs.replace(made, **more)


def offered(*versions: str, waves: tuple[Wave, ...] = (), channel: str = "stable") -> Index:
    made = Index("host")
    for version in versions:
        made = index.add(made, release(version))
        made = index.offer(made, Offer(channel, version, Arch.AMD64, waves))
    return made


def choose(made: Index, version: str = "1", now: datetime = NOW, seed: int = 0, **more: object) -> Choice:
    machine = Machine(version, Arch.AMD64, Posture.GUARDED, "stable", seed)
    return index.choose(made, msgspec.structs.replace(machine, **more), now)


def chosen(made: Index, *arguments: object, **more: object) -> str | None:
    found = choose(made, *arguments, **more).release  # type: ignore[arg-type]
    return found.version if found else None


def test_the_newest_offered_release_is_chosen_whatever_the_order_of_publishing() -> None:
    assert chosen(offered("3", "10", "2")) == "10"
    assert [r.version for r in offered("3", "10", "2").releases] == ["2", "3", "10"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"channel": "beta"}, "there is no channel beta; there are: stable"),
        ({"arch": Arch.ARM64}, "nothing for arm64"),
        ({"posture": Posture.OPEN}, "nothing of the posture open"),
        ({"version": "2"}, "2 is the newest"),
        ({"version": "2.1"}, "2.1 is the newest: the channel stable offers 2"),
    ],
)
def test_no_update_always_says_why(more: dict[str, object], why: str) -> None:
    found = choose(offered("1", "2"), **more)  # type: ignore[arg-type]
    assert found.release is None
    assert why in found.why


def test_a_machine_never_goes_back_by_itself() -> None:
    assert chosen(offered("1", "2"), "3") is None


def test_a_wave_admits_its_share_and_from_its_time_on() -> None:
    waves = (Wave(NOW, 10), Wave(NOW + timedelta(hours=1), 100))
    made = offered("2", waves=waves)
    assert chosen(made, seed=SEEDS // 10 - 1) == "2"
    late = choose(made, seed=SEEDS // 10)
    assert late.release is None
    assert "2 comes to this machine at 2026-06-01T13:00:00" in late.why
    assert chosen(made, now=NOW + timedelta(hours=1), seed=SEEDS - 1) == "2"
    assert chosen(made, now=NOW - timedelta(seconds=1), seed=0) is None


@given(st.integers(1, 100), st.integers(0, SEEDS - 1))
def test_a_wave_is_for_its_percentage_of_all_seeds(percent: int, seed: int) -> None:
    assert index.admits((Wave(NOW, percent),), seed, NOW) is (seed < percent * SEEDS // 100)


def test_a_wave_that_is_not_open_leaves_the_machine_the_release_before() -> None:
    made = index.offer(index.add(offered("2"), release("3")), Offer("stable", "3", Arch.AMD64, (Wave(NOW, 1),)))
    assert chosen(made, seed=SEEDS - 1) == "2"
    assert chosen(made, seed=0) == "3"


def test_a_release_to_pass_through_comes_first_also_when_no_channel_offers_it() -> None:
    made = index.add(offered("2", "5"), release("3", pass_through=True))
    assert chosen(made, "1") == "3"
    assert chosen(made, "3") == "5"
    assert chosen(made, "4") == "5"


def test_a_withdrawn_release_is_offered_to_nobody_and_cannot_be_offered_again() -> None:
    made = index.withdraw(offered("2", "3"), "3", Arch.AMD64, "it eats disks")
    assert chosen(made) == "2"
    with pytest.raises(BusyError, match="it eats disks"):
        index.offer(made, Offer("stable", "3", Arch.AMD64))


def test_a_version_never_changes_what_it_is() -> None:
    made = offered("2")
    assert index.add(made, release("2")) == made
    with pytest.raises(BusyError) as caught:
        index.add(made, release("2", kernel="6.13"))
    assert caught.value.reference == "release-exists"


def test_an_index_survives_its_bytes() -> None:
    made = offered("1", "2", waves=(Wave(NOW, 5),))
    assert index.decode(index.encode(made)) == made


VALID = index.encode(offered("1", "2", "3~rc1", waves=(Wave(NOW, 10), Wave(NOW + timedelta(days=1), 100))))
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([1 << 63, 1 << 64, 1 << 400, -1, 0]),
    st.floats(),
    st.text(),
    st.sampled_from(["host\n", "../../x", "/etc/passwd", "a//b", ".hidden", "\ud800", DIGEST.upper(), "3", "9" * 33]),
    st.sampled_from(["2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each value in a document, as what holds it and under which key."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def read_or_refused(data: bytes) -> Index | None:
    """The index, or None for bytes that are refused as they should be."""
    try:
        return index.decode(data)
    except InputError as error:
        if error.reference != "releases-malformed":
            raise
        return None


@given(st.data(), ODD)
def test_an_index_with_any_value_replaced_is_read_or_refused_and_what_was_read_can_be_chosen_from(
    data: st.DataObject, odd: Any
) -> None:
    document = json.loads(VALID)
    holder, key = data.draw(st.sampled_from(list(places(document))))
    holder[key] = odd
    made = read_or_refused(json.dumps(document).encode())
    if made is None:
        return
    for seed in (0, SEEDS - 1):
        with suppress(InputError):  # an offer of a release that is not there
            choose(made, seed=seed)
    for one in made.releases:
        for file in one.files:
            assert not any(part in {"", ".", ".."} for part in file.path.split("/"))
            assert file.size >= 0


@given(st.integers(0, len(VALID)), st.integers(0, 8), st.binary(max_size=8))
def test_an_index_with_any_bytes_replaced_is_read_or_refused(at: int, length: int, other: bytes) -> None:
    read_or_refused(VALID[:at] + other + VALID[at + length :])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema": 1', b'"schema": 2'),
        (b'"product": "host"', b'"product": "host\\n"'),
        (b'"product": "host"', b'"product": "\xff"'),
        (b'"path": "host/2"', b'"path": "host/../2"'),
        (b'"path": "host/2"', b'"path": "/host/2"'),
        (b'"size": 10', b'"size": -1'),
        (b'"size": 10', b'"size": 10000000000000000'),
        (b'"data_blocks": 4', b'"data_blocks": 0'),
        (b'"begin": "2026-06-01T12:00:00Z"', b'"begin": "2026-06-01T12:00:00"'),
    ],
)
def test_what_an_index_may_not_say_is_refused(old: bytes, new: bytes) -> None:
    assert old in VALID
    with pytest.raises(InputError) as caught:
        index.decode(VALID.replace(old, new))
    assert caught.value.reference == "releases-malformed"


def test_a_wave_at_the_end_of_all_time_is_an_answer_too() -> None:
    made = index.decode(re.sub(rb'"begin": "[^"]*"', b'"begin": "9999-12-31T23:59:59-23:59"', VALID))
    assert "comes to this machine at 9999-12-31T23:59:59-23:59" in choose(made).why


@given(st.binary(max_size=200))
def test_bytes_that_are_no_index_are_an_error(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        index.decode(data)
    assert caught.value.reference == "releases-malformed"
