"""What every test knows: that CI skips nothing, and in which order files of tests run beside each other."""

import os
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Machines are shared, so no example has a deadline; in CI the same examples run each time.
settings.register_profile("adamant", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("adamant")

SHARE_A_MACHINE = tuple(f"tests/vm/test_{name}.py" for name in ("attest", "machines", "resources", "up"))
"""Files whose tests ask one machine (tests/vm/conftest.py, `healthy`): they run one after another, and last."""

LONG = tuple(
    f"tests/vm/test_{name}.py"
    for name in ("arm64", "attacks", "disk_encryption", "enrolment", "guide", "open", "secure_boot", "update")
)
"""Files that take minutes for few tests: they are begun first, so that none of them is alone at the end."""


class Files(LoadFileScheduling):  # type: ignore[misc]  # it carries no types
    """A file of tests runs on one processor, and so do files that share a machine. The order is that of the items."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return SHARE_A_MACHINE[0] if file in SHARE_A_MACHINE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files | None:
    """Our order of files, for `--dist loadfile`."""
    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Files(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first. Mark tests by their folder, so that `-m tool` and the like choose them."""
    tests = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        return item.nodeid.startswith(SHARE_A_MACHINE), not item.nodeid.startswith(LONG), -tests[item.path]

    items.sort(key=place)
    for item in items:
        for folder in ("tool", "image", "vm"):
            if f"/tests/{folder}/" in str(item.path):
                item.add_marker(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: a step is required, or it does not exist."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report
