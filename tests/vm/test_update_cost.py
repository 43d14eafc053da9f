"""What an update takes from the work of a machine while it is staged: run by hand, and it prints its figures.

Two programs that never rest stand for the work. The guest's own accounts say what of its processors they
got, so the speed of the computer below has no part in it.
"""

import time
from collections.abc import Iterator

import pytest

from tests.vm.conftest import node
from tests.vm.fleet import Fleet, running

pytestmark = pytest.mark.long

WORK = "work.service"
UNIT = f"""units:
  - name: {WORK}
    content: |
      [Service]
      ExecStart=/usr/bin/openssl speed -seconds 36000 -multi 2 sha256
      [Install]
      WantedBy=multi-user.target
"""
PROCESSORS = 2


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running(tmp_path_factory.mktemp("fleet"), extra=UNIT) as made:
        yield made


def _used() -> tuple[float, float, float]:
    """Seconds of processor time so far: of the work, of updates, and of all processors, whatever they did."""
    groups = {found["name"]: found["actual"]["cpu_usec"] for found in node("get", "cgroups")["resources"]}
    (cpu,) = (found["actual"] for found in node("get", "cpu")["resources"] if found["name"] == "all")
    spent = sum(value for name, value in cpu.items() if name.endswith("_usec"))
    times = (groups[f"/system.slice/{WORK}"], groups.get("/background.slice", 0), spent)
    return tuple(int(each) / 1e6 for each in times)  # type: ignore[return-value]


def _shares(before: tuple[float, float, float], after: tuple[float, float, float]) -> tuple[float, float]:
    """Cores that the work got, and that updates got, between two answers of `_used`."""
    work, update, spent = (b - a for a, b in zip(before, after, strict=True))
    return PROCESSORS * work / spent, PROCESSORS * update / spent


def test_staging_takes_less_than_a_twentieth_of_a_core_from_the_work(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.publish(fleet.define("2", "nftables", extra=UNIT))
    begin = _used()
    time.sleep(60)
    quiet, _ = _shares(begin, _used())
    begun = _used()
    fleet.upgrade("--version", "2", expect=6)
    busy, update = _shares(begun, _used())
    with capsys.disabled():
        print(
            f"\nof {PROCESSORS} cores the work got {quiet:.3f}; while an update was staged {busy:.3f},"
            f" and the update {update:.3f}"
        )
    assert quiet - busy < 0.05
