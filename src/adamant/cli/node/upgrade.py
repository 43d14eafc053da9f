"""`adamant node upgrade` and `adamant node rollback`."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.cli.progress import human_size
from adamant.cli.progress import progress as shown_progress
from adamant.core.events import Advanced, Finished, Started, Watch
from adamant.model.errors import ExitCode

_EPILOG = """\b
Examples:
  adamant node upgrade --repository http://10.0.2.2:8080 --estimate
  adamant node upgrade --repository https://releases.example.org --channel beta
  adamant node upgrade --from example-2.tar
"""


@click.command("upgrade", epilog=_EPILOG)
@click.option("--repository", default="", metavar="URL", help="Address of the repository, as the machine sees it.")
@click.option(
    "--from",
    "export",
    type=click.Path(exists=True, path_type=Path),
    help="A file or folder of adamant repo export, for a machine without a network: what it needs of it is sent.",
)
@click.option("--channel", default="stable", show_default=True)
@click.option("--version", default="", metavar="VERSION", help="This release and no other.")
@click.option("--estimate", is_flag=True, help="Say what would be fetched, and change nothing.")
@click.option("--force", is_flag=True, help="Also an older version, the same one, or one that failed there.")
@click.option("--ignore-waves", is_flag=True, help="Do not wait for the machine's wave.")
@click.option("--bandwidth", type=click.IntRange(min=0), default=0, metavar="BYTES", help="Most bytes a second.")
@json_option
@click.pass_context
def upgrade(ctx: click.Context, /, as_json: bool, estimate: bool, export: Path | None, **options: Any) -> int:
    """Stage a release: fetch the blocks that the machine has not, write and check them. The next boot tries it.

    One of --repository and --from says where it comes from. Exit code 6 when a release is staged: a reboot is needed.
    """
    if bool(options["repository"]) is (export is not None):
        raise click.UsageError("name one of --repository and --from")
    from adamant.api import update_pb2 as pb  # noqa: PLC0415 - imports protobuf

    action = pb.UPGRADE_ACTION_ESTIMATE if estimate else pb.UPGRADE_ACTION_STAGE
    request = pb.UpgradeRequest(action=action, **options)
    _run(ctx, request, export, as_json=as_json)
    return int(ExitCode.DONE if estimate else ExitCode.REBOOT_NEEDED)


@click.command("rollback", epilog="Example: adamant node rollback")
@json_option
@click.pass_context
def rollback(ctx: click.Context, as_json: bool) -> int:
    """Have the next boot start the release before. Exit code 6: a reboot is needed."""
    from adamant.api import update_pb2 as pb  # noqa: PLC0415

    _run(ctx, pb.UpgradeRequest(action=pb.UPGRADE_ACTION_ROLLBACK), as_json=as_json)
    return int(ExitCode.REBOOT_NEEDED)


def _run(ctx: click.Context, request: Any, export: Path | None = None, *, as_json: bool) -> None:
    # Bars take both streams for themselves while they are shown: where one goes elsewhere, there are plain lines.
    bars = not as_json and sys.stdout.isatty() and sys.stderr.isatty()
    step, last = "", None
    with reach.connect(ctx) as node, shown_progress(as_json=not bars) as watch:
        for progress in node.stream("Upgrade", request) if export is None else _sending(node, request, export):
            if as_json:
                names = ("step", "done", "total", "version", "finished", "message", "fetched", "requests")
                click.echo(json.dumps({name: getattr(progress, name) for name in names}))
            elif progress.finished:
                last = progress
            else:
                if progress.step != step:
                    _next_step(watch, step, progress, bars=bars)
                    step = progress.step
                if progress.total:
                    watch(Advanced(step, progress.done, f"{progress.done * 100 // progress.total} %"))
    if last is not None:
        click.echo(last.message)
        if last.fetched:
            click.echo(f"{human_size(last.fetched)} in {last.requests} requests")


def _next_step(watch: Watch, before: str, progress: Any, *, bars: bool) -> None:
    if before:
        watch(Finished(before, False, "", 0))
    watch(Started(progress.step, progress.total))
    if not bars:
        click.echo(f"{progress.version} {progress.step}".strip())


def _sending(node: Any, request: Any, export: Path) -> Iterator[Any]:
    """The progress of an update from `export`, whose parts are sent as the node asks for them."""
    from adamant.cli.node.sender import Sender  # noqa: PLC0415 - imports protobuf
    from adamant.release.exported import open_export  # noqa: PLC0415 - imports python-tuf

    sender = Sender(open_export(export), request)
    try:
        with closing(node.stream("UpgradeFrom", sender.messages())) as answers:
            for answer in answers:
                if answer.WhichOneof("message") == "read":
                    sender.ask(answer.read)
                else:
                    yield answer.progress
    finally:
        sender.end()
