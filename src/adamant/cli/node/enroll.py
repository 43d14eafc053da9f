"""`adamant node enroll`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from adamant.cli import proof
from adamant.cli.cluster import cluster_option, passphrase, passphrase_option
from adamant.cli.node import asking
from adamant.cli.node.apply import applied_lines, read_document
from adamant.cli.options import json_option
from adamant.cli.proof import Wanted
from adamant.cli.sections import SectionedCommand
from adamant.model.errors import ExitCode, InputError

if TYPE_CHECKING:
    from adamant.api.attest import Calls
    from adamant.attestation.judge import Judgement

_EPILOG = """\b
Examples:
  adamant node enroll 192.0.2.7 --fingerprint 9f86:d081:... --name m1
  adamant node enroll m1.example --fingerprint 9f86:d081:... --cluster lab --client mary
  adamant node enroll 192.0.2.7 --fingerprint 9f86:d081:... --name m1 --config m1.yaml
  adamant node enroll 192.0.2.7 --fingerprint 9f86:d081:... --name m1 --release out/example_1_amd64 --own-keys
"""


_UNSIGNED = "its certificate was not signed, and it waits as before"


@click.command("enroll", cls=SectionedCommand, epilog=_EPILOG)
@click.argument("address", metavar="HOST[:PORT]")
@click.option("--fingerprint", "typed", metavar="F", help="The fingerprint that the console of the machine shows.")
@click.option(
    "--trust-on-first-use", is_flag=True, help="Trust whatever answers. Only where nobody else can be in the network."
)
@click.option("--name", help="Name of the machine.  [default: HOST]")
@click.option("--address", "others", multiple=True, help="One more address or name it is reached by; may be repeated.")
@click.option("--context", "context_name", metavar="NAME", help="Name of the context.  [default: the machine's name]")
@click.option("--client", default="admin", show_default=True, metavar="NAME", help="The client of the context.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
@click.option("--config", type=click.Path(path_type=Path), help="Put this machine config in place afterwards.")
@click.option("--replace", is_flag=True, help="In place of a context of that name.")
@proof.wanted_options(required=False)
@cluster_option
@passphrase_option
@json_option
def command(
    address: str,
    typed: str | None,
    trust_on_first_use: bool,
    name: str | None,
    others: tuple[str, ...],
    context_name: str | None,
    client: str,
    days: int,
    config: Path | None,
    replace: bool,
    wanted: Wanted,
    named: str,
    passphrase_file: Path | None,
    as_json: bool,
) -> int:
    """Give a machine that waits in maintenance its certificate, and make a context for it.

    The machine is known by the fingerprint on its console: without it, nothing is sent. With --release, it gets one
    only if it proves by its TPM that it runs this release, and its attestation key is pinned in the context. With
    --config, the exit code is 6 when some of the config waits for a reboot.
    """
    from adamant.api import cluster, contexts, enrolment, fingerprint  # noqa: PLC0415 - gRPC is slow to import
    from adamant.api.client import parse_address  # noqa: PLC0415

    wanted.require_release()
    host, _ = parse_address(address)
    document = read_document(config) if config is not None else None
    pinned = fingerprint.parse(typed) if typed is not None else None
    if pinned is None and not trust_on_first_use:
        raise InputError(
            "fingerprint-needed",
            "a machine is enrolled only when you say which key it has",
            hint="read the fingerprint on the machine's console, and say it with --fingerprint\n"
            "in a network that nobody else is in, --trust-on-first-use does without",
        )
    folder = cluster.place(named)
    context = contexts.of_cluster(address, named, client)
    credentials = contexts.credentials(context)
    name = name or host
    context_name = context_name or name
    contexts.check_free(context_name, context, replace=replace)
    authority = cluster.unlock(folder, passphrase(passphrase_file))
    names = list(dict.fromkeys([name, host, *others]))

    def sign(waiting: enrolment.Waiting) -> bytes:
        return cluster.sign_request(folder, authority, waiting.request, waiting.key, names, datetime.now(UTC), days)

    known = None if replace else contexts.read().contexts.get(context_name)

    proven: Judgement | None = None

    def examine(waiting: enrolment.Waiting, machine: "Calls") -> None:
        nonlocal context, proven
        before = known.attestation if known is not None else None
        proven = asking.require_first_proof(waiting.key, machine, name, before, wanted, _UNSIGNED)
        context = msgspec.structs.replace(context, attestation=proven.key)

    waiting = enrolment.enroll(address, pinned, authority.certificate, sign, examine if wanted.releases else None)
    contexts.put(context_name, context)
    version = enrolment.await_serving(address, credentials, waiting.key)
    applied = _apply(address, credentials, document) if document is not None else None
    code = int(ExitCode.REBOOT_NEEDED if applied is not None and applied.reboot else ExitCode.DONE)
    if as_json:
        shown = {
            "name": name,
            "address": address,
            "context": context_name,
            "fingerprint": waiting.key,
            "machine_id": version.machine_id,
            "image": version.image,
            "image_version": version.image_version,
            "attestation_key": proven.key if proven is not None else "",
            "endorsement_key": proven.endorsement_key if proven is not None else "",
            "generation": applied.generation if applied is not None else 0,
        }
        click.echo(json.dumps(shown))
        return code
    click.echo(f"enrolled {name}: key {fingerprint.show(waiting.key)}")
    click.echo(f"it runs {version.image} {version.image_version} (machine id {version.machine_id})")
    if proven is not None:
        click.echo(f"its TPM proves that; attestation key {proven.key} (pinned now)")
        click.echo(f"endorsement key {proven.endorsement_key}")
    click.echo(f"the context {context_name} is the current one now. Try next: adamant node health")
    if applied is not None:
        click.echo("\n".join(applied_lines(applied)))
    return code


def _apply(address: str, credentials: Any, document: str) -> Any:
    """What came of putting a config in place on a machine that has just been enrolled."""
    from adamant.api import config  # noqa: PLC0415 - imports the contract
    from adamant.api.client import connect  # noqa: PLC0415

    with connect(address, credentials) as node:
        return node.config_apply(config.document_change(document), "now", 0)
