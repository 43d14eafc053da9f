"""The network of a machine config as files of systemd-networkd (systemd.network(5), systemd.netdev(5))."""

from collections.abc import Iterator, Mapping

from adamant.model.machine.document import Dhcp, Interface, Network
from adamant.node.config.rendered import File

FOLDER = "run/systemd/network"
DEFAULT = "90-adamant-dhcp.network"
_QUIET = ("LLDP=no", "LLMNR=no", "MulticastDNS=no")


def netdevs(network: Network) -> dict[str, str]:
    """The devices that the config makes, each with the path of its file."""
    return {
        one.name: _path(index, one, "netdev")
        for index, one in enumerate(network.interfaces)
        if one.name and (one.vlan or one.bond or one.bridge)
    }


def files(network: Network) -> dict[str, File]:
    """The files. Numbers below 90 come before the image's own, which has every link ask by DHCP."""
    owners = {
        link: (key, one.name or "")
        for one in network.interfaces
        for key, links in (
            ("Bond", one.bond.links if one.bond else ()),
            ("Bridge", one.bridge.links if one.bridge else ()),
        )
        for link in links
    }
    vlans: dict[str, list[str]] = {}
    for one in network.interfaces:
        if one.vlan and one.name:
            vlans.setdefault(one.vlan.link, []).append(one.name)
    # Where links are named, no other asks for an address: an empty file stands for the image's own.
    found: dict[str, File] = {f"{FOLDER}/{DEFAULT}": File(b"")} if network.interfaces else {}
    for index, one in enumerate(network.interfaces):
        if one.vlan or one.bond or one.bridge:
            found[_path(index, one, "netdev")] = _file(_netdev(one))
        owner = owners.pop(one.name or "", None)
        below = vlans.pop(one.name or "", [])
        found[_path(index, one, "network")] = _file(_network(one, owner, below))
    # Links that stand in no section of their own, but below another.
    for link in sorted(owners.keys() | vlans.keys()):
        plain = Interface(name=link, dhcp=Dhcp.NO)
        found[f"{FOLDER}/70-{link}.network"] = _file(_network(plain, owners.get(link), vlans.get(link, [])))
    return found


def _path(index: int, one: Interface, kind: str) -> str:
    name = one.name or (one.mac or "").replace(":", "")
    return f"{FOLDER}/{10 + index:02}-{name}.{kind}" if index < 60 else f"{FOLDER}/69-{index:03}-{name}.{kind}"


def _file(lines: Iterator[str]) -> File:
    return File(("\n".join(lines) + "\n").encode())


def _netdev(one: Interface) -> Iterator[str]:
    kind = "vlan" if one.vlan else "bond" if one.bond else "bridge"
    yield from ("[NetDev]", f"Name={one.name}", f"Kind={kind}")
    if one.mtu:
        yield f"MTUBytes={one.mtu}"
    if one.vlan:
        yield from ("[VLAN]", f"Id={one.vlan.id}")
    elif one.bond:
        yield from ("[Bond]", f"Mode={one.bond.mode.value}", "MIIMonitorSec=100ms")
    elif one.bridge:
        yield from ("[Bridge]", f"STP={_word(one.bridge.stp)}")


def _network(one: Interface, owner: tuple[str, str] | None, vlans: list[str]) -> Iterator[str]:
    yield "[Match]"
    # A VLAN on a card has the card's address too: the kind tells them apart.
    yield from ((f"Name={one.name}",) if one.name else (f"MACAddress={one.mac}", "Kind=!*"))
    if one.mtu or not one.required:
        yield "[Link]"
    if one.mtu:
        yield f"MTUBytes={one.mtu}"
    if not one.required:
        yield "RequiredForOnline=no"
    yield "[Network]"
    yield from _QUIET
    if owner:
        yield from (f"{owner[0]}={owner[1]}", "LinkLocalAddressing=no", "IPv6AcceptRA=no")
    else:
        dhcp = one.dhcp or (Dhcp.NO if one.addresses else Dhcp.YES)
        yield f"DHCP={dhcp.value}"
        if dhcp in {Dhcp.NO, Dhcp.IPV4} and one.addresses:
            yield "IPv6AcceptRA=no"  # addresses of its own are all that it has
    if one.bridge and not one.bridge.links:
        yield "ConfigureWithoutCarrier=yes"  # what joins it comes later, and wants to find its address
    yield from (f"VLAN={vlan}" for vlan in vlans)
    yield from (f"Address={address}" for address in one.addresses)
    for route in one.routes:
        yield "[Route]"
        if route.via:
            yield f"Gateway={route.via}"
            if not one.addresses:
                yield "GatewayOnLink=yes"  # whether it is in reach, only DHCP will tell
        if route.to:
            yield f"Destination={route.to}"
        if route.metric is not None:
            yield f"Metric={route.metric}"
    if one.dhcp is not Dhcp.NO and not owner:
        yield from ("[DHCP]", "UseDomains=route")


def _word(value: bool) -> str:
    return "yes" if value else "no"


def resolver(network: Network) -> Mapping[str, File]:
    """The file of systemd-resolved (resolved.conf(5)), when the config says anything of names."""
    dns = network.dns
    lines = []
    if dns.servers:
        lines.append(f"DNS={' '.join(dns.servers)}")
    if dns.search:
        lines.append(f"Domains={' '.join(dns.search)}")
    if dns.over_tls:
        lines.append("DNSOverTLS=yes")
    path = "run/systemd/resolved.conf.d/50-adamant-config.conf"
    return {path: _file(iter(["[Resolve]", *lines]))} if lines else {}
