"""Events are numbered, kept, and sent in order; who falls behind is told."""

import threading

import pytest

from adamant.api import events_pb2 as pb
from adamant.core import limits
from adamant.node.events import Events


def _messages(events: Events, after: int = 0, kinds: tuple[int, ...] = (), last: int = 0) -> list[str]:
    return [event.message for event in events.follow(after, kinds, last, wait=False, alive=lambda: True)]


@pytest.fixture
def events() -> Events:
    made = Events(clock=lambda: 12.5)
    for number in range(1, 6):
        kind = pb.EVENT_KIND_HEALTH if number % 2 else pb.EVENT_KIND_CONFIG
        made.publish(kind, str(number), {"n": str(number)})
    return made


def test_events_come_in_order_with_their_numbers_and_times(events: Events) -> None:
    found = list(events.follow(0, (), 0, wait=False, alive=lambda: True))
    assert [event.sequence for event in found] == [1, 2, 3, 4, 5]
    assert {event.time_usec for event in found} == {12_500_000}
    assert {event.agent_id for event in found} == {events.agent_id}
    assert found[0].fields["n"] == "1"


def test_a_client_takes_up_where_it_left_off(events: Events) -> None:
    assert _messages(events, after=3) == ["4", "5"]


def test_kinds_and_the_last_so_many_can_be_chosen(events: Events) -> None:
    assert _messages(events, kinds=(pb.EVENT_KIND_CONFIG,)) == ["2", "4"]
    assert _messages(events, last=2) == ["4", "5"]
    assert _messages(events, kinds=(pb.EVENT_KIND_HEALTH,), last=1) == ["5"]


def test_the_ring_is_bounded_and_says_how_many_are_gone() -> None:
    events = Events()
    for _ in range(limits.EVENTS_KEPT + 7):
        events.publish(pb.EVENT_KIND_AGENT, "x")
    found = list(events.follow(2, (), 0, wait=False, alive=lambda: True))
    assert len(found) == limits.EVENTS_KEPT
    assert (found[0].sequence, found[0].missed) == (8, 5)
    assert not any(event.missed for event in found[1:])


def test_a_follower_gets_what_comes_and_ends_with_its_client(events: Events) -> None:
    gone = threading.Event()
    following = events.follow(4, (), 0, wait=True, alive=lambda: not gone.is_set())
    assert next(following).message == "5"
    threading.Timer(0.2, events.publish, (pb.EVENT_KIND_AGENT, "6")).start()
    assert next(following).message == "6"
    gone.set()
    assert list(following) == []


def test_a_number_of_another_run_of_the_agent_waits_for_nothing_that_is_there(events: Events) -> None:
    """A client that knows number 900 of the agent before finds nothing above it, and sees another agent_id."""
    assert _messages(events, after=900) == []
