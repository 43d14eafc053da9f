"""Kernels go from one computer to another, whole or not at all, whoever serves them."""

import functools
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adamant.kernel import travel
from adamant.kernel.artifact import Kernel
from adamant.kernel.shelf import Shelf
from adamant.model.errors import AdamantError
from adamant.model.kernel.artifact import MANIFEST, MODULES, VMLINUZ
from tests.image.conftest import adamant
from tests.unit import kernel_maker


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return kernel_maker.make(tmp_path / "kernel")


@pytest.fixture
def published(kernel: Kernel, tmp_path: Path) -> Path:
    """The folder that the kernel was published in."""
    assert travel.publish(kernel, tmp_path / "www")
    return tmp_path / "www"


@pytest.fixture
def address(published: Path) -> Iterator[str]:
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(published))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def refused(source: str, digest: str, shelf: Path) -> str:
    """The reference of the error of a fetch, which leaves nothing."""
    with pytest.raises(AdamantError) as error:
        travel.fetch(source, digest, Shelf(shelf))
    assert not shelf.exists() or not list(shelf.iterdir())
    return error.value.reference


def test_commands_take_it_there_and_back(kernel: Kernel, tmp_path: Path) -> None:
    digest = kernel.manifest.digest
    folder = tmp_path / "www"
    said = adamant("kernel", "publish", kernel.folder, folder).stdout
    assert f"adamant kernel fetch {folder} {digest}" in said
    assert not json.loads(adamant("kernel", "publish", kernel.folder, folder, "--json").stdout)["published"]
    other = {"ADAMANT_STATE": str(tmp_path / "other")}
    assert "fetched and checked" in adamant("kernel", "fetch", folder, digest, environment=other).stdout
    assert "there already" in adamant("kernel", "fetch", folder, digest, environment=other).stdout
    assert "is whole" in adamant("kernel", "verify", digest, environment=other).stdout


def test_a_server_gives_the_same(kernel: Kernel, address: str, tmp_path: Path) -> None:
    found, new = travel.fetch(f"{address}/", kernel.manifest.digest, Shelf(tmp_path / "shelf"))
    assert (found.manifest, new) == (kernel.manifest, True)
    assert refused(address, "0" * 64, tmp_path / "another") == "kernel-missing"


def test_only_a_whole_digest_names_one(published: Path, tmp_path: Path) -> None:
    for text in ("", "0" * 63, "../" + "0" * 61, "G" * 64):
        assert refused(str(published), text, tmp_path / "shelf") == "kernel-digest"


def test_another_kernel_in_its_place_is_refused(kernel: Kernel, published: Path, tmp_path: Path) -> None:
    shutil.copytree(published / kernel.manifest.digest, published / ("0" * 64))
    assert refused(str(published), "0" * 64, tmp_path / "shelf") == "kernel-other"


Break = Callable[[Path], object]
BREAKS: dict[str, tuple[str, Break]] = {
    "cut": ("kernel-file-changed", lambda folder: (folder / MODULES).write_bytes((folder / MODULES).read_bytes()[:-1])),
    "longer": ("kernel-file-changed", lambda folder: (folder / VMLINUZ).write_bytes(b"MZ kernel and more")),
    "changed": ("kernel-file-changed", lambda folder: (folder / VMLINUZ).write_bytes(b"MZ Kernel")),
    "gone": ("kernel-missing", lambda folder: (folder / VMLINUZ).unlink()),
    "manifest": (
        "kernel-manifest-changed",
        lambda folder: (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace('"1"', '"2"', 1)),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_whatever_is_changed_on_the_way_is_refused(name: str, kernel: Kernel, address: str, published: Path) -> None:
    reference, change = BREAKS[name]
    change(published / kernel.manifest.digest)
    assert refused(address, kernel.manifest.digest, published / "../shelf") == reference
    assert refused(str(published), kernel.manifest.digest, published / "../shelf") == reference


@given(data=st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_bytes_for_a_manifest_end_with_an_error(data: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "www" / ("0" * 64)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_bytes(data)
    assert refused(str(tmp_path / "www"), "0" * 64, tmp_path / "shelf") == "kernel-manifest-malformed"


def test_a_server_that_is_not_there_or_stops_is_told(kernel: Kernel, published: Path, tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        digest = kernel.manifest.digest
        assert refused(f"http://127.0.0.1:{port}", digest, tmp_path / "shelf") == "kernel-unreachable"
        listening.listen()

        def stop() -> None:
            manifest = (published / digest / MANIFEST).read_bytes()
            for answer in (manifest, b""):
                connection, _ = listening.accept()
                connection.recv(4096)
                size = len(answer) or 10
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size + answer)
                connection.close()

        threading.Thread(target=stop, daemon=True).start()
        assert refused(f"http://127.0.0.1:{port}", digest, tmp_path / "shelf") in {
            "kernel-unreachable",
            "kernel-file-changed",
        }


def test_a_kernel_that_is_not_whole_is_not_published(kernel: Kernel, tmp_path: Path) -> None:
    kernel.path(VMLINUZ).write_bytes(b"MZ other.")
    with pytest.raises(AdamantError) as error:
        travel.publish(kernel, tmp_path / "www")
    assert error.value.reference == "kernel-file-changed"
    assert not (tmp_path / "www").exists()
