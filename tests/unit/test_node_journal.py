"""Requests for logs become command lines of journalctl, and its lines become entries."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import logs_pb2 as pb
from adamant.core import limits
from adamant.model.errors import InputError
from adamant.node import journal


def test_a_request_becomes_options_and_nothing_else() -> None:
    request = pb.LogsRequest(
        units=["containerd.service"], boot=-1, since_usec=1_500_001, lines=20, priority=3, follow=True
    )
    line = journal.arguments(request)
    assert line[0] == journal.PROGRAM
    assert {"--unit=containerd.service", "--boot=-1", "--since=@1.500001", "--lines=20", "--priority=3"} <= set(line)
    assert "--follow" in line
    assert all(word.startswith("--") for word in line[1:])


@pytest.mark.parametrize(
    "request_",
    [
        pb.LogsRequest(units=["-x"]),
        pb.LogsRequest(units=["a b"]),
        pb.LogsRequest(units=["../x"]),
        pb.LogsRequest(units=[""]),
        pb.LogsRequest(boot=1),
        pb.LogsRequest(boot=-100_000),
        pb.LogsRequest(priority=8),
        pb.LogsRequest(after_cursor="x --file=/etc/shadow"),
    ],
)
def test_what_is_no_unit_boot_or_cursor_is_refused(request_: pb.LogsRequest) -> None:
    with pytest.raises(InputError):
        journal.arguments(request_)


def test_following_without_a_number_begins_with_what_comes() -> None:
    assert "--lines=0" in journal.arguments(pb.LogsRequest(follow=True))
    assert "--lines=all" in journal.arguments(pb.LogsRequest(follow=True, after_cursor="s=1"))
    assert "--lines=all" in journal.arguments(pb.LogsRequest())


def line(**fields: Any) -> bytes:
    return json.dumps({"__REALTIME_TIMESTAMP": "5", "MESSAGE": "hello", "PRIORITY": "4", **fields}).encode()


def test_a_line_becomes_an_entry() -> None:
    found = journal.entry(
        line(_SYSTEMD_UNIT="a.service", _PID="7", _BOOT_ID="ab", SYSLOG_IDENTIFIER="a", __CURSOR="s=1")
    )
    assert found == pb.LogEntry(
        time_usec=5, unit="a.service", pid=7, boot_id="ab", identifier="a", cursor="s=1", priority=4, message="hello"
    )


def test_bytes_that_are_no_text_and_fields_that_stand_twice_are_text_all_the_same() -> None:
    found = journal.entry(line(MESSAGE=[104, 105, 255], SYSLOG_IDENTIFIER=["a", "b"]))
    assert found is not None
    assert (found.message, found.identifier) == ("hi\ufffd", "a")
    long = journal.entry(line(MESSAGE="x" * (limits.LOG_MESSAGE + 5)))
    assert long is not None
    assert len(long.message) == limits.LOG_MESSAGE


ANY = st.none() | st.integers() | st.text() | st.lists(st.integers() | st.text())
LINES = st.dictionaries(st.sampled_from(["MESSAGE", "_PID", "PRIORITY", "UNIT"]), ANY)


@given(st.binary(max_size=100) | LINES.map(lambda fields: json.dumps(fields).encode()))
def test_no_line_is_more_than_an_entry_or_none(data: bytes) -> None:
    found = journal.entry(data)
    if found is not None:
        found.SerializeToString()


class Running:
    """A journalctl that prints what it is given."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        self.closed = False

    def __iter__(self) -> Any:
        return iter([line(MESSAGE=message) for message in self.messages])

    def close(self) -> None:
        self.closed = True


def _answer(request: pb.LogsRequest, running: Running) -> list[str]:
    from adamant.api.identity import Identity, Role
    from adamant.node.calls import Call

    call = Call(Identity("mary", Role.READER), "", lambda: True, lambda _: None)
    return [e.message for e in journal.answer(request, call, lambda _argv: running)]  # type: ignore[arg-type,return-value]


def test_a_text_chooses_messages_and_the_last_so_many_are_those_with_it() -> None:
    running = Running("a1", "b", "a2", "a3", "b")
    assert _answer(pb.LogsRequest(contains="a"), running) == ["a1", "a2", "a3"]
    assert _answer(pb.LogsRequest(contains="a", lines=2), running) == ["a2", "a3"]
    assert running.closed
