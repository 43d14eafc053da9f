"""`adamant node`: talk to a running machine. The table of its commands, and how they reach the machine."""

import click

from adamant.cli.lazy import LazyGroup
from adamant.cli.node.reach import Choice

_COMMANDS: dict[str, tuple[str, str]] = {
    "version": ("adamant.cli.node.version:command", "Say what runs on the machine"),
    "health": ("adamant.cli.node.health:command", "Run every health check"),
    "audit": ("adamant.cli.node.audit:command", "Check the machine against the promises of its posture"),
    "get": ("adamant.cli.node.get:command", "Show what the machine knows of itself"),
    "ps": ("adamant.cli.node.get:ps", "Show the processes of the machine"),
    "enroll": ("adamant.cli.node.enroll:command", "Give a machine in maintenance its certificate"),
    "renew": ("adamant.cli.node.renew:command", "Give a machine a new key and certificate"),
    "logs": ("adamant.cli.node.logs:logs", "Show the journal of the machine, or of units"),
    "dmesg": ("adamant.cli.node.logs:dmesg", "Show what the kernel said"),
    "ls": ("adamant.cli.node.files:ls", "List files of the machine"),
    "cat": ("adamant.cli.node.files:cat", "Print a file of the machine"),
    "drift": ("adamant.cli.node.drift:command", "List what differs in /etc from the release"),
    "upgrade": ("adamant.cli.node.upgrade:upgrade", "Stage a release, which the next boot tries"),
    "rollback": ("adamant.cli.node.upgrade:rollback", "Have the next boot start the release before"),
    "attest": ("adamant.cli.node.attest:command", "Have the machine's TPM sign how it was booted"),
    "prove": ("adamant.cli.node.prove:command", "Have machines prove by their TPM which release they run"),
    "encryption": ("adamant.cli.node.encryption:command", "Say which keys open the machine's encrypted partitions"),
    "recovery-key": ("adamant.cli.node.encryption:recovery_key", "Make recovery keys of them, and show them once"),
    "recover": ("adamant.cli.node.encryption:recover", "Open them by recovery keys, where the TPM does not"),
    "reseal": ("adamant.cli.node.encryption:reseal", "Bind them to the machine's TPM anew"),
    "crashes": ("adamant.cli.node.crashes:group", "Show what was kept of boots that crashed"),
    "capture": ("adamant.cli.node.capture:command", "Capture packets of an interface into a pcap file"),
    "support": ("adamant.cli.node.support:command", "Collect what helps to find a fault into one archive"),
    "events": ("adamant.cli.node.events:command", "Show what happened on the machine, and what happens"),
    "apply": ("adamant.cli.node.apply:apply", "Put a machine config in place"),
    "diff": ("adamant.cli.node.apply:diff", "Show what a machine config would change"),
    "confirm": ("adamant.cli.node.apply:confirm", "Keep the config that is on trial"),
    "unset": ("adamant.cli.node.apply:unset", "Take keys out of the machine's config"),
    "config": ("adamant.cli.node.config:group", "Show the machine's config and its generations"),
    "dashboard": ("adamant.cli.node.dashboard.command:command", "Watch machines on one screen"),
    "service": ("adamant.cli.node.service:group", "Start, stop, restart or reload a service"),
    "reboot": ("adamant.cli.node.power:reboot", "Reboot the machine, and wait for it"),
    "shutdown": ("adamant.cli.node.power:shutdown", "Shut the machine down"),
    "reset": ("adamant.cli.node.reset:command", "Wipe what the machine keeps, and reboot it"),
    "debug": ("adamant.cli.node.debug:command", "Run an image on the machine to look into it"),
}

_EPILOG = """\b
Examples:
  adamant node version              the machine of the current context
  adamant node -c example health    the machine of the context example
  adamant node -c a,b,c health      three machines at once; each line begins with the machine's name
  adamant node --all version --json
"""


def _context_names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Contexts that begin as typed so far; what stands before a comma stays."""
    from adamant.api import contexts  # noqa: PLC0415 - only completion pays for it

    before, comma, begun = incomplete.rpartition(",")
    return [before + comma + name for name in contexts.read().contexts if name.startswith(begun)]


@click.group("node", cls=LazyGroup, commands_at=_COMMANDS, epilog=_EPILOG)
@click.option(
    "-c",
    "--context",
    "named",
    metavar="CONTEXT[,...]",
    multiple=True,
    envvar="ADAMANT_CONTEXT",
    show_envvar=True,
    shell_complete=_context_names,
    help="Which machines; may be repeated. Without it, that of the current context.",
)
@click.option("--all", "every", is_flag=True, help="The machines of all contexts.")
@click.pass_context
def group(ctx: click.Context, named: tuple[str, ...], every: bool) -> None:
    """Talk to a running machine, or to several at once."""
    names = tuple(dict.fromkeys(name for part in named for name in part.split(",") if name))
    ctx.obj = Choice(() if every else names, every)
