"""The thread that looks after the config of a machine goes on with what began before it."""

import threading
from pathlib import Path
from typing import Any

import pytest

from adamant.node.configuring import Configuring
from adamant.node.events import Events


class Service:
    """A config whose trial is over a moment after the agent has begun."""

    def __init__(self) -> None:
        self.left: list[float | None] = [0.05, None]
        self.over = threading.Event()

    def resume(self) -> None:
        """Nothing was under way."""

    def generation(self) -> int:
        return 7

    def tend(self) -> float | None:
        """What is left of the trial: the first look says some time, the second ends it."""
        left = self.left.pop(0)
        if left is None:
            self.over.set()
            self.left.append(None)
        return left


def test_a_trial_that_began_before_the_agent_ends_though_nobody_wakes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service: Any = Service()
    configuring = Configuring(tmp_path, Events(), passed=True)
    monkeypatch.setattr(configuring, "_mounted", lambda: True)
    monkeypatch.setattr(configuring, "_open", lambda: service)
    (tmp_path / "run/adamant").mkdir(parents=True)
    monkeypatch.setattr("adamant.node.configuring.limits.CONFIG_BOOT_SECONDS", 0)
    told = threading.Event()
    configuring.start(told.set)
    assert told.wait(60)
    assert service.over.wait(60)
