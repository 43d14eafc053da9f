"""Filters of packets: a few plain terms, compiled to a program of classic BPF (Linux, networking/filter.rst).

Pure. What holds of a program made here: it only jumps forward, and a packet too short for a test does not pass (the
kernel ends a program that reads behind the end of a packet as one that says no). Packets are Ethernet frames. A VLAN
tag is not seen: the kernel takes it off before.
"""

import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

from adamant.core import limits
from adamant.model.errors import InputError

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58, "sctp": 132}
ARP = "arp"
_WITH_PORTS = (6, 17, 132)
_ACCEPT, _REJECT = "accept", "reject"
_WHOLE = 0x40000

_LD_W, _LD_H, _LD_B = 0x20, 0x28, 0x30
_LD_H_X, _LDX_IP_HEADER = 0x48, 0xB1
_JA, _JEQ, _JSET, _RET = 0x05, 0x15, 0x45, 0x06


class Filter(NamedTuple):
    """Which packets are wanted. Values of one kind are alternatives, and every kind that has values must hold.

    A host or a port is that of the sender or the receiver. Packets of TCP from or to `but_port` are left out (0: none).
    """

    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    protocols: tuple[str, ...] = ()
    but_port: int = 0


class Instruction(NamedTuple):
    """One instruction (struct sock_filter)."""

    code: int
    if_true: int
    if_false: int
    value: int


