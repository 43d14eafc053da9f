"""Whom an image's program runs as: by the files of the image, wherever a layer puts or hides them."""

import os
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.containerd import types_pb2
from adamant.node.containers import accounts
from adamant.node.containers.accounts import Account

PASSWD = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/bin/false\nodd\n"
GROUP = "root:x:0:\nweb:x:34:\nmail:x:8:web,root\nlog:x:9:other,web\n"


@pytest.fixture
def layers(tmp_path: Path) -> list[Path]:
    """Two layers, the topmost first; the lower one has the files."""
    found = [tmp_path / "upper", tmp_path / "lower"]
    for layer in found:
        (layer / "etc").mkdir(parents=True)
    (found[1] / "etc/passwd").write_text(PASSWD)
    (found[1] / "etc/group").write_text(GROUP)
    return found


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("", Account(0, 0, (0, 8))),
        ("web", Account(33, 34, (34, 8, 9))),
        ("33", Account(33, 34, (34, 8, 9))),
        ("web:mail", Account(33, 8, (8, 9))),
        ("web:7", Account(33, 7, (7, 8, 9))),
        ("1000", Account(1000, 0, (0,))),
        ("1000:1000", Account(1000, 1000, (1000,))),
    ],
)
def test_an_account_is_found(layers: list[Path], user: str, account: Account) -> None:
    assert accounts.find(user, layers) == account


@pytest.mark.parametrize("user", ["nobody", "web:none", "-1", "99999999999", "4294967296", "0:-1", "web:web:web", "²"])
def test_an_account_that_there_is_not_is_an_error(layers: list[Path], user: str) -> None:
    with pytest.raises(AdamantError) as caught:
        accounts.find(user, layers)
    assert caught.value.reference == "image-account"


def test_an_image_without_accounts_has_numbers(tmp_path: Path) -> None:
    assert accounts.find("5:6", [tmp_path]) == Account(5, 6, (6,))
    assert accounts.find("", [tmp_path]) == Account(0, 0, (0,))
    with pytest.raises(AdamantError):
        accounts.find("web", [tmp_path])


def test_the_topmost_layer_decides(layers: list[Path]) -> None:
    (layers[0] / "etc/passwd").write_text("web:x:7:7::/:/bin/false\n")
    assert accounts.find("web", layers).uid == 7


def test_no_link_of_an_image_is_followed(layers: list[Path], tmp_path: Path) -> None:
    (tmp_path / "host").write_text("web:x:7:7::/:/bin/false\n")
    (layers[0] / "etc/passwd").symlink_to(tmp_path / "host")
    with pytest.raises(AdamantError, match="is no file"):
        accounts.find("web", layers)
    (layers[0] / "etc/passwd").unlink()
    (layers[0] / "etc").rmdir()
    (layers[0] / "etc").symlink_to("/etc")
    with pytest.raises(AdamantError, match="is no folder"):
        accounts.find("web", layers)


def test_a_pipe_or_a_huge_file_in_their_place_is_refused(layers: list[Path]) -> None:
    os.mkfifo(layers[0] / "etc/passwd")
    with pytest.raises(AdamantError):
        accounts.find("web", layers)
    (layers[0] / "etc/passwd").unlink()
    with (layers[0] / "etc/passwd").open("wb") as out:
        out.truncate(limits.IMAGE_ACCOUNTS_SIZE + 1)
    with pytest.raises(AdamantError):
        accounts.find("web", layers)


def test_what_a_layer_removes_is_gone(layers: list[Path]) -> None:
    """As overlayfs has it: a device of the number 0 stands for what is removed."""
    os.mknod(layers[0] / "etc/passwd", 0o020000, os.makedev(0, 0))
    with pytest.raises(AdamantError, match="no account web"):
        accounts.find("web", layers)
    (layers[0] / "etc/passwd").unlink()
    (layers[0] / "etc").rmdir()
    os.mknod(layers[0] / "etc", 0o020000, os.makedev(0, 0))
    assert accounts.find("33", layers) == Account(33, 0, (0,))


def test_layers_are_where_a_snapshotter_says() -> None:
    bind = types_pb2.Mount(type="bind", source="/s/1/fs", options=["rbind", "rw"])
    overlay = types_pb2.Mount(
        type="overlay",
        source="overlay",
        options=["index=off", "workdir=/s/9/work", "upperdir=/s/9/fs", "lowerdir=/s/2/fs:/s/1/fs"],
    )
    assert accounts.folders([bind]) == [Path("/s/1/fs")]
    assert accounts.folders([overlay]) == [Path("/s/9/fs"), Path("/s/2/fs"), Path("/s/1/fs")]
