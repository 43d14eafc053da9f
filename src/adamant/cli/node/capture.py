"""`adamant node capture`."""

from contextlib import closing
from typing import BinaryIO

import click

from adamant.cli.node import reach
from adamant.cli.options import json_option
from adamant.model.errors import ExitCode, InputError

_PROTOCOLS = ("tcp", "udp", "icmp", "icmp6", "sctp", "arp")

_EPILOG = """\b
Examples:
  adamant node capture eth0 -o web.pcap --port 80 --port 443 --seconds 30
  adamant node capture eth0 --protocol arp --packets 20 -o arp.pcap
  adamant node capture eth0 --host 10.0.0.7 | tcpdump -nr -
"""


@click.command("capture", epilog=_EPILOG)
@click.argument("interface", shell_complete=reach.complete_names("links"))
@click.option("-o", "--output", type=click.File("wb"), default="-", help="Where to; - is standard output.")
@click.option("--host", "hosts", multiple=True, metavar="ADDRESS", help="From or to this address; may be repeated.")
@click.option("--port", "ports", multiple=True, type=click.IntRange(1, 65535), help="From or to this port.")
@click.option("--protocol", "protocols", multiple=True, type=click.Choice(_PROTOCOLS), help="Only this protocol.")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=10.0, show_default=True, help="How long.")
@click.option("--packets", type=click.IntRange(min=1), help="End after so many.")
@click.option("--size", type=click.IntRange(1, 1024), default=64, show_default=True, help="Largest file, in MiB.")
@click.option("--snap", type=click.IntRange(14, 1 << 18), default=65535, show_default=True, help="Bytes of a packet.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    interface: str,
    output: BinaryIO,
    hosts: tuple[str, ...],
    ports: tuple[int, ...],
    protocols: tuple[str, ...],
    seconds: float,
    packets: int | None,
    size: int,
    snap: int,
    as_json: bool,
) -> int:
    """Capture packets of INTERFACE into a pcap file. --json says on standard error how it ended.

    Hosts are alternatives, so are ports and protocols; what is given of each must hold. The API's own connection is
    left out unless its port is named.
    """
    from adamant.api import capture_pb2  # noqa: PLC0415 - imports protobuf
    from adamant.api.capture import End, capture  # noqa: PLC0415
    from adamant.api.types import to_json  # noqa: PLC0415

    if output.isatty():
        raise InputError("output-terminal", "a terminal cannot show packets", hint="name a file with -o, or use a pipe")
    request = capture_pb2.CaptureRequest(
        interface=interface,
        snap_length=snap,
        seconds=seconds,
        size=size << 20,
        packets=packets or 0,
        hosts=hosts,
        ports=ports,
        protocols=protocols,
    )
    with reach.connect(ctx) as node, closing(capture(node, request)) as pieces:
        for piece in pieces:
            if isinstance(piece, End):
                text = f"{piece.packets} packets, {piece.size} bytes, {piece.dropped} dropped; ended by {piece.reason}"
                click.echo(to_json(piece).decode() if as_json else text, err=True)
            else:
                output.write(piece)
                output.flush()
    return int(ExitCode.DONE)
