"""`adamant keys cluster`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from adamant.api.identity import Role
from adamant.cli.options import json_option
from adamant.core import files, limits
from adamant.model.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

_EPILOG = """\b
Examples:
  adamant keys cluster init lab                        a CA called lab, in your configuration folder
  adamant keys cluster client mary --role operator --cluster lab
  adamant keys cluster show --cluster lab
"""


def cluster_option(function: F) -> F:
    """`--cluster NAME|DIR`."""
    return click.option(
        "--cluster",
        "named",
        default="default",
        metavar="NAME|DIR",
        show_default=True,
        help="Which cluster: a name of your configuration folder, or a folder when it has a slash.",
    )(function)


def passphrase_option(function: F) -> F:
    """`--passphrase-file FILE`, for commands that sign."""
    return click.option(
        "--passphrase-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The passphrase of the CA's key, where it has one; without this, it is asked for.",
    )(function)


def passphrase(file: Path | None) -> Callable[[], bytes]:
    """What asks for the passphrase of a CA: the first line of `file`, or else the person at the terminal."""

    def ask() -> bytes:
        if file is not None:
            return _first_line(file)
        typed: str = click.prompt("passphrase of the CA's key", hide_input=True, err=True)
        return typed.encode()

    return ask


def _first_line(file: Path) -> bytes:
    line = files.read_limited(file, limits.PEM_SIZE, "passphrase").partition(b"\n")[0].rstrip(b"\r")
    if not line:
        raise InputError("passphrase-empty", f"the first line of {file} is empty", hint="write the passphrase there")
    return line


@click.group("cluster", short_help="The CA of a cluster, and its certificates.", epilog=_EPILOG)
def group() -> None:
    """The CA of a cluster, and the certificates of its clients and nodes. The CA's key never leaves this computer."""


@group.command("init", epilog="Example: adamant keys cluster init lab --encrypt")
@click.argument("named", metavar="[NAME|DIR]", default="default")
@click.option("--encrypt", is_flag=True, help="Encrypt the CA's key with a passphrase, which is asked for.")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Encrypt it with the first line of this file.",
)
@click.option("--admin", default="admin", show_default=True, metavar="NAME", help="Name of the first client.")
@json_option
def init(named: str, encrypt: bool, passphrase_file: Path | None, admin: str, as_json: bool) -> None:
    """Make a CA and the first client of the role admin. Nothing is ever overwritten."""
    from adamant.api import cluster  # noqa: PLC0415 - loads cryptography

    folder, now = cluster.place(named), datetime.now(UTC)
    secret = None
    if passphrase_file is not None:
        secret = _first_line(passphrase_file)
    elif encrypt:
        typed: str = click.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True)
        secret = typed.encode()
    cluster.init(folder, folder.resolve().name, now, secret)
    authority = cluster.unlock(folder, lambda: secret or b"")
    cluster.add_client(folder, authority, admin, Role.ADMIN, now)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "admin": admin, "encrypted": secret is not None}))
        return
    click.echo(f"made the CA in {folder}; back up ca.key and keep it: who has it can make clients of every role")
    click.echo(f"made the client {admin} with the role admin")


