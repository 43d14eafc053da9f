"""`adamant node encryption`, `recovery-key`, `recover` and `reseal`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adamant.cli import proof
from adamant.cli.node import asking, reach
from adamant.cli.node.table import aligned
from adamant.cli.options import json_option
from adamant.cli.proof import Wanted
from adamant.cli.sections import SectionedCommand
from adamant.core import files, limits
from adamant.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adamant.api.attest import Calls
    from adamant.api.encryption_pb2 import EncryptedVolume, TpmKey
    from adamant.attestation.judge import Judgement


@click.command("encryption", epilog="Example: adamant node encryption")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say which keys open the machine's encrypted partitions."""
    from adamant.api import encryption  # noqa: PLC0415 - imports gRPC

    with reach.connect(ctx) as node:
        found = encryption.volumes(node)
    if as_json:
        click.echo(json.dumps([_facts(volume) for volume in found]))
        return
    click.echo("\n".join(lines(found)))


@click.command("recovery-key", epilog="Example: adamant node recovery-key > recovery-key.txt")
@click.option("--replace", is_flag=True, help="Make new ones; those before open nothing any more.")
@json_option
@click.pass_context
def recovery_key(ctx: click.Context, replace: bool, as_json: bool) -> None:
    """Make the recovery keys of the machine's encrypted partitions, and show them once. They are kept nowhere.

    With --replace those before are dropped once the new ones were shown. When it ends with an error, they open as well.
    """
    from adamant.api import encryption  # noqa: PLC0415 - imports gRPC

    with reach.connect(ctx) as node:
        made = encryption.recovery_keys(node, replace=replace)
        found = {key.volume: key.key for key in made}
        click.echo(json.dumps(found) if as_json else "\n".join(reach.table(list(found.items()))))
        if replace:
            encryption.keep_recovery_keys(node, made)
    if not as_json:
        click.echo("Keep them where the machine's disk is not: nobody can show them again.", err=True)


_RECOVER = """\b
Examples:
  adamant node recover < recovery-key.txt
  adamant node recover --release out/example_1_amd64 < recovery-key.txt
  adamant node recover 192.0.2.7 --fingerprint 9f86:d081:... --release out/example_1_amd64 < recovery-key.txt
"""
_UNSENT = "no recovery key was sent, and it waits as before"


@click.command("recover", cls=SectionedCommand, epilog=_RECOVER)
@click.argument("address", metavar="[HOST[:PORT]]", default="")
@click.option("--fingerprint", "typed", metavar="F", help="With an address: the fingerprint that its console shows.")
@proof.wanted_options(required=False)
@proof.replace_key_option
@json_option
@click.pass_context
def recover(
    ctx: click.Context, address: str, typed: str | None, wanted: Wanted, replace_key: bool, as_json: bool
) -> None:
    """Bind partitions that the TPM did not open to it anew, by the recovery keys at standard input. It reboots then.

    A machine whose identity is on the encrypted disk is known by its address and the fingerprint on its console, any
    other by its context. With --release, it gets the keys only if it proves by its TPM that it runs this release. The
    attestation key must be the one that is pinned in the context, which is with an address the one that -c names.
    """
    from adamant.api import contexts, encryption, fingerprint  # noqa: PLC0415 - imports gRPC

    wanted.require_release(replace_key)
    if bool(address) != (typed is not None):
        raise InputError(
            "fingerprint-needed",
            "recovery keys go to an address only when you say which key its machine has",
            hint="read the fingerprint on the machine's console, and say it with --fingerprint\n"
            "a machine that has its identity is named by its context, without an address",
        )
    keys = read_recovery_keys(sys.stdin.read(limits.PEM_SIZE))
    context = contexts.find(reach.one(ctx)) if reach.one(ctx) or not address else None
    name, known = (context[0], context[1].attestation) if context is not None else (address, None)
    pinned = None if replace_key else known
    proven: Judgement | None = None
    if typed is not None:
        key = fingerprint.parse(typed)

        def examine(machine: "Calls") -> None:
            nonlocal proven
            proven = asking.require_first_proof(key, machine, name, pinned, wanted, _UNSENT)

        found = encryption.recover_unidentified(address, key, keys, examine if wanted.releases else None)
    else:
        with reach.connect(ctx) as node:
            if wanted.releases:
                proven = asking.require_recovery_proof(node, name, pinned, wanted, _UNSENT)
            found = encryption.recover(node, keys)
    if proven is not None and context is not None:
        contexts.pin(name, proven.key)
    if as_json:
        shown = {
            "recovered": found,
            "release": proven.release if proven is not None else "",
            "attestation_key": proven.key if proven is not None else "",
            "endorsement_key": proven.endorsement_key if proven is not None else "",
        }
        click.echo(json.dumps(shown))
        return
    click.echo(f"{' and '.join(found)} are bound to the TPM; the machine reboots")
    if proven is None:
        click.echo("nothing was proven of what got the keys; --release asks for a proof by its TPM")
        return
    where = "pinned nowhere" if context is None else "as pinned" if proven.key == known else "pinned now"
    click.echo(f"its TPM proved before that it runs {proven.release}; attestation key {proven.key} ({where})")
    click.echo(f"endorsement key {proven.endorsement_key}")


