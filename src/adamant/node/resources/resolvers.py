"""Where names are asked for, as systemd-resolved and systemd-networkd write it below /run/systemd.

`all` is /run/systemd/resolve/resolv.conf (resolv.conf(5)), the servers of all links together; a link's own stand in
/run/systemd/netif/links/INDEX.
"""

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.model.machine.document import Dns
from adamant.node.resources import keyed
from adamant.node.resources.desired import Wanted, beside, config
from adamant.node.resources.found import Found, Sources

FILE = "run/systemd/resolve/resolv.conf"
LINKS = "run/systemd/netif/links"
ALL = "all"


def parse(content: str) -> pb.Resolver:
    """Servers and search domains of a resolv.conf."""
    servers, domains = [], []
    for line in content.splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1:
            servers.append(words[1])
        elif words[:1] in (["search"], ["domain"]):
            domains = [word for word in words[1:] if word != "."]
    return pb.Resolver(servers=servers, domains=domains)


def parse_link(content: str, link: str) -> pb.Resolver:
    """Servers and domains in networkd's file of a link."""
    fields = keyed.pairs(content)
    domains = fields.get("DOMAINS", "").split() + [f"~{name}" for name in fields.get("ROUTE_DOMAINS", "").split()]
    return pb.Resolver(servers=fields.get("DNS", "").split(), domains=domains, link=link)


def _name(root: Path, index: str) -> str:
    try:
        return socket.if_indextoname(int(index)) if root == Path("/") else index
    except (OSError, ValueError):
        return index


def judge(found: Sequence[Found], dns: Dns) -> list[Found]:
    """The same with what the config says of `all`. Domains with ~ are not searched: resolv.conf has none of them."""
    domains = [domain for domain in dns.search if not domain.startswith("~")]
    asked = pb.Resolver(servers=[_plain(server) for server in dns.servers], domains=domains)
    return beside(found, {ALL: Wanted(asked, "")} if asked.ListFields() else {})


def _plain(server: str) -> str:
    """An address as the system writes it."""
    try:
        return str(ipaddress.ip_address(server))
    except ValueError:
        return server


def collect(sources: Sources) -> list[Found]:
    """Resolvers of all links together, and of each link that has its own."""
    found = [Found(ALL, parse(keyed.text(sources.root / FILE)))]
    folder = sources.root / LINKS
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        link = _name(sources.root, path.name)
        resolver = parse_link(keyed.text(path), link)
        if resolver.servers or resolver.domains:
            found.append(Found(link, resolver))
    return judge(found, config(sources.root).network.dns)
