"""What the program that updates takes from the other end of its socket, and what it does not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.update.relay import Relay
from adamant.node.update.sent import (
    DATA,
    FAILED,
    LAST,
    MISSING,
    SOCKET,
    Piece,
    Read,
    SentOrigin,
    receive_read,
    send_piece,
)

Answer = Callable[[socket.socket, Read], None]


@contextmanager
def sender(root: Path, answer: Answer) -> Iterator[Path]:
    """The other end: `answer` is called for each question."""
    path = root / "sender"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                peer, _ = listening.accept()
                with peer:
                    while (read := receive_read(peer)) is not None:
                        answer(peer, read)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
    thread.join(10)


def pieces(*made: tuple[int, bytes, bytes]) -> Answer:
    """Answers each question with these pieces; the first number is added to the question's."""

    def answer(peer: socket.socket, read: Read) -> None:
        for number, kind, data in made:
            send_piece(peer, Piece(read.number + number, kind, data))

    return answer


def read(path: Path, size: int, seconds: float = 5) -> bytes:
    origin = SentOrigin(path, seconds)
    try:
        return b"".join(origin.read("targets/x", 0, size))
    finally:
        origin.close()


@pytest.mark.parametrize(
    "answer",
    [
        pieces((0, LAST, b"abcd")),
        pieces((0, DATA, b"ab"), (0, DATA, b"cd"), (0, LAST, b"")),
        pieces((0, DATA, b""), (0, DATA, b"abcd"), (0, LAST, b"")),
    ],
)
def test_pieces_make_a_range(tmp_path: Path, answer: Answer) -> None:
    with sender(tmp_path, answer) as path:
        assert read(path, 4) == b"abcd"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (pieces((0, LAST, b"abc")), "1 bytes before the end"),
        (pieces((0, DATA, b"abcde")), "more than the 4 bytes"),
        (pieces((1, LAST, b"abcd")), "not asked for"),
        (pieces((0, b"?", b"abcd")), "not asked for"),
        (pieces((0, MISSING, b"")), "targets/x is not in it"),
        (pieces((0, FAILED, b"the stick\n\x1b[2J broke")), r"the stick\?\?\[2J broke"),
        (pieces((0, DATA, bytes(limits.SENT_PIECE + 1))), "a piece of 262145 bytes"),
        (pieces((0, DATA, b"ab")), "nothing came"),
    ],
)
def test_an_answer_that_is_none_is_told_apart(tmp_path: Path, answer: Answer, why: str) -> None:
    with sender(tmp_path, answer) as path, pytest.raises(AdamantError, match=why) as caught:
        read(path, 4, seconds=0.3)
    assert caught.value.reference == "origin-failed"


def test_who_sends_nothing_is_given_up(tmp_path: Path) -> None:
    with sender(tmp_path, pieces()) as path, pytest.raises(AdamantError, match="nothing came"):
        read(path, 4, seconds=0.2)


@pytest.mark.parametrize("number", [0, -1])
def test_who_drips_is_given_up(tmp_path: Path, number: int) -> None:
    """By bytes of the answer, by pieces without any, or by pieces of an answer that is over."""
    clock = iter(range(0, 1_000_000, 10))
    with sender(tmp_path, pieces(*[(number, DATA, b"")] * 50)) as path:
        origin = SentOrigin(path, 5, clock=lambda: next(clock))
        with pytest.raises(AdamantError, match="slower than"):
            list(origin.read("targets/x", 0, 4))
        origin.close()


def test_who_goes_away_is_told_by_name(tmp_path: Path) -> None:
    def answer(peer: socket.socket, _read: Read) -> None:
        peer.shutdown(socket.SHUT_RDWR)

    with sender(tmp_path, answer) as path, pytest.raises(AdamantError) as caught:
        read(path, 4)
    assert caught.value.reference == "sender-gone"
    with pytest.raises(AdamantError) as caught:
        SentOrigin(tmp_path / "nobody")
    assert caught.value.reference == "sender-gone"


def test_a_reader_that_stops_early_spoils_nothing(tmp_path: Path) -> None:
    with sender(tmp_path, lambda peer, r: send_piece(peer, Piece(r.number, LAST, r.path.encode() * r.size))) as path:
        origin = SentOrigin(path)
        some = origin.read("a", 0, 10)
        next(some)
        some.close()  # type: ignore[attr-defined]
        assert b"".join(origin.read("b", 0, 3)) == b"bbb"
        origin.close()


def test_a_whole_file_may_have_any_size_up_to_its_cap_or_be_missing(tmp_path: Path) -> None:
    def answer(peer: socket.socket, read: Read) -> None:
        assert (read.whole, read.size) == (True, limits.TUF_METADATA_SIZE)
        found = Piece(read.number, LAST, b"{}") if read.path == "metadata/1.root.json" else Piece(read.number, MISSING)
        send_piece(peer, found)

    with sender(tmp_path, answer) as path:
        origin = SentOrigin(path)
        assert b"".join(origin.whole("metadata/1.root.json")) == b"{}"
        with pytest.raises(FileNotFoundError):
            list(origin.whole("metadata/2.root.json"))
        origin.close()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    made = Relay(tmp_path)
    made.listen()
    yield made
    made.close()


def test_a_relay_passes_questions_and_pieces_and_refuses_large_ones(tmp_path: Path, relay: Relay) -> None:
    assert not relay.give(Piece(1, DATA, b"x")), "nobody has asked yet"
    found: list[bytes] = []
    program = threading.Thread(target=lambda: found.append(read(tmp_path / SOCKET, 4)))
    program.start()
    asked = None
    while asked is None:
        asked = relay.question(0.2)
    assert asked == Read(1, "targets/x", 0, 4)
    assert not relay.give(Piece(1, DATA, bytes(limits.SENT_PIECE + 1)))
    assert relay.give(Piece(1, LAST, b"abcd"))
    program.join(10)
    assert found == [b"abcd"]
    assert relay.question(0.1) is None, "the program has ended"


def test_a_relay_that_hung_up_takes_nobody_and_does_not_spin(tmp_path: Path, relay: Relay) -> None:
    relay.hang_up()
    with pytest.raises(AdamantError) as caught:
        read(tmp_path / SOCKET, 4)
    assert caught.value.reference == "sender-gone"
    begin = time.monotonic()
    assert relay.question(0.3) is None
    assert time.monotonic() - begin >= 0.3


def test_the_socket_of_an_update_before_is_replaced(tmp_path: Path, relay: Relay) -> None:
    relay.close()
    again = Relay(tmp_path)
    again.listen()
    assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600
    again.close()
