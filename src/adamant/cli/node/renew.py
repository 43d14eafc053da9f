"""`adamant node renew`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adamant.cli import proof
from adamant.cli.cluster import passphrase, passphrase_option
from adamant.cli.node import asking, reach
from adamant.cli.options import json_option
from adamant.cli.proof import Wanted
from adamant.cli.sections import SectionedCommand
from adamant.model.errors import ExitCode, InputError

if TYPE_CHECKING:
    from adamant.api.client import Node
    from adamant.api.contexts import Context

_EPILOG = """\b
Examples:
  adamant node renew                    the machine of the current context
  adamant node --all renew --days 90    all machines, each with a key of its own
  adamant node -c m1 renew --expired    a machine whose certificate has ended
  adamant node --all renew --release out/example_1_amd64    only those that prove that they run this release
"""


@click.command("renew", cls=SectionedCommand, epilog=_EPILOG)
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
@click.option("--cluster", "named", metavar="NAME|DIR", help="Which cluster.  [default: that of the context's CA]")
@click.option("--expired", is_flag=True, help="The certificate has ended: do not look at its time.")
@proof.wanted_options(required=False)
@passphrase_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    days: int,
    named: str | None,
    expired: bool,
    wanted: Wanted,
    passphrase_file: Path | None,
    as_json: bool,
) -> int:
    """Give a machine a new key and certificate while it serves; it goes back to the old one when that fails.

    The key is made on the machine; the certificate is signed here. With --release, only a machine that proves by its
    TPM that it runs this release gets one: the others lose their place in the cluster when theirs ends.
    """
    from adamant.api import contexts, renewal  # noqa: PLC0415 - gRPC is slow to import

    wanted.require_release()
    if expired and wanted.releases:
        raise InputError(
            "proof-of-expired",
            "a machine whose certificate has ended cannot be asked for a proof",
            hint="leave out --release, and ask it afterwards: adamant node prove",
        )
    machines = reach.chosen(ctx)
    folders = {_folder(named, context.ca) for _, context in machines}
    if len(folders) != 1:
        raise InputError("renewal-clusters", "the machines are of several clusters", hint="name those of one with -c")
    sign = _signer(folders.pop(), days, passphrase(passphrase_file))
    if not expired:

        def renew(name: str, context: "Context", node: "Node") -> renewal.Renewed:
            if wanted.releases:
                asking.require_proof(node, name, context, wanted)
            return renewal.renew(node, sign)

        return reach.ask_each(ctx, renew, _lines, as_json=as_json)
    if len(machines) != 1:
        raise InputError("one-node-only", "--expired is for one machine at a time", hint="name one with -c")
    context = machines[0][1]
    renewed = renewal.renew_expired(context.address, contexts.credentials(context), sign)
    if as_json:
        reach.show_json(renewed)
    else:
        click.echo("\n".join(_lines(renewed)))
    return int(ExitCode.DONE)


def _folder(named: str | None, ca: str) -> Path:
    """The folder of the cluster: the one named, or the one that the context's CA lies in."""
    from adamant.api import cluster  # noqa: PLC0415
    from adamant.core import places  # noqa: PLC0415

    return cluster.place(named) if named else (places.config() / ca).parent


def _signer(folder: Path, days: int, ask: Callable[[], bytes]) -> Callable[[bytes, str, Sequence[str]], bytes]:
    from adamant.api import cluster  # noqa: PLC0415
    from adamant.api.fingerprint import Fingerprint  # noqa: PLC0415

    authority = cluster.unlock(folder, ask)

    def sign(request: bytes, key: str, names: Sequence[str]) -> bytes:
        return cluster.sign_request(folder, authority, request, Fingerprint(key), names, datetime.now(UTC), days)

    return sign


def _lines(renewed: Any) -> list[str]:
    return [f"renewed: the certificate {renewed.fingerprint[:16]}… holds until {renewed.ends:%Y-%m-%d}"]
