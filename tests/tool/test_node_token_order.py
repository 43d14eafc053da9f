"""Which key of a TPM a volume is opened by first: what cryptsetup reads of a header that we have written."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from adamant.core import proc
from adamant.model import luks2
from adamant.model.errors import VerificationError
from adamant.node import encryption, token_order
from adamant.packages.tools import ToolsTree

OLD, NEW = b"the key of before", b"the key of this release"


def name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


@pytest.fixture
def root(tree: ToolsTree, tmp_path: Path) -> Path:
    """A machine with a volume `var` that has tokens of OLD, of a recovery key, of OLD again and of NEW, which runs."""
    devices, key = tmp_path / encryption.BY_LABEL, tmp_path / "key"
    devices.mkdir(parents=True)
    (tmp_path / encryption.PUBLIC_KEY).parent.mkdir(parents=True)
    (tmp_path / encryption.PUBLIC_KEY).write_bytes(NEW)
    key.write_bytes(bytes(32))
    volume = devices / "var"
    volume.touch()
    os.truncate(volume, 32 << 20)
    form = ("--type=luks2", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--batch-mode", f"--key-file={key}")
    run(tree, "luksFormat", *form, volume)
    for public in (OLD, None, OLD, NEW):
        token: dict[str, Any] = {"type": "systemd-recovery", "keyslots": []}
        if public:
            field = {"tpm2_pubkey": base64.b64encode(public).decode(), "tpm2_pubkey_pcrs": [11], "tpm2-pcrs": []}
            token = {"type": "systemd-tpm2", "keyslots": [], **field}
        (tmp_path / "token").write_text(json.dumps(token))
        run(tree, "token", "import", "--disable-external-tokens", f"--json-file={tmp_path / 'token'}", volume)
    return tmp_path


def run(tree: ToolsTree, *words: str | Path) -> str:
    return proc.run("ask cryptsetup", tree.argv("cryptsetup", *words), environment=tree.environment).stdout.decode()


def seen(tree: ToolsTree, root: Path) -> dict[str, str]:
    """What cryptsetup reads: by the token's number, the digest of its key, or nothing."""
    tokens = json.loads(run(tree, "luksDump", "--dump-json-metadata", root / encryption.BY_LABEL / "var"))["tokens"]
    return {
        number: name(base64.b64decode(token["tpm2_pubkey"])) if "tpm2_pubkey" in token else ""
        for number, token in tokens.items()
    }


def test_the_order_in_the_text_counts_as_that_of_the_numbers(tree: ToolsTree, root: Path) -> None:
    """A token that takes the number of one that was removed stands at the end."""
    token_order.main("var", root)
    volume, token = root / encryption.BY_LABEL / "var", root / "token"
    run(tree, "token", "export", "--token-id=0", f"--json-file={token}", volume)
    run(tree, "token", "remove", "--token-id=0", volume)
    run(tree, "token", "import", "--disable-external-tokens", f"--json-file={token}", volume)
    assert list(seen(tree, root)) == ["1", "2", "3", "0"]
    token_order.main("var", root)
    assert list(seen(tree, root).items()) == list(AFTER.items())


BEFORE = {"0": name(OLD), "1": "", "2": name(OLD), "3": name(NEW)}
AFTER = {"0": name(NEW), "1": "", "2": name(OLD), "3": name(OLD)}


def test_the_key_of_the_running_release_comes_first_and_the_volume_opens_as_before(tree: ToolsTree, root: Path) -> None:
    assert seen(tree, root) == BEFORE
    volume = root / encryption.BY_LABEL / "var"
    assert token_order.main("var", root) == 0
    assert seen(tree, root) == AFTER
    run(tree, "open", "--test-passphrase", f"--key-file={root / 'key'}", volume)
    written = volume.read_bytes()
    assert token_order.main("var", root) == 0
    assert volume.read_bytes() == written, "nothing is written where the order is right"


@pytest.mark.parametrize("left", [1, 100, 4096, 4200, 16384])
@pytest.mark.parametrize("whole", [0, 1])
def test_power_that_goes_while_it_is_written_leaves_one_order_or_the_other(
    tree: ToolsTree, root: Path, whole: int, left: int
) -> None:
    """It goes after `left` bytes of the first or the second of the two headers that are written."""
    volume = root / encryption.BY_LABEL / "var"
    made = luks2.first(volume.read_bytes(), name(NEW), bytes(64))
    assert made is not None
    assert len(made[0]) == 16384
    with volume.open("r+b") as file:
        for place, header in ((16384, made[1]), (0, made[0]))[: whole + 1]:
            file.seek(place)
            file.write(header if place and whole else header[:left])
    assert seen(tree, root) == (AFTER if whole or left == 16384 else BEFORE)
    assert token_order.main("var", root) == 0
    assert seen(tree, root) == AFTER


def test_a_header_with_a_wrong_checksum_is_left_to_who_mends_it(tree: ToolsTree, root: Path) -> None:
    volume = root / encryption.BY_LABEL / "var"
    data = bytearray(volume.read_bytes())
    data[5000] ^= 1
    with pytest.raises(VerificationError) as caught:
        luks2.first(bytes(data), name(NEW), bytes(64))
    assert caught.value.reference == "luks-malformed"
    volume.write_bytes(data)
    assert token_order.main("var", root) == 0
    assert volume.read_bytes() == bytes(data)
