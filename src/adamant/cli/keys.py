"""`adamant keys`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from adamant.cli import cluster
from adamant.cli.options import json_option
from adamant.cli.sections import SectionedCommand, SectionOption
from adamant.image import enrolment, keys
from adamant.image.project import DEFINITION
from adamant.model.definition import KeyPair
from adamant.model.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

_GROUP = """\b
Examples:
  adamant keys init keys
  adamant keys rotate keys
  adamant keys revoke keys out/my-host_1_amd64
"""
_EPILOG = """\b
Examples:
  adamant keys init keys
  adamant keys init keys --secure-boot-key db.key --secure-boot-certificate db.crt
  adamant keys init keys --also-trust microsoft-uefi-ca-2023.der
"""
_ROTATE = """\b
Examples:
  adamant keys rotate keys
"""
_REVOKE = """\b
Examples:
  adamant keys revoke keys out/my-host_1_amd64
  adamant keys revoke keys my-host_1.efi my-host_2.efi
"""
_RETIRE = """\b
Examples:
  adamant keys retire keys
"""
_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_product = click.option(
    "--product", metavar="NAME", default="adamant", show_default=True, help="The name that certificates begin with."
)
_time = click.option(
    "--time",
    "time",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S"]),
    metavar="TIME",
    help="The time in what is signed, in UTC, as 2026-11-29T01:02:03; only a later one replaces it.  [default: now]",
)


def _yours(name: str, text: str) -> Callable[[F], F]:
    """An option that takes a key which is there in place of one that is made."""
    return click.option(
        name, cls=SectionOption, section="Keys that you have, each with its certificate", metavar="PEM", help=text
    )


@click.group("keys", epilog=_GROUP)
def group() -> None:
    """Make the keys that sign images, exchange and end them, and make those of clusters.

    rotate, revoke and retire write a change of the firmware's keys. Machines make it when a release carries it.
    """


group.add_command(cluster.group)


@group.command("init", cls=SectionedCommand, epilog=_EPILOG)
@_folder
@_product
@click.option(
    "--also-trust",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="CERTIFICATE",
    help="Have machines also start what this certificate (DER or PEM) has signed, as option ROMs; may be repeated.",
)
@_time
@_yours("--secure-boot-key", "The key that signs boot loaders and UKIs.")
@_yours("--secure-boot-certificate", "Its certificate, which goes into db.")
@_yours("--platform-key", "The key that owns a firmware: PK.")
@_yours("--platform-certificate", "Its certificate.")
@_yours("--exchange-key", "The key that signs changes of a firmware's keys: KEK.")
@_yours("--exchange-certificate", "Its certificate.")
@json_option
def init(
    folder: Path,
    product: str,
    secure_boot_key: str | None,
    secure_boot_certificate: str | None,
    platform_key: str | None,
    platform_certificate: str | None,
    exchange_key: str | None,
    exchange_certificate: str | None,
    also_trust: tuple[Path, ...],
    time: datetime | None,
    as_json: bool,
) -> None:
    """Make all keys of an owner in FOLDER. No option is needed, and nothing is ever overwritten.

    \b
    secure-boot  signs boot loaders and UKIs
    modules      signs kernel modules and extensions
    pcr          signs which measured boots open an encrypted disk
    PK, KEK      own a machine's firmware, and change its keys: keep them off line
    variables/   what a firmware is told of them, as .auth, .esl and .der
    """
    now = _at(time)
    given = {
        keys.SECURE_BOOT: (secure_boot_key, secure_boot_certificate),
        keys.PLATFORM: (platform_key, platform_certificate),
        keys.EXCHANGE: (exchange_key, exchange_certificate),
    }
    pairs = {purpose: KeyPair(key, crt) for purpose, (key, crt) in given.items() if key is not None and crt is not None}
    if any((key is None) != (certificate is None) for key, certificate in given.values()):
        raise InputError("key-pair-incomplete", "a key and its certificate must be given together")
    keys.check_free(
        [path(folder, purpose) for purpose in keys.PURPOSES for path in (keys.key_path, keys.certificate_path)]
        + [keys.key_path(folder, keys.PCR), keys.public_path(folder)]
    )
    written: list[Path] = []
    for purpose, pair in pairs.items():
        written += keys.take_pair(folder, purpose, pair, now)
    titles = {purpose: title for purpose, title in keys.PURPOSES.items() if purpose not in pairs}
    written += keys.make_keys(folder, product, now, titles)
    written += keys.make_policy_key(folder)
    written += enrolment.make_variables(folder, now, also_trust)
    if _say(written, as_json):
        where = _seen_from_definition(folder)
        click.echo("\nName them in the definition:\n\nsigning:\n  secureBoot:")
        click.echo(f"    key: {where}/secure-boot.key\n    certificate: {where}/secure-boot.crt")
        click.echo(f"  pcr:  # for disk.encryption\n    key: {where}/pcr.key\n    public: {where}/pcr.pub")
        click.echo(f"secureBoot:  # a machine in setup mode enrols them at its first boot\n  enroll: {where}/variables")


@group.command("rotate", short_help="Make a new Secure Boot key, and have machines trust it.", epilog=_ROTATE)
@_folder
@_product
@_time
@json_option
def rotate(folder: Path, product: str, time: datetime | None, as_json: bool) -> None:
    """Make a new Secure Boot key in FOLDER, and the signed change by which machines trust it too.

    A release signed by the old key carries the change; the next release may be signed by the new key.
    """
    written = enrolment.rotate(folder, product, _at(time))
    if _say(written, as_json):
        where = _seen_from_definition(folder)
        change = next(path for path in written if path.suffix == ".auth")
        click.echo("\nFirst have a release, signed as before, carry the change to all machines:\n\nsecureBoot:")
        click.echo(f"  updates: [{where}/{change.parent.name}/{change.name}]")
        click.echo("\nThen sign the next one with the new key:\n\nsigning:\n  secureBoot:")
        click.echo(f"    key: {where}/{written[0].name}\n    certificate: {where}/{written[1].name}")
        click.echo(f"secureBoot:\n  enroll: {where}/{written[-1].parent.name}  # if it enrols")


@group.command("revoke", short_help="Have firmware refuse a release for good.", epilog=_REVOKE)
@_folder
@click.argument("ukis", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True, metavar="UKI...")
@_time
@json_option
def revoke(folder: Path, ukis: tuple[Path, ...], time: datetime | None, as_json: bool) -> None:
    """Write the signed change by which firmware refuses each UKI (a file, or the output of a build) for good."""
    written = enrolment.revoke(folder, ukis, _at(time))
    if _say([written], as_json):
        where = _seen_from_definition(folder)
        click.echo("\nHave a newer release carry it:\n\nsecureBoot:")
        click.echo(f"  updates: [{where}/{written.parent.name}/{written.name}]")


@group.command("retire", short_help="Have firmware refuse all Secure Boot keys but the newest.", epilog=_RETIRE)
@_folder
@_time
@json_option
def retire(folder: Path, time: datetime | None, as_json: bool) -> None:
    """Write the signed change by which firmware refuses all that the Secure Boot keys in FOLDER but the newest signed.

    A release that the newest key signed carries it. Machines then have no release of an older key to go back to.
    """
    written = enrolment.retire(folder, _at(time))
    if _say(written, as_json):
        where = _seen_from_definition(folder)
        click.echo("\nHave a release that the newest key signs carry it, and all later ones:\n\nsecureBoot:")
        click.echo(f"  updates: [{where}/{written[0].parent.name}/{written[0].name}]")
        click.echo(f"  enroll: {where}/{written[-1].parent.name}  # if it enrols")


def _at(time: datetime | None) -> datetime:
    return time.replace(tzinfo=UTC) if time else datetime.now(UTC)


def _say(written: list[Path], as_json: bool) -> bool:
    """Say which files were written; whether a person reads it, who is to be told what is next."""
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written]}))
        return False
    for path in written:
        click.echo(f"wrote {path}")
    return True


def _seen_from_definition(folder: Path) -> Path:
    """The folder as a definition above it names it, since its paths are relative to itself; else the whole path."""
    whole = folder.resolve()
    home = next((parent for parent in whole.parents if (parent / DEFINITION).exists()), None)
    return whole.relative_to(home) if home else whole
