"""`adamant verify-quote`."""

import re
from pathlib import Path
from typing import Any

import click
import msgspec

from adamant.cli.options import json_option
from adamant.core import files, limits
from adamant.model import attestation, manifest, tpm
from adamant.model.errors import ExitCode, InputError
from adamant.model.manifest import Manifest

_MANIFEST = "manifest.json"
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_EPILOG = """\b
Examples:
  adamant verify-quote quote.json --release out/example_1_amd64
  adamant verify-quote quote.json --release old/manifest.json --release new/manifest.json --nonce 8d5f1c0b42a97e33
  adamant verify-quote quote.json --release out/example_1_amd64 --ak first-quote.json --secure-boot --json
"""


class HexBytes(click.ParamType[bytes]):
    """Bytes in hexadecimal."""

    name = "hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """The bytes of the digits."""
        try:
            return bytes.fromhex(value)
        except ValueError:
            self.fail(f"{value!r} is not hexadecimal", param, ctx)


@click.command("verify-quote", epilog=_EPILOG)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--release",
    "releases",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    required=True,
    metavar="MANIFEST|FOLDER",
    help="A release that the machine may run: its manifest.json, or the folder of its build; may be repeated.",
)
@click.option("--nonce", type=HexBytes(), help="The nonce that the quote was asked with: no other one counts.")
@click.option("--ak", help="The attestation key: its fingerprint, or a file of this key.  [default: those pinned]")
@click.option("--command-line", "added", multiple=True, metavar="TEXT", help="A command line that a config may add.")
@click.option("--program", "programs", multiple=True, metavar="DIGEST", help="Another EFI program that may have run.")
@click.option("--secure-boot", is_flag=True, help="Secure Boot must have been on.")
@json_option
def command(
    file: Path,
    releases: tuple[Path, ...],
    nonce: bytes | None,
    ak: str | None,
    added: tuple[str, ...],
    programs: tuple[str, ...],
    secure_boot: bool,
    as_json: bool,
) -> int:
    """Check a quote of adamant node attest, and say which release the machine runs, or what differs.

    The releases are believed: take their manifests from where you trust them. Exit code 3 when the quote does not prove
    that one of them runs.
    """
    from adamant.attestation.judge import Expected, judge  # noqa: PLC0415 - imports cryptography

    quote = attestation.decode(files.read_limited(file, limits.ATTESTATION_SIZE, "attestation"))
    expected = Expected(
        releases=tuple(_manifest(path) for path in releases),
        keys=_pinned() if ak is None else _given(ak),
        nonce=nonce,
        added=added,
        programs=programs,
        secure_boot=secure_boot,
    )
    found = judge(quote, expected)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _print(found)
    return int(ExitCode.DONE if found.verified else ExitCode.VERIFICATION)


def _manifest(path: Path) -> Manifest:
    path = path / _MANIFEST if path.is_dir() else path
    found = manifest.decode(files.read_limited(path, limits.MANIFEST_SIZE, "manifest"))
    if found.measured is None:
        raise InputError(
            "release-unmeasured",
            f"the manifest of {found.name} {found.version} does not say what a TPM measures of it",
            hint="it was built by an older Adamant: build the release again, which gives the same bytes",
        )
    return found


def _given(key: str) -> dict[str, str]:
    """The key that a person names, by its fingerprint."""
    if _FINGERPRINT.fullmatch(key):
        return {key: "you"}
    path = Path(key)
    if not path.is_file():
        raise InputError(
            "attestation-key-malformed",
            f"{key[:80]!r} is neither a fingerprint of an attestation key nor a file",
            hint="adamant node attest shows the fingerprint, and writes a file that has the key",
        )
    known = attestation.decode(files.read_limited(path, limits.ATTESTATION_SIZE, "attestation"))
    return {tpm.fingerprint(known.ak): path.name}


def _pinned() -> dict[str, str]:
    """The keys that contexts pin."""
    from adamant.api import contexts  # noqa: PLC0415 - imports gRPC

    found = contexts.read().contexts
    return {context.attestation: f"context {name}" for name, context in found.items() if context.attestation}


def _print(found: Any) -> None:
    from adamant.attestation.judge import Judgement  # noqa: PLC0415

    judgement: Judgement = found
    verdict = click.style("verified", fg="green") if judgement.verified else click.style("NOT VERIFIED", fg="red")
    click.echo(f"{verdict}: {judgement.release or 'no release that is known'}")
    fresh = {None: "nobody said which was asked with", True: "as asked", False: "ANOTHER was asked"}[judgement.fresh]
    boot = judgement.secure_boot
    rows = [
        ("root hash", judgement.root_hash or "unknown"),
        ("attestation key", f"{judgement.key} ({judgement.key_of or 'unknown'})"),
        ("nonce", f"{judgement.nonce} ({fresh})"),
        ("secure boot", boot.state.value),
    ]
    rows += [("trusts", f"{each.subject}, {each.fingerprint[:16]}...") for each in boot.db]
    rows += [("signed by", f"{each.subject}, {each.fingerprint[:16]}...") for each in boot.used]
    rows += [("program", f"{each.digest} ({each.what or 'UNKNOWN'})") for each in judgement.programs]
    rows += [("added", text) for text in judgement.added]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"  {name:<{width}}  {value}")
    for each in judgement.differences:
        wanted, got = each.expected or "nothing", each.found or "nothing"
        click.echo(f"  {each.release}: {each.section} should be {wanted}, and is {got}")
    for problem in judgement.problems:
        click.echo(f"{click.style('problem', fg='red')} {problem.message} [{problem.reference}]")
