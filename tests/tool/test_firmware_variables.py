"""Our signature lists and signed changes, beside those of another program that writes and reads them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from adamant.core import proc
from adamant.image import enrolment, keys
from adamant.model import signature_list
from adamant.model.signature_list import OWNER, Signature
from adamant.packages.tools import ToolsTree
from tests.unit import image_maker as maker

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def dbx_by(tree: ToolsTree, change: Path, out: Path) -> tuple[Signature, ...]:
    """What virt-fw-vars reads in a signed change of dbx."""
    empty = tree.path("usr/share/OVMF/OVMF_VARS_4M.fd")
    argv = tree.argv("virt-fw-vars", "--input", empty, "--set-dbx", change, "--no-microsoft", "--output-json", str(out))
    proc.run("write variables", argv, environment=tree.environment)
    found = {each["name"]: bytes.fromhex(each["data"]) for each in json.loads(out.read_text())["variables"]}
    return signature_list.decode(found["dbx"])


def test_virt_fw_vars_reads_the_certificates_that_we_retire(tree: ToolsTree, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.make_keys(folder, "example", NOW)
    enrolment.make_variables(folder, NOW)
    ders = []
    for number in (2, 3):
        enrolment.rotate(folder, "example", NOW + timedelta(days=number))
    for name in ("secure-boot", "secure-boot-2"):
        ders.append(keys.read_certificate(folder / f"{name}.crt").public_bytes(Encoding.DER))
    change, *_ = enrolment.retire(folder, NOW + timedelta(days=4))
    assert dbx_by(tree, change, tmp_path / "variables.json") == tuple(map(signature_list.certificate, ders))


def test_lists_are_those_that_virt_fw_vars_writes_and_it_reads_our_revocation(tree: ToolsTree, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.make_keys(folder, "example", NOW)
    enrolment.make_variables(folder, NOW)
    (folder / "old.efi").write_bytes(maker.efi({".linux": b"old"}))
    change = enrolment.revoke(folder, [folder / "old.efi"], NOW)
    out = tmp_path / "variables.json"
    owned = ("--set-pk", "PK"), ("--add-kek", "KEK"), ("--add-db", "secure-boot")
    arguments = [word for option, name in owned for word in (option, str(OWNER), str(folder / f"{name}.crt"))]
    empty = tree.path("usr/share/OVMF/OVMF_VARS_4M.fd")
    argv = tree.argv("virt-fw-vars", "--input", empty, *arguments, "--set-dbx", change, "--no-microsoft")
    proc.run("write variables", [*argv, "--output-json", str(out)], environment=tree.environment)
    theirs = {each["name"]: bytes.fromhex(each["data"]) for each in json.loads(out.read_text())["variables"]}
    for name in ("PK", "KEK", "db"):
        assert (folder / "variables" / f"{name}.esl").read_bytes() == theirs[name], name
    revoked = maker.authenticode((folder / "old.efi").read_bytes())
    assert signature_list.decode(theirs["dbx"]) == (signature_list.program(revoked),)
