"""Whether this machine can still be reached: does a default gateway answer?

A config may be right in every word and cut the machine off all the same. A word to the gateway makes the kernel look
for it (ARP, RFC 826; Neighbor Discovery, RFC 4861, 7.2), and what comes of that is what is asked here. No rights are
needed: the words are datagrams to the discard service (RFC 863), and the answer stands in /proc or on the socket.
"""

import errno
import ipaddress
import select
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.reading import read_text

_DISCARD = 9
_GATEWAY = 0x2
"""RTF_GATEWAY of a route's flags (route(7))."""
_COMPLETE = 0x2
"""ATF_COM of a neighbour's flags (arp(7))."""
_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR (ip(7)) and IPV6_RECVERR (ipv6(7))."""


class Gateway(NamedTuple):
    """A default gateway and the link behind which it is."""

    address: str
    link: str


def gateways(four: str, six: str) -> list[Gateway]:
    """The default gateways in the texts of /proc/net/route and /proc/net/ipv6_route."""
    found = []
    for line in four.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1] == fields[7] == "00000000" and int(fields[3], 16) & _GATEWAY:
            found.append(Gateway(str(ipaddress.IPv4Address(struct.pack("=I", int(fields[2], 16)))), fields[0]))
    for line in six.splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[0] == "0" * 32 and fields[1] == "00" and int(fields[8], 16) & _GATEWAY:
            found.append(Gateway(str(ipaddress.IPv6Address(bytes.fromhex(fields[4]))), fields[9]))
    return list(dict.fromkeys(found))


def neighbours(text: str) -> frozenset[str]:
    """Addresses of the text of /proc/net/arp that somebody has answered for."""
    fields = [line.split() for line in text.splitlines()[1:]]
    return frozenset(f[0] for f in fields if len(f) > 3 and int(f[2], 16) & _COMPLETE)


def missing(root: Path) -> dict[str, str]:
    """Why nobody can reach this machine from afar, by a name, in words; empty when each family's gateways answer."""
    found = gateways(_text(root, "proc/net/route"), _text(root, "proc/net/ipv6_route"))
    if not found:
        return {"gateway": "there is no default gateway"}
    reasons = {}
    for name, six in (("gateway-ipv4", False), ("gateway-ipv6", True)):
        of_family = [gateway for gateway in found if (":" in gateway.address) is six]
        if of_family and not any(_answers(root, gateway) for gateway in of_family):
            reasons[name] = f"no default gateway answers: {_names(of_family)}"
    return reasons


def _names(found: Iterable[Gateway]) -> str:
    return ", ".join(f"{gateway.address} on {gateway.link}" for gateway in found)


def _text(root: Path, path: str) -> str:
    try:
        return read_text(root / path, limits.SYSTEM_FILE_SIZE)
    except AdamantError:
        return ""


def _answers(root: Path, gateway: Gateway) -> bool:
    six = ":" in gateway.address
    family = socket.AF_INET6 if six else socket.AF_INET
    refused = _send(family, gateway)
    if refused is not None:
        return refused == errno.ECONNREFUSED  # it says that nothing listens there: it is there
    # For IPv6 the kernel tells only of those that do not answer.
    return six or gateway.address in neighbours(_text(root, "proc/net/arp"))


def _send(family: socket.AddressFamily, gateway: Gateway) -> int | None:
    """Send a word to the gateway. Returns the number of the error that comes of it, or None."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setsockopt(*_RECVERR[family], 1)
            scope = socket.if_nametoindex(gateway.link) if family == socket.AF_INET6 else 0
            out.connect((gateway.address, _DISCARD, 0, scope) if scope else (gateway.address, _DISCARD))
            out.send(b"\0")
            select.select([out], [], [], limits.GATEWAY_SECONDS)
            return out.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or None
    except OSError as error:
        return error.errno or errno.EIO
