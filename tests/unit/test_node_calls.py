"""Turns: work for one at a time, and only so often."""

import pytest

from adamant.model.errors import BusyError
from adamant.node.calls import Turns


def test_turns_are_for_one_at_a_time_and_come_back_with_time() -> None:
    now = [100.0]
    turns = Turns(2, 60.0, lambda: now[0])
    with turns.taken(), pytest.raises(BusyError, match="one such call at once"), turns.taken():
        pass
    now[0] = 130.0
    with pytest.raises(ValueError, match="failed"), turns.taken():
        raise ValueError("failed")
    for at in (131.0, 159.9):
        now[0] = at
        with pytest.raises(BusyError, match="2 such calls in 60 s"), turns.taken():
            pass
    now[0] = 160.0
    with turns.taken():
        pass
    with pytest.raises(BusyError, match="2 such calls"), turns.taken():
        pass