@group.command(
    "client",
    short_help="Make the key and certificate of a person or a program.",
    epilog="Example: adamant keys cluster client mary --role reader --cluster lab",
)
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it may do.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
@click.option("--replace", is_flag=True, help="A new key and certificate in place of those of that name.")
@cluster_option
@passphrase_option
@json_option
def client(
    name: str, role: str, days: int, replace: bool, named: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make a key and a certificate for a person or a program called NAME."""
    from adamant.api import cluster  # noqa: PLC0415

    folder = cluster.place(named)
    authority = cluster.unlock(folder, passphrase(passphrase_file))
    written = cluster.add_client(folder, authority, name, Role(role), datetime.now(UTC), days, replace=replace)
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written]}))
        return
    for path in written:
        click.echo(f"wrote {path}")
    click.echo(f"give {name} both files and {folder / 'ca.crt'}; a context names them: adamant context add -h")


@group.command(
    "node",
    short_help="Make the identity of a node that gets it at provisioning.",
    epilog="Example: adamant keys cluster node m1 --address 192.0.2.7 --address m1.example",
)
@click.argument("name")
@click.option(
    "--address", "addresses", multiple=True, help="An address or host name it is reached by; may be repeated."
)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
@cluster_option
@passphrase_option
@json_option
def node(
    name: str, addresses: tuple[str, ...], days: int, named: str, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make the identity of a node that is passed at provisioning, as files of systemd credentials.

    A node that gets none makes its own key and waits for: adamant node enroll.
    """
    from adamant.api import cluster  # noqa: PLC0415

    folder = cluster.place(named)
    authority = cluster.unlock(folder, passphrase(passphrase_file))
    written = cluster.add_node(folder, authority, name, addresses, datetime.now(UTC), days)
    if as_json:
        click.echo(json.dumps({"written": [str(path) for path in written]}))
        return
    for path in written:
        click.echo(f"wrote {path}")
    click.echo("pass them to the machine as systemd credentials of these names, and delete adamant.key here then")


@group.command(
    "show",
    short_help="List every certificate that the CA has signed.",
    epilog="Example: adamant keys cluster show --cluster lab",
)
@cluster_option
@json_option
def show(named: str, as_json: bool) -> None:
    """List every certificate that the CA has signed, with its serial number, its end, and whether it is revoked."""
    from adamant.api import cluster, pki  # noqa: PLC0415

    folder = cluster.place(named)
    authority = pki.facts(cluster.certificate(folder))
    gone = {entry.fingerprint for entry in cluster.revoked(folder)}
    issued = cluster.issued(folder)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "folder": str(folder),
                    "ca": _object(authority, gone),
                    "certificates": [_object(facts, gone) for facts in issued],
                }
            )
        )
        return
    click.echo(f"CA {authority.name} in {folder}, until {authority.ends:%Y-%m-%d}")
    now = datetime.now(UTC)
    for facts in issued:
        state = "revoked" if facts.fingerprint in gone else "expired" if facts.ends < now else "valid"
        role = facts.role.value if facts.role else "-"
        click.echo(f"{facts.kind:<6} {facts.name:<20} {role:<8} until {facts.ends:%Y-%m-%d}  {state:<7} {facts.serial}")


def _object(facts: Any, gone: set[str]) -> dict[str, Any]:
    return {
        "kind": facts.kind,
        "name": facts.name,
        "role": facts.role.value if facts.role else None,
        "serial": facts.serial,
        "fingerprint": facts.fingerprint,
        "names": list(facts.names),
        "ends": facts.ends.isoformat(),
        "revoked": facts.fingerprint in gone,
    }


@group.command(
    "revoke",
    short_help="Put a certificate on the list of those that are refused.",
    epilog="Example: adamant keys cluster revoke lost-laptop.crt --cluster lab",
)
@click.argument("named_certificate", metavar="SERIAL|FINGERPRINT|FILE")
@cluster_option
@json_option
def revoke(named_certificate: str, named: str, as_json: bool) -> None:
    """Put a certificate on the list that machine configs carry; nodes that got the list refuse it."""
    from adamant.api import cluster  # noqa: PLC0415

    folder = cluster.place(named)
    entry = cluster.revoke(folder, named_certificate, datetime.now(UTC))
    entries = cluster.revoked(folder)
    if as_json:
        listed = [{"fingerprint": each.fingerprint, "name": each.name} for each in entries]
        click.echo(json.dumps({"revoked": {"fingerprint": entry.fingerprint, "name": entry.name}, "list": listed}))
        return
    click.echo(f"revoked the certificate of {entry.name}. It is refused by every node whose config carries this:\n")
    click.echo(cluster.config_of(entries), nl=False)
