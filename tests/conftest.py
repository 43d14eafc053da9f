"""What every test knows: where the cache is, and that CI skips nothing."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

# Machines are shared, so no example has a deadline; in CI the same examples run each time.
settings.register_profile("adamant", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("adamant")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, so that `-m tool` and the like choose them."""
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
