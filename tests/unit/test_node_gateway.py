"""Whether a machine can be reached: its default gateways, read from the kernel's tables."""

import socket
from pathlib import Path

import pytest

from adamant.node.config import gateway
from adamant.node.config.gateway import Gateway

ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0202000A\t0003\t0\t0\t1024\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t1024\t00FFFFFF\t0\t0\t0
eth1\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
"""
ROUTE6 = """\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000002 00000400 \
00000001 00000000 00450003     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 \
00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff \
00000001 00000000 00200200       lo
"""
ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.2.2         0x1         0x2         52:55:0a:00:02:02     *        eth0
10.0.2.9         0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_the_default_gateways_are_found_and_nothing_else() -> None:
    assert gateway.gateways(ROUTE, ROUTE6) == [Gateway("10.0.2.2", "eth0"), Gateway("fe80::2", "eth0")]
    assert gateway.gateways("", "") == []


def test_only_neighbours_that_have_answered_count() -> None:
    assert gateway.neighbours(ARP) == {"10.0.2.2"}


def _machine(root: Path, route: str, arp: str = "") -> Path:
    (root / "proc/net").mkdir(parents=True)
    (root / "proc/net/route").write_text(route)
    (root / "proc/net/arp").write_text(arp)
    return root


def test_a_machine_without_a_way_out_says_so(tmp_path: Path) -> None:
    assert gateway.missing(_machine(tmp_path, "Iface\n")) == {"gateway": "there is no default gateway"}


def _loopback(route: str) -> str:
    return route.replace("0202000A", "0100007F").replace("eth0", "lo")


def test_a_gateway_that_refuses_a_datagram_is_there(tmp_path: Path) -> None:
    assert gateway.missing(_machine(tmp_path, _loopback(ROUTE))) == {}


def test_a_gateway_that_says_nothing_must_have_been_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setattr(gateway, "_DISCARD", silent.getsockname()[1])
        root = _machine(tmp_path, _loopback(ROUTE))
        assert gateway.missing(root) == {"gateway-ipv4": "no default gateway answers: 127.0.0.1 on lo"}
        (root / "proc/net/arp").write_text(ARP.replace("10.0.2.2 ", "127.0.0.1 "))
        assert gateway.missing(root) == {}
