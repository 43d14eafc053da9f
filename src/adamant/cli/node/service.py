"""`adamant node service`."""

from typing import Any

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option

_EPILOG = """\b
Examples:
  adamant node service restart containerd
  adamant node -c a,b,c service reload systemd-networkd
"""


_UNITS = reach.complete_names("services", lambda name: name.endswith((".service", ".socket", ".timer")))


@click.group("service", epilog=_EPILOG)
def group() -> None:
    """Start, stop, restart or reload a service of the machine, until the next boot."""


def _command(action: str, does: str) -> click.Command:
    @click.command(action, help=does, epilog=f"Example: adamant node service {action} containerd")
    @click.argument("unit", shell_complete=_UNITS)
    @json_option
    @click.pass_context
    def command(ctx: click.Context, unit: str, as_json: bool) -> int:
        from adamant.api import acts  # noqa: PLC0415 - imports gRPC

        return reach.ask(ctx, lambda node: acts.service(node, action, unit), _lines, as_json=as_json)

    return command


for _action, _does in (
    ("start", "Start a service."),
    ("stop", "Stop a service; the next boot starts it again."),
    ("restart", "Stop a service, if it runs, and start it."),
    ("reload", "Have a service read its config again. One that cannot is restarted."),
):
    group.add_command(_command(_action, _does))


def _lines(answer: Any) -> list[str]:
    pid = f", main process {answer.main_pid}" if answer.main_pid else ""
    before = f" (before: {answer.main_pid_before})" if pid and answer.main_pid_before else ""
    return [f"{answer.unit} is {answer.active} ({answer.sub}){pid}{before}"]
