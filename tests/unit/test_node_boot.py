"""The time line of a boot adds up."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adamant.api import node_pb2 as pb
from adamant.node import boot, record
from adamant.node.boot import Times

MADE = record.BootRecord(
    "usr-a", "vda", 1_000, (("modules", 1_200), ("slot", 1_300), ("verity", 1_400), ("handover", 1_500))
)
TIMES = Times(firmware=5_000, loader=800, userspace=1_600, finish=9_000, agent_begin=3_000, agent_ready=6_000)


def _spans(phases: list[pb.BootPhase]) -> dict[str, tuple[int, int]]:
    return {phase.name: (phase.start_usec, phase.start_usec + phase.duration_usec) for phase in phases}


def test_phases_follow_one_another_from_power_on() -> None:
    assert _spans(boot.phases(TIMES, MADE, 99_000)) == {
        "firmware": (0, 4_200),
        "loader": (4_200, 5_000),
        "kernel": (5_000, 6_000),
        "initrd": (6_000, 6_600),
        "system": (6_600, 14_000),
        "agent": (8_000, 11_000),
    }


def test_the_initrd_has_its_own_parts() -> None:
    initrd = next(phase for phase in boot.phases(TIMES, MADE, 99_000) if phase.name == "initrd")
    assert _spans(list(initrd.parts)) == {
        "modules": (6_000, 6_200),
        "slot": (6_200, 6_300),
        "verity": (6_300, 6_400),
        "handover": (6_400, 6_500),
    }


def test_a_system_that_still_starts_ends_now() -> None:
    times = Times(5_000, 800, 1_600, 0, 3_000, 6_000)
    assert _spans(boot.phases(times, MADE, 7_000))["system"] == (6_600, 12_000)


def test_phases_that_nobody_tells_of_are_left_out() -> None:
    times = Times(0, 0, 1_600, 9_000, 3_000, 6_000)
    assert _spans(boot.phases(times, None, 99_000)) == {
        "kernel": (0, 1_600),
        "system": (1_600, 9_000),
        "agent": (3_000, 6_000),
    }


numbers = st.integers(min_value=0, max_value=1 << 40)


@given(st.tuples(numbers, numbers, numbers, numbers, numbers, numbers), numbers, numbers, st.lists(numbers, max_size=4))
def test_no_clock_however_wrong_makes_a_time_negative(
    values: tuple[int, int, int, int, int, int], begin: int, now: int, ends: list[int]
) -> None:
    made = record.BootRecord("usr-a", "vda", begin, tuple(zip(record.STEPS, ends, strict=False)))
    for phase in boot.phases(Times(*values), made, now):
        assert phase.start_usec >= 0
        assert phase.duration_usec >= 0


def test_the_slowest_units_come_first_and_ten_are_shown() -> None:
    timed = [(f"{n:02}.service", 1_000, 1_000 + n * 10) for n in range(20)] + [("late.service", 0, 5_000)]
    found = boot.slowest(timed, 500)
    assert [unit.unit for unit in found] == [f"{n:02}.service" for n in range(19, 9, -1)]
    assert (found[0].start_usec, found[0].duration_usec) == (1_500, 190)


def test_a_machine_that_tells_nothing_still_answers(tmp_path: Path) -> None:
    answer = boot.answer(tmp_path, boot.Served(1, 2), 3)
    assert (answer.slot, answer.uki, answer.root_hash) == ("", "", "")
    assert answer.secure_boot == pb.SECURE_BOOT_UNSUPPORTED
    assert answer.verity == pb.VERITY_UNSPECIFIED
