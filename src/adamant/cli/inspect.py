"""`adamant inspect`."""

import tempfile
from pathlib import Path

import click
import msgspec

from adamant.cli.options import json_option
from adamant.cli.progress import human_size
from adamant.core import places
from adamant.model.errors import ExitCode
from adamant.packages.tools import newest_tools
from adamant.reading.inspect import inspect
from adamant.reading.inspection import FoundSignature, FoundUki, FoundUsr, Inspection

_EPILOG = """\b
Examples:
  adamant inspect out/example_1_amd64
  adamant inspect disk.raw --packages
  adamant inspect example_1.efi --json
"""


@click.command("inspect", epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--packages", is_flag=True, help="List every package.")
@json_option
def command(path: Path, packages: bool, as_json: bool) -> int:
    """Say what a disk image, a UKI, a usr image or a build folder holds. Exit code 3 when something is not sound."""
    with tempfile.TemporaryDirectory(prefix="adamant-") as scratch:
        found = inspect(path, newest_tools(places.cache()), Path(scratch))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _print(found, packages)
    return int(ExitCode.VERIFICATION if found.problems else ExitCode.DONE)


def _print(found: Inspection, packages: bool) -> None:
    click.echo(f"{found.name}: {found.what.value}, {human_size(found.size)}")
    if found.manifest is not None:
        built = found.manifest
        posture, profile = built.posture.value, built.profile.value
        click.echo(f"  {built.name} {built.version} for {built.arch.value}, {posture}, profile {profile}")
    if found.partitions:
        click.echo("partitions")
        for partition in found.partitions:
            click.echo(f"  {partition.label:<14} {human_size(partition.size):>9}  {partition.type}")
    for usr in found.usr:
        _print_usr(usr, packages)
    for uki in found.ukis:
        _print_uki(uki)
    for program in found.programs:
        click.echo(f"program {program.path} ({program.arch}, {human_size(program.size)})")
        _print_signatures(program.signatures)
    for extension in found.extensions:
        click.echo(f"extension {extension}")
    for problem in found.problems:
        click.echo(f"{click.style('problem', fg='red')} {problem.message} [{problem.reference}]")


def _print_usr(usr: FoundUsr, packages: bool) -> None:
    click.echo(f"usr image {usr.label} ({human_size(usr.size)}, {usr.files} files)")
    if usr.root_hash:
        state = f"{usr.broken_blocks} BROKEN of {usr.data_blocks} blocks" if usr.broken_blocks else "every block fits"
        click.echo(f"  root hash    {usr.root_hash} ({state})")
    click.echo(f"  posture      {usr.posture or 'unknown'}")
    if usr.packages is not None:
        click.echo(f"  packages     {len(usr.packages)}" + ("" if packages else " (--packages lists them)"))
        if packages:
            for package in usr.packages:
                click.echo(f"    {package.name} {package.version} {package.architecture}")


def _print_uki(uki: FoundUki) -> None:
    click.echo(f"UKI {uki.path} ({uki.arch}, {human_size(uki.size)})")
    release = uki.os_release
    click.echo(f"  image        {release.get('IMAGE_ID', '?')} {release.get('IMAGE_VERSION', '')}")
    click.echo(f"  kernel       {uki.kernel}")
    click.echo(f"  command line {uki.command_line}")
    click.echo(f"  root hash    {uki.root_hash or 'none'}")
    click.echo("  sections     " + ", ".join(f"{name} {human_size(size)}" for name, size in uki.sections.items()))
    click.echo(f"  PCR 11       {uki.pcr11}")
    for section in uki.measured:
        click.echo(f"    {section.name:<10} {section.sha256} ({human_size(section.size)})")
    _print_signatures(uki.signatures)


def _print_signatures(signatures: tuple[FoundSignature, ...]) -> None:
    if not signatures:
        click.echo("  signature    none")
    for signature in signatures:
        state = "" if signature.current else " (NOT of this file: it was changed since)"
        click.echo(f"  signature    {signature.subject}, {signature.fingerprint[:16]}...{state}")
