"""Releases by the commands that a person uses: from a build to what a machine is offered, over HTTP."""

import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from adamant.release.serving import make_server
from tests.image.conftest import Example, adamant, build


@pytest.fixture(scope="module")
def shop(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository `repo` that has the example as version 1, and its keys."""
    home = tmp_path_factory.mktemp("shop")
    adamant("repo", "init", home / "repo", "--keys", home / "keys", "--roots", "2", "--threshold", "2")
    adamant("repo", "publish", home / "repo", example.output, "--keys", home / "keys")
    return home


@pytest.fixture
def base(shop: Path) -> Iterator[str]:
    with make_server(shop / "repo", "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_a_release_is_offered_promoted_and_withdrawn(shop: Path, example: Example) -> None:
    keys = ("--keys", shop / "keys")
    second = build(example.folder, "--set", "version=2")
    adamant("repo", "publish", shop / "repo", second.output, *keys, "--channel", "beta")
    adamant("repo", "promote", shop / "repo", "example", "2", "--channel", "stable", "--waves", "slow", *keys)
    found = json.loads(adamant("repo", "status", shop / "repo", "--json").stdout)
    (product,) = found["products"]
    assert [release["version"] for release in product["releases"]] == ["1", "2"]
    assert {(o["channel"], o["version"], len(o.get("waves", ()))) for o in product["offers"]} == {
        ("stable", "1", 0),
        ("beta", "2", 0),
        ("stable", "2", 4),
    }
    sections = {part["name"] for part in product["releases"][1]["uki"]["parts"]}
    assert sections >= {".linux", ".initrd", ".cmdline", ".osrel"}
    text = adamant("repo", "status", shop / "repo").stdout
    assert "stable (1 %)" in text
    adamant("repo", "withdraw", shop / "repo", "example", "2", "--why", "it eats disks", *keys)
    assert "withdrawn: it eats disks" in adamant("repo", "status", shop / "repo").stdout


def test_a_build_that_was_changed_is_not_published(shop: Path, example: Example, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(example.output, changed)
    with (changed / "usr.erofs").open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"x")
    done = adamant("repo", "publish", shop / "repo", changed, "--keys", shop / "keys", check=False)
    assert done.returncode == 3
    assert "build-changed" in done.stderr


def test_an_export_is_a_repository_with_one_release(shop: Path, tmp_path: Path) -> None:
    adamant("repo", "export", shop / "repo", "example", "1", "--out", tmp_path / "out")
    there = {path.name.partition(".")[2] for path in (tmp_path / "out" / "targets" / "example" / "1_amd64").iterdir()}
    assert there == {"usr.erofs", "usr.verity", "example_1.efi", "manifest.json", "sbom.spdx.json"}
    found = json.loads(adamant("repo", "status", tmp_path / "out", "--json").stdout)
    assert found["products"][0]["product"] == "example"


def test_a_server_gives_whole_files_and_single_ranges(shop: Path, base: str) -> None:
    (path,) = (shop / "repo" / "targets" / "example" / "1_amd64").glob("*.usr.verity")
    url, data = f"{base}/{path.relative_to(shop / 'repo')}", path.read_bytes()
    assert get(url)[:2] == (200, data)
    status, part, headers = get(url, Range="bytes=4096-8191")
    assert (status, part) == (206, data[4096:8192])
    assert headers["Content-Range"] == f"bytes 4096-8191/{len(data)}"
    assert get(url, Range=f"bytes={len(data) - 1}-")[1] == data[-1:]
    assert get(url, Range=f"bytes={len(data)}-")[0] == 416
    assert get(url, Range="bytes=0-1", **{"If-Range": '"another"'})[:2] == (200, data)
    assert get(url, Range="bytes=0-1", **{"If-Range": headers["ETag"]})[0] == 206


@pytest.mark.parametrize(
    "path", ["", "keys/online.key", "../keys/online.key", "metadata/../../keys/online.key", ".lock"]
)
def test_a_server_gives_nothing_but_the_repository(base: str, path: str) -> None:
    assert get(f"{base}/{path}")[0] == 404
