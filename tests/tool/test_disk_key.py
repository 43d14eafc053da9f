"""The key of a disk by Debian's real tang server, and by what answers as none does; all on loopback."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.model.encryption import TangServer
from adamant.model.errors import UnreachableError, VerificationError
from adamant.node.disk_key import asking, run
from tests.tang import Tang, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Tang]:
    with serving(tmp_path / "tang") as found:
        yield found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine at its first boot."""
    for folder in (run.ESP, "run/credstore", "sys/class/block"):
        (tmp_path / "root" / folder).mkdir(parents=True)
    return tmp_path / "root"


def known(server: Tang) -> TangServer:
    return TangServer(f"http://127.0.0.1:{server.port}", server.thumbprint)


def test_the_real_server_gives_the_key_of_the_first_boot_again_also_by_keys_that_it_has_replaced(
    root: Path, server: Tang
) -> None:
    servers = [known(server)]
    key = run.draw(root, servers, asking.ask)
    bound = run.read_binding(root)
    assert bound is not None
    assert run.find(bound, servers, asking.ask) == key
    server.rotate()
    assert known(server) != servers[0]
    assert run.find(bound, servers, asking.ask) == key
    for path in server.folder.glob(".*.jwk"):
        path.unlink()
    with pytest.raises(UnreachableError) as caught:
        run.find(bound, servers, asking.ask)
    assert "it answers with status 404" in caught.value.message


def test_a_server_whose_key_is_not_the_pinned_one_binds_nothing(root: Path, server: Tang, tmp_path: Path) -> None:
    with serving(tmp_path / "other") as other:
        imposter = TangServer(known(server).url, known(other).thumbprint)
        with pytest.raises((UnreachableError, VerificationError)):
            run.draw(root, [imposter], asking.ask)
    assert run.read_binding(root) is None


def test_a_server_that_is_gone_is_named_and_the_key_comes_when_it_is_back(root: Path, server: Tang) -> None:
    servers = [known(server)]
    key = run.draw(root, servers, asking.ask)
    bound = run.read_binding(root)
    assert bound is not None
    server.answers.clear()
    with pytest.raises(UnreachableError) as caught:
        run.find(bound, servers, asking.ask)
    assert caught.value.message.startswith(servers[0].url)
    server.answers.set()
    assert run.find(bound, servers, asking.ask) == key


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "status 500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70000, f"more than {limits.TANG_ANSWER} bytes"),
        (b"\x1b[2Jnot HTTP\r\n", "no HTTP"),
        (b"", "gives no answer"),
    ],
)
def test_what_answers_as_no_server_does_is_said_in_our_words(said: bytes, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(UnreachableError) as caught:
            asking.ask(f"http://127.0.0.1:{listening.getsockname()[1]}", "/adv/a")
    assert why in caught.value.message
    assert caught.value.message.isprintable()


def test_a_server_that_says_a_byte_now_and_then_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TANG_SECONDS", 1.0)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                while not over.wait(0.1):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        begin = time.monotonic()
        with pytest.raises(UnreachableError):
            asking.ask(f"http://127.0.0.1:{listening.getsockname()[1]}", "/adv/a")
        over.set()
    assert time.monotonic() - begin < 5
