"""Health checks of a machine config against real servers on this computer."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from adamant.model.machine.document import HealthCheck, HttpCheck, TcpCheck
from adamant.node import probes
from adamant.node.health import FAILING, OK


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204 if self.path == "/empty?a=b" else 500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_page_is_well_when_it_has_the_status_that_is_wanted(port: int) -> None:
    url = f"http://127.0.0.1:{port}/empty?a=b"
    well, other = probes.run(
        [HealthCheck("a", http=HttpCheck(url, status=204)), HealthCheck("b", http=HttpCheck(url, status=200))],
        Path("/"),
    )
    assert (well.state, other.state) == (OK, FAILING)
    assert "answers 204" in other.message


def test_a_port_is_well_when_somebody_answers(port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = taken.getsockname()[1]
        well, other = probes.run(
            [HealthCheck("a", tcp=TcpCheck("127.0.0.1", port)), HealthCheck("b", tcp=TcpCheck("127.0.0.1", nobody))],
            Path("/"),
        )
    assert (well.state, other.state) == (OK, FAILING)


def test_a_server_that_says_nothing_is_given_up_after_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        (found,) = probes.run([HealthCheck("a", http=HttpCheck(url), timeout="1s")], Path("/"))
    assert found.state == FAILING
    assert "no answer" in found.message
