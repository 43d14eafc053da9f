"""The benchmark's arithmetic and words: a page of figures must say what was measured, and not be kinder than it."""

import json
import mmap
import os

import pytest

from adamant.model import lock as locks
from adamant.model.arch import Arch
from adamant.model.kernel import config, hardening
from adamant.model.lock import Lock, Package, PackageSet
from benchmarks import report
from benchmarks.adamant import with_package
from benchmarks.measure import Series, memory, peak_memory
from benchmarks.result import Aim, Result, Table, Unit
from benchmarks.rows import kernel


def result(ours: float, rival: float | None, aim: Aim, unit: Unit = Unit.SECONDS) -> Result:
    theirs = None if rival is None else Series((rival, rival))
    return Result("row", "A row", unit, Series((ours, ours, ours)), aim, theirs, "mkosi")


@pytest.mark.parametrize(
    ("ours", "rival", "aim", "met"),
    [
        (1.0, 6.0, Aim("6 times", ratio=6.0), True),
        (1.0, 5.9, Aim("6 times", ratio=6.0), False),
        (1.0, None, Aim("6 times", ratio=6.0), None),
        (1.0, None, Aim("below 1", below=1.0), False),
        (0.9, None, Aim("below 1", below=1.0), True),
        (31.0, 90.0, Aim("half, below 30", below=30.0, ratio=2.0), False),
        (29.0, None, Aim("half, below 30", below=30.0, ratio=2.0), None),
        (31.0, None, Aim("half, below 30", below=30.0, ratio=2.0), False),
        (0.0, None, Aim("yes", least=1.0), False),
        (1.0, None, Aim("yes", least=1.0), True),
    ],
)
def test_an_aim_is_met_only_when_all_of_it_is(ours: float, rival: float | None, aim: Aim, met: bool | None) -> None:
    assert result(ours, rival, aim).met is met


def test_a_ratio_above_one_is_in_our_favour() -> None:
    assert result(2.0, 8.0, Aim("")).ratio == 4.0


def test_a_figure_comes_with_its_spread() -> None:
    page = report.text({"load": "0"}, [Result("r", "R", Unit.SECONDS, Series((3.0, 1.0, 2.0)), Aim("a"))])
    assert "2.0 s (1.0 s to 3.0 s)" in page


def test_the_page_does_not_hide_an_aim_that_was_missed() -> None:
    page = report.markdown({}, [result(2.0, 4.0, Aim("6 times", ratio=6.0)), result(1.0, None, Aim("x", ratio=2.0))])
    assert "| 2.00 | 6 times | no |" in page
    assert "| x | rival not run |" in page


def test_truth_is_said_in_words() -> None:
    page = report.markdown({}, [result(1.0, 0.0, Aim("yes", least=1.0), Unit.TRUTH)])
    assert "| A row | yes | no: mkosi |  | yes | yes |" in page


def test_json_holds_every_sample() -> None:
    table = Table("t", ("a", "b"), (("1", "2"),))
    row = Result("r", "R", Unit.BYTES, Series((1.0, 2.0)), Aim("a", below=3.0), tables=(table,))
    said = json.loads(report.as_json({"cores": "2"}, [row]))
    assert said["conditions"] == {"cores": "2"}
    assert said["rows"][0]["adamant"] == [1.0, 2.0]
    assert said["rows"][0]["tables"][0]["rows"] == [["1", "2"]]
    assert said["rows"][0]["met"] is True


def test_memory_counts_no_process_of_others() -> None:
    with peak_memory() as peak:
        pass
    assert peak.value == 0


def test_a_changed_package_takes_the_place_of_the_old_one() -> None:
    def package(name: str, version: str) -> Package:
        return Package(name, version, "all", name, version, "trixie", f"{name}.deb", 1, "0" * 64)

    packages = PackageSet(Arch.AMD64, "1" * 64, (), (package("a", "1"), package("b", "1")))
    changed = with_package(Lock(image=packages, tools=packages), package("b", "2"))
    assert [(p.name, p.version) for p in changed.image.packages] == [("a", "1"), ("b", "2")]
    assert locks.decode(locks.encode(changed)) == changed


def config_of(missing: int) -> str:
    """A config that meets all but the first `missing` rows of the table that an empty config does not meet."""
    wanted = [ask for ask in hardening.asks(Arch.AMD64) if "n" not in ask.values][missing:]
    return "".join(config.line(ask.option, ask.values[0]) + "\n" for ask in wanted)


def test_hardening_is_counted_by_one_table_and_must_be_above_all_others() -> None:
    rows = len(hardening.asks(Arch.AMD64))
    won = kernel.compared(Arch.AMD64, config_of(3), {"Debian's": config_of(9), "config-amd64": config_of(4)})
    assert won.met
    assert [row for table in won.tables for row in table.rows] == [
        ("own", str(rows - 3)),
        ("Debian's", str(rows - 9)),
        ("config-amd64", str(rows - 4)),
    ]
    level = kernel.compared(Arch.AMD64, config_of(4), {"Debian's": config_of(9), "config-amd64": config_of(4)})
    assert not level.met
    page = report.markdown({}, [won, level])
    more = "more than Debian's and config-amd64"
    assert f"| {rows - 3} | {rows - 9}: Debian's cloud kernel |  | {more} | yes |" in page
    assert f"| {rows - 4} | {rows - 9}: Debian's cloud kernel |  | {more} | no |" in page


def test_a_percentile_is_a_sample_that_so_many_do_not_exceed() -> None:
    hundred = Series(tuple(float(number) for number in range(100, 0, -1)))
    assert [hundred.part(part) for part in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert Series((7.0,)).part(0.99) == 7.0


def test_a_time_below_ten_milliseconds_is_told_in_milliseconds() -> None:
    page = report.text({"load": "0"}, [Result("r", "R", Unit.SECONDS, Series((0.00123,)), Aim("a"))])
    assert "1.23 ms" in page


def test_memory_of_a_process_is_what_it_takes() -> None:
    before = memory(os.getpid())
    held = mmap.mmap(-1, 32 << 20)  # bytes could lie in what this process has had before
    held.write(b"x" * len(held))
    after = memory(os.getpid())
    assert 24 << 20 < after.resident - before.resident < 64 << 20
    assert after.share <= after.resident
    assert after.threads >= 1
    held.close()
