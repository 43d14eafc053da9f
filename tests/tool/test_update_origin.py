"""Where an update gets its bytes: servers that work, and all the ways in which one does not."""

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adamant.core import limits
from adamant.model.errors import AdamantError, InputError, UnreachableError
from adamant.node.update.origin import FolderOrigin, HttpOrigin, Limited, Origin
from adamant.release.serving import make_server

DATA = bytes(range(256)) * 1000


@contextmanager
def raw_server(*answers: Callable[[bytes], bytes] | bytes) -> Iterator[str]:
    """A server that answers each request with the next of `answers`, whatever is asked, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    request = connection.recv(65536)
                    connection.sendall(answer(request) if callable(answer) else answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def partial(first: int, last: int, data: bytes, *, tag: str = '"a"', length: int | None = None) -> bytes:
    head = (
        f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{len(DATA)}\r\nETag: {tag}\r\n"
        f"Content-Length: {len(data) if length is None else length}\r\n\r\n"
    )
    return head.encode() + data


def read(origin: Origin, first: int, size: int, path: str = "targets/x") -> bytes:
    return b"".join(origin.read(path, first, size))


@pytest.fixture
def base(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "x").write_bytes(DATA)
    with make_server(tmp_path, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_ranges_come_as_they_were_asked_for_over_one_connection(base: str) -> None:
    origin = HttpOrigin(base)
    for first, size in ((0, 1), (5, 100_000), (len(DATA) - 7, 7), (0, len(DATA)), (3, 0)):
        assert read(origin, first, size) == DATA[first : first + size]
    origin.close()


def test_a_reader_that_stops_early_spoils_nothing(base: str) -> None:
    origin = HttpOrigin(base)
    some = origin.read("targets/x", 0, len(DATA))
    assert next(some)[:4] == DATA[:4]
    some.close()  # type: ignore[attr-defined]
    assert read(origin, 10, 10) == DATA[10:20]
    origin.close()


def test_a_connection_that_the_server_closed_is_opened_again() -> None:
    with raw_server(partial(0, 3, b"abcd"), partial(4, 7, b"efgh")) as base:
        origin = HttpOrigin(base)
        assert read(origin, 0, 4) + read(origin, 4, 4) == b"abcdefgh"
        origin.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", "ignores ranges"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", "302"),
        (partial(1, 4, b"abcd"), "another range"),
        (partial(0, 3, b"abc", length=4), "before the end"),
        (partial(0, 3, b"abc", length=3), "before the end"),
    ],
)
def test_a_server_that_answers_otherwise_is_told_apart(answer: bytes, why: str) -> None:
    with raw_server(answer) as base, pytest.raises(AdamantError) as caught:
        read(HttpOrigin(base), 0, 4)
    assert caught.value.reference == "origin-failed"
    assert why in caught.value.message


@pytest.mark.parametrize(
    "second", [partial(4, 7, b"efgh", tag='"b"'), b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nefgh"]
)
def test_a_file_that_changes_under_the_transfer_is_not_mixed(second: bytes) -> None:
    with raw_server(partial(0, 3, b"abcd"), second) as base:
        origin = HttpOrigin(base)
        assert read(origin, 0, 4) == b"abcd"
        with pytest.raises(AdamantError, match="changed while it was fetched"):
            read(origin, 4, 4)


def test_ranges_after_the_first_are_bound_to_the_same_file() -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return partial(4, 7, b"efgh")

    with raw_server(partial(0, 3, b"abcd"), answer) as base:
        origin = HttpOrigin(base)
        read(origin, 0, 4)
        read(origin, 4, 4)
    assert b'If-Range: "a"\r\n' in asked[0]
    assert b"Range: bytes=4-7\r\n" in asked[0]


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 206 " + b"x" * 100_000])
def test_a_server_that_speaks_no_http_is_unreachable(answer: bytes) -> None:
    with raw_server(answer, answer) as base, pytest.raises(UnreachableError):
        read(HttpOrigin(base), 0, 4)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UnreachableError):
        read(HttpOrigin(f"http://127.0.0.1:{silent.getsockname()[1]}", seconds=0.5), 0, 4)


def test_a_server_that_drips_is_given_up(base: str) -> None:
    clock = iter(range(0, 100_000, 1000))
    with pytest.raises(AdamantError, match="slower than"):
        read(HttpOrigin(base, clock=lambda: next(clock)), 0, len(DATA))


def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begins: datetime) -> ssl.SSLContext:
    """What a server with a certificate needs that holds for a year from `begins` on, and that this machine trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "repository")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begins, begins + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_ranges_come_over_tls_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "x").write_bytes(DATA)
    context = tls(tmp_path, monkeypatch, datetime.now(UTC) - timedelta(days=1))
    with make_server(tmp_path, "127.0.0.1", 0) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = HttpOrigin(f"https://127.0.0.1:{server.server_address[1]}")
        for first, size in ((0, len(DATA)), (5, 100_000)):
            assert read(origin, first, size) == DATA[first : first + size]
        origin.close()
        server.shutdown()


