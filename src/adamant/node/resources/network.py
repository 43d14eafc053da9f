"""Links, addresses and routes, as the kernel has them (rtnetlink(7); include/uapi/linux/if_link.h, rtnetlink.h)."""

import socket
import struct
from collections.abc import Container, Iterable, Mapping

from adamant.api import resources_pb2 as pb
from adamant.node.resources import netlink
from adamant.node.resources.found import Found

_GET_LINK, _GET_ADDRESS, _GET_ROUTE = 18, 22, 26
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_STATISTICS = struct.Struct("=8Q")
_TYPES = {1: "ether", 768: "tunnel", 772: "loopback", 776: "sit", 778: "gre", 65534: "none"}
_STATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_PROTOCOLS = {1: "redirect", 2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp", 186: "bgp", 188: "ospf"}
_PERMANENT = 0x80
_FOREVER = 0xFFFFFFFF
_LOCAL_TABLE = 255
_CLONED = 0x200
_VLAN = "vlan"
_OTHER_NAMESPACE = 37


def links(answers: Iterable[bytes]) -> list[Found]:
    """Links from answers to RTM_GETLINK."""
    found = []
    names = {}
    masters = {}
    below = {}
    for body in answers:
        if len(body) < _LINK.size:
            continue
        _, kind, index, _, _ = _LINK.unpack_from(body)
        fields = netlink.attributes(body[_LINK.size :])
        name = netlink.text(fields.get(3))
        if not name or index <= 0:
            continue
        names[index] = name
        state = netlink.number(fields.get(16))
        address = fields.get(1, b"") if kind != 772 else b""
        made_as = netlink.attributes(fields.get(18, b""))
        kind_name = netlink.text(made_as.get(1))
        link = pb.Link(
            index=index,
            type=_TYPES.get(kind, str(kind)),
            kind=kind_name,
            address=address[:20].hex(":") if address else "",
            state=_STATES[state] if state < len(_STATES) else str(state),
            carrier=netlink.number(fields.get(33)) == 1,
            mtu_bytes=netlink.number(fields.get(4)) & _FOREVER,
            vlan=netlink.number(netlink.attributes(made_as.get(2, b"")).get(1)) & 0xFFF if kind_name == _VLAN else 0,
        )
        counters = fields.get(23, b"")
        if len(counters) >= _STATISTICS.size:
            rx, tx, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped = _STATISTICS.unpack_from(counters)
            link.received_packets, link.sent_packets = rx, tx
            link.received_bytes, link.sent_bytes = rx_bytes, tx_bytes
            link.errors = min(rx_errors + tx_errors, (1 << 64) - 1)
            link.dropped = min(rx_dropped + tx_dropped, (1 << 64) - 1)
        masters[name] = netlink.number(fields.get(10))
        # In another namespace the number is that of another link; of a veth it is the other end.
        if _OTHER_NAMESPACE not in fields and kind_name != "veth":
            below[name] = netlink.number(fields.get(5))
        found.append(Found(name, link))
    for item in found:
        item.actual.master = names.get(masters[item.name], "")
        lower = below.get(item.name, 0)
        item.actual.below = names.get(lower, "") if lower != item.actual.index else ""
    return found


def names(found: Iterable[Found]) -> dict[int, str]:
    """Names of links by number."""
    return {item.actual.index: item.name for item in found}


def addresses(answers: Iterable[bytes], link: Mapping[int, str]) -> list[Found]:
    """Addresses from answers to RTM_GETADDR."""
    found = []
    for body in answers:
        if len(body) < _ADDRESS.size:
            continue
        family, length, short_flags, scope, index = _ADDRESS.unpack_from(body)
        fields = netlink.attributes(body[_ADDRESS.size :])
        text = _ip(family, fields.get(2) or fields.get(1))
        if not text:
            continue
        flags = netlink.number(fields.get(8)) or short_flags
        cache = fields.get(6, b"")
        valid = struct.unpack_from("=I", cache, 4)[0] if len(cache) >= 8 else _FOREVER
        name = link.get(index, str(index))
        address = pb.Address(
            link=name,
            address=f"{text}/{length}",
            family=_family(family),
            scope=_SCOPES.get(scope, str(scope)),
            valid_seconds=0 if valid == _FOREVER else valid,
            dynamic=not flags & _PERMANENT,
        )
        found.append(Found(f"{name}/{text}/{length}", address))
    return found


def routes(answers: Iterable[bytes], link: Mapping[int, str]) -> list[Found]:
    """Routes from answers to RTM_GETROUTE, but for those to the machine's own addresses."""
    found: dict[str, Found] = {}
    for body in answers:
        if len(body) < _ROUTE.size:
            continue
        family, length, _, _, table, protocol, scope, kind, flags = _ROUTE.unpack_from(body)
        fields = netlink.attributes(body[_ROUTE.size :])
        table = netlink.number(fields.get(15)) or table
        if table == _LOCAL_TABLE or flags & _CLONED or kind > 9 or _family(family) == 0:
            continue
        target = _ip(family, fields.get(1))
        destination = f"{target}/{length}" if target else "default"
        name = link.get(netlink.number(fields.get(4)), "")
        metric = netlink.number(fields.get(6)) & _FOREVER
        via = _via(fields.get(18, b""))
        route = pb.Route(
            destination=destination,
            gateway=_ip(family, fields.get(5)) or via,
            link=name,
            source=_ip(family, fields.get(7)),
            metric=metric,
            protocol=_PROTOCOLS.get(protocol, str(protocol)),
            scope=_SCOPES.get(scope, str(scope)),
            family=_family(family),
            table=table,
        )
        key = route_name(route, found)
        if key:
            found[key] = Found(key, route)
    return list(found.values())


def route_name(route: pb.Route, taken: Container[str]) -> str:
    """The shortest name of a route that is not `taken`; empty when all are.

    Most routes have one of their own by network and link.
    """
    title = f"{'default6' if route.destination == 'default' and route.family == 6 else route.destination}@{route.link}"
    parts = [title, f"metric-{route.metric}", f"table-{route.table}", route.gateway or "direct", route.source or "any"]
    return next((":".join(parts[:n]) for n in range(1, 6) if ":".join(parts[:n]) not in taken), "")


def _via(data: bytes) -> str:
    """The gateway of RTA_VIA: its family, then the address."""
    return _ip(netlink.number(data[:2]), data[2:]) if len(data) > 2 else ""


def _family(family: int) -> int:
    return {socket.AF_INET: 4, socket.AF_INET6: 6}.get(socket.AddressFamily(family), 0) if family in (2, 10) else 0


def _ip(family: int, data: bytes | None) -> str:
    """The address in an attribute; empty when it is none of its family."""
    size = {2: 4, 10: 16}.get(family, -1)
    return socket.inet_ntop(family, data) if data is not None and len(data) == size else ""


def _asked(kind: int) -> list[bytes]:
    # The body of each question is a header of zeros: of any family (rtnetlink(7)).
    return netlink.dump(netlink.ROUTE, kind, bytes(16 if kind == _GET_LINK else 12))


def read_links() -> list[Found]:
    """Every network interface."""
    return links(_asked(_GET_LINK))


def read_addresses(link: Mapping[int, str]) -> list[Found]:
    """Every address of every link; `link` are the links by number."""
    return addresses(_asked(_GET_ADDRESS), link)


def read_routes(link: Mapping[int, str]) -> list[Found]:
    """Every route of every table but the local one; `link` are the links by number."""
    return routes(_asked(_GET_ROUTE), link)