class _Program:
    """Instructions with names for where they jump to; the next one, where a name is empty."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, str, str, int]] = []
        self._labels: dict[str, int] = {}

    def add(self, code: int, value: int, if_true: str = "", if_false: str = "") -> None:
        self._lines.append((code, if_true, if_false, value))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._lines)

    def any_of(self, values: Sequence[int], found: str, missed: str) -> None:
        """Jump to `found` when the accumulator is one of `values`, otherwise to `missed`."""
        for value in values:
            self.add(_JEQ, value, found)
        self.jump(missed)

    def jump(self, name: str) -> None:
        if name:
            self.add(_JA, 0, name)

    def finish(self) -> list[Instruction]:
        def distance(name: str, at: int) -> int:
            return self._labels[name] - at - 1 if name else 0

        made = []
        for at, (code, if_true, if_false, value) in enumerate(self._lines):
            if code == _JA:
                made.append(Instruction(code, 0, 0, distance(if_true, at)))
            else:
                made.append(Instruction(code, distance(if_true, at), distance(if_false, at), value))
        return made


def check(wanted: Filter) -> None:
    """Raise InputError `capture-filter` for what is no host, port or protocol, or too much of them."""
    for name, values in (("hosts", wanted.hosts), ("ports", wanted.ports), ("protocols", wanted.protocols)):
        if len(values) > limits.CAPTURE_TERMS:
            raise _wrong(f"more than {limits.CAPTURE_TERMS} {name}")
    for host in wanted.hosts:
        _address(host)
    for port in (*wanted.ports, wanted.but_port):
        if not 0 <= port < 1 << 16:
            raise _wrong(f"not a port: {port}")
    for protocol in wanted.protocols:
        if protocol not in PROTOCOLS and protocol != ARP:
            raise _wrong(f"not a protocol: {protocol[:40]!r}")


def _wrong(why: str) -> InputError:
    known = ", ".join([*PROTOCOLS, ARP])
    return InputError("capture-filter", why, hint=f"hosts are addresses, ports are numbers, protocols are {known}")


def _address(text: str) -> bytes:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
    raise _wrong(f"not an address: {text[:80]!r}")


def compile_filter(wanted: Filter) -> list[Instruction]:
    """The program that passes the packets of `wanted`, whole. Raises InputError `capture-filter`."""
    check(wanted)
    program = _Program()
    addresses = [_address(host) for host in wanted.hosts]
    four = [struct.unpack(">I", address)[0] for address in addresses if len(address) == 4]
    six = [struct.unpack(">4I", address) for address in addresses if len(address) == 16]
    numbers = [PROTOCOLS[name] for name in wanted.protocols if name in PROTOCOLS]
    no_ip = bool(wanted.protocols) and not numbers
    program.add(_LD_H, 12)
    program.add(_JEQ, 0x0800, "4")
    program.add(_JEQ, 0x86DD, "6")
    program.add(_JEQ, 0x0806, "arp")
    plain = not (wanted.hosts or wanted.ports or wanted.protocols)
    program.jump(_ACCEPT if plain else _REJECT)

    program.label("4")
    if no_ip or (addresses and not four):
        program.jump(_REJECT)
    else:
        _protocol(program, "4", 23, numbers)
        if four:
            program.add(_LD_W, 26)
            for address in four:
                program.add(_JEQ, address, "4-host")
            program.add(_LD_W, 30)
            program.any_of(four, "4-host", _REJECT)
            program.label("4-host")
        _ports(program, "4", 23, wanted)

    program.label("6")
    if no_ip or (addresses and not six):
        program.jump(_REJECT)
    else:
        _protocol(program, "6", 20, numbers)
        if six:
            _hosts6(program, six)
        _ports(program, "6", 20, wanted)

    program.label("arp")
    if wanted.ports or (wanted.protocols and ARP not in wanted.protocols) or (addresses and not four):
        program.jump(_REJECT)
    elif four:
        program.add(_LD_W, 28)
        for address in four:
            program.add(_JEQ, address, _ACCEPT)
        program.add(_LD_W, 38)
        program.any_of(four, _ACCEPT, _REJECT)
    else:
        program.jump(_ACCEPT)

    program.label(_ACCEPT)
    program.add(_RET, _WHOLE)
    program.label(_REJECT)
    program.add(_RET, 0)
    return program.finish()


def _protocol(program: _Program, name: str, at: int, numbers: Sequence[int]) -> None:
    if numbers:
        program.add(_LD_B, at)
        program.any_of(numbers, f"{name}-protocol", _REJECT)
        program.label(f"{name}-protocol")


def _hosts6(program: _Program, hosts: Sequence[tuple[int, ...]]) -> None:
    for number, host in enumerate(hosts):
        for side, at in (("from", 22), ("to", 38)):
            other = f"6-not-{number}-{side}"
            for word, value in enumerate(host):
                program.add(_LD_W, at + 4 * word)
                program.add(_JEQ, value, "", other)
            program.jump("6-host")
            program.label(other)
    program.jump(_REJECT)
    program.label("6-host")


def _ports(program: _Program, name: str, at: int, wanted: Filter) -> None:
    """The ports of a packet whose protocol stands at `at`. A later fragment has none, and belongs to no port."""
    if not wanted.ports and not wanted.but_port:
        program.jump(_ACCEPT)
        return
    portless = _REJECT if wanted.ports else _ACCEPT
    program.add(_LD_B, at)
    program.any_of(_WITH_PORTS if wanted.ports else _WITH_PORTS[:1], f"{name}-ports", portless)
    program.label(f"{name}-ports")
    if name == "4":
        program.add(_LD_H, 20)
        program.add(_JSET, 0x1FFF, portless)
        program.add(_LDX_IP_HEADER, 14)
        loads = ((_LD_H_X, 14), (_LD_H_X, 16))
    else:
        loads = ((_LD_H, 54), (_LD_H, 56))
    if wanted.but_port:
        program.add(_LD_B, at)
        program.add(_JEQ, 6, "", f"{name}-other")
        for code, offset in loads:
            program.add(code, offset)
            program.add(_JEQ, wanted.but_port, _REJECT)
        program.label(f"{name}-other")
    if not wanted.ports:
        program.jump(_ACCEPT)
        return
    for code, offset in loads:
        program.add(code, offset)
        for port in wanted.ports:
            program.add(_JEQ, port, _ACCEPT)
    program.jump(_REJECT)


def encode(program: Sequence[Instruction]) -> bytes:
    """The instructions as the kernel takes them."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
