"""`adamant keys`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from adamant.cli import cluster
from adamant.cli.options import json_option
from adamant.image import keys
from adamant.image.project import DEFINITION
from adamant.model.definition import KeyPair
from adamant.model.errors import InputError

_EPILOG = """\b
Examples:
  adamant keys init keys
  adamant keys init keys --secure-boot-key db.key --secure-boot-certificate db.crt
"""


@click.group("keys", epilog="Example: adamant keys init keys")
def group() -> None:
    """Make the keys that sign images, and those of clusters."""


group.add_command(cluster.group)


@group.command("init", epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--product", default="adamant", show_default=True, help="Name in the certificates.")
@click.option("--secure-boot-key", metavar="PEM", help="Take this key instead of making one.")
@click.option("--secure-boot-certificate", metavar="PEM", help="Its certificate.")
@json_option
def init(
    folder: Path, product: str, secure_boot_key: str | None, secure_boot_certificate: str | None, as_json: bool
) -> None:
    """Make keys in FOLDER: for Secure Boot, for modules and extensions, for encrypted disks.

    None is ever overwritten.
    """
    now = datetime.now(UTC)
    if (secure_boot_key is None) != (secure_boot_certificate is None):
        raise InputError("key-pair-incomplete", "a key and its certificate must be given together")
    if secure_boot_key is not None and secure_boot_certificate is not None:
        written = keys.take_pair(folder, "secure-boot", KeyPair(secure_boot_key, secure_boot_certificate), now)
        written += keys.make_policy_key(folder)
    else:
        written = keys.make_keys(folder, product, now)
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written]}))
        return
    for path in written:
        click.echo(f"wrote {path}")
    where = _seen_from_definition(folder)
    click.echo("\nName them in the definition:\n\nsigning:\n  secureBoot:")
    click.echo(f"    key: {where}/secure-boot.key\n    certificate: {where}/secure-boot.crt")
    click.echo(f"  pcr:\n    key: {where}/pcr.key\n    public: {where}/pcr.pub")


def _seen_from_definition(folder: Path) -> Path:
    """The folder as a definition above it names it, since its paths are relative to itself; else the whole path."""
    whole = folder.resolve()
    home = next((parent for parent in whole.parents if (parent / DEFINITION).exists()), None)
    return whole.relative_to(home) if home else whole