@pytest.mark.parametrize("days", [30, -400])
def test_a_certificate_that_does_not_hold_by_this_clock_is_named_with_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    context = tls(tmp_path, monkeypatch, datetime.now(UTC) + timedelta(days=days))
    with make_server(tmp_path, "127.0.0.1", 0) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_arguments: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UnreachableError) as caught:
            read(HttpOrigin(f"https://127.0.0.1:{server.server_address[1]}"), 0, 4)
        assert caught.value.reference == "origin-certificate"
        assert "clock" in caught.value.hint
        server.shutdown()


def test_a_server_that_gives_byte_after_byte_over_tls_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = tls(tmp_path, monkeypatch, datetime.now(UTC) - timedelta(days=1))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                dribbling(HEAD + b"\r\n")(context.wrap_socket(server.accept()[0], server_side=True))

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(AdamantError, match="slower than 1000 bytes a second"):
            read(HttpOrigin(f"https://127.0.0.1:{server.getsockname()[1]}", seconds=0.5), 0, 4 << 20)


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError):
            read(HttpOrigin(f"http://127.0.0.1:{taken.getsockname()[1]}"), 0, 4)


def dribbling(first: bytes) -> Callable[[socket.socket], None]:
    """Gives `first` and then a space every 20 ms, for ever."""

    def give(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(first)
        while True:
            connection.sendall(b" ")
            time.sleep(0.02)

    return give


HEAD = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4194303/4194304\r\nContent-Length: 4194304\r\n"
CHUNKED = HEAD.replace(b"0-4194303/4194304", b"0-3/9").replace(
    b"Content-Length: 4194304", b"Transfer-Encoding: chunked"
)


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 206 OK\r\nX-Long: ", HEAD + b"\r\n"], ids=["status", "head", "body"])
def test_a_server_that_gives_byte_after_byte_is_given_up_where_the_range_is_large_too(first: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                dribbling(first)(server.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        begin = time.monotonic()
        with pytest.raises(AdamantError, match="slower than 1000 bytes a second"):
            read(HttpOrigin(f"http://127.0.0.1:{server.getsockname()[1]}", seconds=0.3), 0, 4 << 20)
        assert time.monotonic() - begin < 3


ANSWERS = (
    partial(0, 3, b"abcd"),
    CHUNKED + b"\r\n4\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
)
PIECES = (b"\r\n", b"-1", b"\xff", b"\0", b"9" * 30, b"0x", b"chunked", b": ", b" ", b"HTTP/1.1 ", b"", b";a", b"_1")


def test_any_answer_is_bytes_or_an_error_with_a_name() -> None:
    chance = random.Random(1)

    def torn(_request: bytes) -> bytes:
        answer = bytearray(chance.choice(ANSWERS))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(answer) + 1)
            answer[at : at + chance.randrange(6)] = chance.choice(PIECES)
        return bytes(answer)

    named = 0
    with raw_server(*[torn] * 1000) as base:
        for _ in range(150):
            origin = HttpOrigin(base, seconds=60)
            try:
                assert len(read(origin, 0, 4)) == 4
                b"".join(origin.whole("metadata/timestamp.json"))
            except (AdamantError, FileNotFoundError):
                named += 1
            origin.close()
    assert named > 50


@pytest.mark.parametrize(
    ("first", "flood"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED + b"\r\n4\r\nabcd\r\n0\r\n", b"X-Trailer: 1\r\n"),
    ],
    ids=["heads", "trailers"],
)
def test_a_server_that_never_comes_to_the_point_is_given_up(first: bytes, flood: bytes) -> None:
    given = 0

    def serve(server: socket.socket) -> None:
        nonlocal given
        connection, _ = server.accept()
        connection.recv(65536)
        with suppress(OSError):
            connection.sendall(first)
            while True:
                given += connection.send(flood * 1000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        with pytest.raises(AdamantError, match="none of the file"):
            read(HttpOrigin(f"http://127.0.0.1:{server.getsockname()[1]}"), 0, 4)
    assert given < limits.ORIGIN_OTHER_SIZE + (16 << 20)


def test_a_reader_that_is_slow_itself_does_not_blame_the_server(base: str) -> None:
    now = 0.0
    origin = HttpOrigin(base, clock=lambda: now)
    got = b""
    for data in origin.read("targets/x", 0, len(DATA)):
        got += data
        now += 10_000
    assert got == DATA
    origin.close()


@pytest.mark.parametrize(
    "answer",
    [
        partial(0, 3, b"abcd" + b"x" * 100_000),
        CHUNKED + b"\r\n4\r\nabcd\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n",
        CHUNKED + b"\r\n-5\r\n" + b"x" * 100_000,
    ],
    ids=["length", "chunks", "negative chunk"],
)
def test_more_bytes_than_were_asked_for_are_not_taken(answer: bytes) -> None:
    given: list[bytes] = []
    with raw_server(answer) as base, pytest.raises(AdamantError) as caught:
        given.extend(HttpOrigin(base).read("targets/x", 0, 4))
    assert caught.value.reference == "origin-failed"
    assert len(b"".join(given)) <= 4


def test_the_page_that_comes_with_an_error_is_not_waited_for() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000000\r\n\r\nnot"
    with raw_server(answer) as base, pytest.raises(FileNotFoundError):
        b"".join(HttpOrigin(base, seconds=60).whole("metadata/2.root.json"))


@pytest.mark.parametrize(
    "base",
    [
        *("", "ftp://x", "file:///etc/passwd", "http://", "http://x/?a=b", "x", "http://[", "http://x:99999"),
        *("http://x:port", "http://a..b", f"http://{'x' * 300}", "http://x/b c", "http://x/\u00fc", "http://x/a\0b"),
    ],
)
def test_what_is_no_address_is_refused(base: str) -> None:
    with pytest.raises(InputError) as caught:
        HttpOrigin(base)
    assert caught.value.reference == "origin-address"


def test_a_folder_is_an_origin_too(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    origin = FolderOrigin(tmp_path)
    assert read(origin, 100, 100_000, "x") == DATA[100:100_100]
    with pytest.raises(AdamantError, match="ends too early"):
        read(origin, len(DATA) - 1, 2, "x")
    with pytest.raises(AdamantError, match="cannot be read"):
        read(origin, 0, 1, "y")


def test_a_limit_holds_over_all_reads(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DATA)
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    origin = Limited(FolderOrigin(tmp_path), 100_000, clock=lambda: now, sleep=sleep)
    assert read(origin, 0, 200_000, "x") + read(origin, 200_000, 50_000, "x") == DATA[:250_000]
    assert now == pytest.approx(2.5)
