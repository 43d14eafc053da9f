"""Where names are asked for, as systemd-resolved and systemd-networkd write it below /run/systemd.

`all` is /run/systemd/resolve/resolv.conf (resolv.conf(5)), the servers of all links together; a link's own stand in
/run/systemd/netif/links/INDEX.
"""

import socket
from pathlib import Path

from adamant.api import resources_pb2 as pb
from adamant.node.resources import keyed
from adamant.node.resources.found import Found, Sources

FILE = "run/systemd/resolve/resolv.conf"
LINKS = "run/systemd/netif/links"


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


def collect(sources: Sources) -> list[Found]:
    """Resolvers of all links together, and of each link that has its own."""
    found = [Found("all", parse(keyed.text(sources.root / FILE)))]
    folder = sources.root / LINKS
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        link = _name(sources.root, path.name)
        resolver = parse_link(keyed.text(path), link)
        if resolver.servers or resolver.domains:
            found.append(Found(link, resolver))
    return found
