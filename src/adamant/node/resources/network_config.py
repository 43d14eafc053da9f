"""Links, addresses and routes as they are, beside what the config says of them.

What the config leaves to others is no part of it: what a server gives by DHCP, and links that it does not name.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence

from adamant.api import resources_pb2 as pb
from adamant.model.machine.document import Interface, Network, Route
from adamant.node.resources import network
from adamant.node.resources.desired import Wanted, beside, config
from adamant.node.resources.found import Found, Sources

_MAIN = 254
_METRIC_6 = 1024
"""What the kernel takes for a route of IPv6 with the metric 0 (include/net/ip6_fib.h, IP6_RT_PRIO_USER)."""


def named(config: Network, links: Sequence[Found]) -> Iterator[tuple[str, Interface]]:
    """The interfaces of the config with the names of their links; with their hardware address while there is no link.

    As in networkd, a hardware address means the hardware, not what is made on top of it and has the same address.
    """
    hardware = {item.actual.address: item.name for item in links if not item.actual.kind}
    for one in config.interfaces:
        yield one.name or hardware.get(one.mac or "", one.mac or ""), one


def wanted_links(config: Network, links: Sequence[Found]) -> dict[str, Wanted]:
    """What the config says of links."""
    made: dict[str, pb.Link] = {}
    silent = {item.name for item in links if item.actual.state == "unknown"}
    for name, one in named(config, links):
        link = made.setdefault(name, pb.Link())
        link.MergeFrom(pb.Link(address=one.mac or "", mtu_bytes=one.mtu or 0))
        if one.vlan:
            link.MergeFrom(pb.Link(kind="vlan", vlan=one.vlan.id, below=one.vlan.link))
        elif one.bond or one.bridge:
            link.kind = "bond" if one.bond else "bridge"
        # A bridge that nothing has joined is down, and so may be what nobody waits for; some drivers never say.
        if one.required and not (one.bridge and not one.bridge.links) and name not in silent:
            link.state = "up"
        for member in (*(one.bond.links if one.bond else ()), *(one.bridge.links if one.bridge else ())):
            made.setdefault(member, pb.Link()).master = name
    return {name: Wanted(link, "there is no such link") for name, link in made.items() if link.ListFields()}


def wanted_addresses(config: Network, links: Sequence[Found], found: Sequence[Found]) -> dict[str, Wanted]:
    """The addresses that the config gives to links."""
    holders = {item.actual.address: item.actual.link for item in found}
    made = {}
    for name, one in named(config, links):
        for text in one.addresses:
            address = ipaddress.ip_interface(text)
            plain = address.with_prefixlen
            absent = f"{holders[plain]} has it" if plain in holders else "no link has it"
            made[f"{name}/{plain}"] = Wanted(pb.Address(link=name, address=plain, family=address.version), absent)
    return made


def _route(link: str, route: Route) -> pb.Route:
    to = ipaddress.ip_network(route.to) if route.to else None
    via = ipaddress.ip_address(route.via) if route.via else None
    family = to.version if to else via.version if via else 4
    metric = _METRIC_6 if route.metric == 0 and family == 6 else route.metric or 0
    return pb.Route(
        destination=to.with_prefixlen if to and to.prefixlen else "default",
        gateway=str(via) if via else "",
        link=link,
        metric=metric,
        family=family,
        table=_MAIN,
    )


def _is(actual: pb.Route, asked: pb.Route, any_metric: bool) -> bool:
    """Whether a route is the one that is asked for."""
    fields = ["destination", "gateway", "link", "family", "table", *([] if any_metric else ["metric"])]
    return all(getattr(actual, field) == getattr(asked, field) for field in fields)


def wanted_routes(config: Network, links: Sequence[Found], found: Sequence[Found]) -> dict[str, Wanted]:
    """The routes that the config adds to links."""
    made: dict[str, Wanted] = {}
    taken = {item.name for item in found}
    for link, one in named(config, links):
        for route in one.routes:
            asked = _route(link, route)
            same = (item.name for item in found if _is(item.actual, asked, route.metric is None))
            name = next((name for name in same if name not in made), "") or network.route_name(asked, taken)
            taken.add(name)
            if name:
                made[name] = Wanted(asked, "there is no such route")
    return made


def collect_links(sources: Sources) -> list[Found]:
    """Every network interface, and those that the config wants."""
    links = network.read_links()
    return beside(links, wanted_links(config(sources.root).network, links))


def collect_addresses(sources: Sources) -> list[Found]:
    """Every address of every link, and those that the config wants."""
    links, found = _with_links(network.read_addresses)
    return beside(found, wanted_addresses(config(sources.root).network, links, found))


def collect_routes(sources: Sources) -> list[Found]:
    """Every route of every table but the local one, and those that the config wants."""
    links, found = _with_links(network.read_routes)
    return beside(found, wanted_routes(config(sources.root).network, links, found))


def _with_links(read: Callable[[Mapping[int, str]], list[Found]]) -> tuple[list[Found], list[Found]]:
    links = network.read_links()
    return links, read(network.names(links))
