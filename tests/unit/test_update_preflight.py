"""What must hold before an update begins: each reason against it has a name."""

import pytest
from msgspec.structs import replace

from adamant.model.errors import BusyError
from adamant.node.update.entries import Entry
from adamant.node.update.preflight import Facts, check
from adamant.release.index import Part
from tests.unit.power_cuts import made

RELEASE = made("2", bytes(8192)).release
RUNNING = Entry("host", "1", None, 0)
WELL = Facts(RUNNING, free=1 << 30, trial=False)


def test_a_machine_that_is_well_is_updated() -> None:
    check(WELL, RELEASE, force=False)


@pytest.mark.parametrize(
    ("facts", "reference"),
    [
        (WELL._replace(running=None), "boot-entry-missing"),
        (WELL._replace(running=RUNNING._replace(left=2, done=1)), "boot-on-trial"),
        (WELL._replace(trial=True), "config-on-trial"),
        (WELL._replace(failed=("2",)), "release-failed-here"),
        (WELL._replace(free=100), "esp-full"),
    ],
)
def test_each_reason_against_it_is_named(facts: Facts, reference: str) -> None:
    with pytest.raises(BusyError) as caught:
        check(facts, RELEASE, force=False)
    assert caught.value.reference == reference


def test_a_release_that_would_leave_the_disks_shut_is_refused_even_when_forced() -> None:
    key = "ab" * 32
    part = Part(".pcrpkey", 0, 451, key)
    signed = replace(RELEASE, uki=replace(RELEASE.uki, parts=(*RELEASE.uki.parts, part)))
    check(WELL._replace(disk_keys={key, "cd" * 32}), signed, force=False)
    for release in (signed, RELEASE):
        with pytest.raises(BusyError) as caught:
            check(WELL._replace(disk_keys={"cd" * 32}), release, force=True)
        assert caught.value.reference == "disk-key-differs"


def test_a_release_that_failed_is_tried_again_when_it_is_forced() -> None:
    check(WELL._replace(failed=("2",)), RELEASE, force=True)