def read_recovery_keys(text: str) -> dict[str, str]:
    """Keys by label, from the lines that `recovery-key` shows, or its JSON. The node says what is wrong with a key."""
    try:
        found = json.loads(text)
    except ValueError:
        found = dict(words for line in text.splitlines() if len(words := line.split()) == 2)
    if not isinstance(found, dict) or not found or not all(isinstance(key, str) for key in found.values()):
        raise InputError(
            "recovery-key-malformed",
            "standard input holds no recovery keys",
            hint="give it what adamant node recovery-key has shown: a line of a label and a key for each partition",
        )
    return found


@click.command("reseal", epilog="Example: adamant node reseal --public-key keys-2027/pcr.pub")
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The key of releases to come, as well.  [default: that of the running release, and no other]",
)
@json_option
@click.pass_context
def reseal(ctx: click.Context, public_key: Path | None, as_json: bool) -> None:
    """Bind the machine's encrypted partitions to its TPM anew, by the key that signs its releases."""
    from adamant.api import encryption  # noqa: PLC0415 - imports gRPC

    data = files.read_limited(public_key, limits.PEM_SIZE, "public key") if public_key else b""
    with reach.connect(ctx) as node:
        encryption.reseal(node, data)
    if as_json:
        click.echo(json.dumps({"resealed": True}))
        return
    click.echo("bound to the TPM")


def _facts(volume: "EncryptedVolume") -> dict[str, object]:
    keys = [
        {
            "public_key": key.public_key,
            "signed_registers": list(key.signed_registers),
            "literal_registers": list(key.literal_registers),
        }
        for key in volume.tpm_keys
    ]
    return {
        "name": volume.name,
        "cipher": volume.cipher,
        "tpm_keys": keys,
        "recovery_keys": volume.recovery_keys,
        "other_keys": volume.other_keys,
        "opened_by": volume.opened_by,
    }


def lines(volumes: "Sequence[EncryptedVolume]") -> list[str]:
    """What opens each volume, as a table for a person."""
    rows = [("VOLUME", "CIPHER", "OPENED BY", "TPM", "RECOVERY KEY", "OTHER KEYS")]
    for volume in volumes:
        bound = "; ".join(_bound(key) for key in volume.tpm_keys) or "no"
        recovery = "yes" if volume.recovery_keys else "none"
        rows.append((volume.name, volume.cipher, volume.opened_by, bound, recovery, str(volume.other_keys)))
    return aligned(rows, [False, False, False, False, False, True])


def _bound(key: "TpmKey") -> str:
    signed = ", ".join(map(str, key.signed_registers))
    return f"PCR {signed}, signed by {key.public_key[:16]}…"
