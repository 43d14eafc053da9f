"""Which programs a posture takes from an image, and which it leaves."""

from dataclasses import replace

import pytest

from adamant.compose import entries, programs
from adamant.model.errors import InputError
from adamant.model.posture import Posture
from adamant.model.tree import Entry, Kind, Tree

ELF = b"\x7fELF\x02"


def _program(path: str, package: str, data: bytes = ELF, mode: int = 0o755) -> Entry:
    return replace(entries.file(path, data, mode), package=package)


def _link(path: str, target: str) -> Entry:
    return Entry(path, Kind.SYMLINK, 0o777, target=target)


def tree() -> Tree:
    found = [
        _program("usr/lib/adamant/run", ""),
        _program("usr/lib/probe/mine", ""),
        _program("usr/bin/containerd", "containerd"),
        _program("usr/bin/containerd-shim", "containerd"),
        _program("usr/bin/dbus-broker", "dbus-broker"),
        _program("usr/bin/mount", "mount", mode=0o4755),
        _program("usr/bin/nsenter", "util-linux"),
        _program("usr/bin/su", "util-linux", mode=0o4755),
        _program("usr/bin/python3.13", "python3.13-minimal"),
        _link("usr/bin/python3", "python3.13"),
        _link("usr/bin/python", "../../bin/python3"),
        _program("usr/bin/mawk", "mawk"),
        _link("etc/alternatives/awk", "/usr/bin/mawk"),
        _link("usr/bin/awk", "/etc/alternatives/awk"),
        _program("usr/bin/ip", "iproute2"),
        _program("usr/bin/routel", "iproute2", b"#!/usr/bin/python3\n"),
        _program("usr/bin/locate", "locate", mode=0o2755),
        _program("etc/nftables.conf", "nftables", b"#!/usr/sbin/nft -f\n"),
        _program("usr/lib/x86_64-linux-gnu/libc.so.6", "libc6"),
        _program("usr/lib/systemd/systemd-logind", "systemd"),
        _program("usr/lib/systemd/systemd-networkd", "systemd"),
        _program("usr/lib/systemd/systemd-sulogin-shell", "systemd"),
        _program("usr/lib/systemd/system-generators/systemd-fstab-generator", "systemd"),
        _program("usr/lib/python3/dist-packages/securesystemslib/exceptions.py", "python3-securesystemslib", b'"""E'),
        entries.file("usr/share/doc/su", "a text"),
    ]
    return {entry.path: entry for entry in found}


LISTED = ("containerd", "iproute2", "locate")


def lost(posture: Posture, *listed: str) -> set[str]:
    return set(programs.apply(tree(), posture, (*LISTED, *listed)).dropped)


def test_a_message_bus_is_where_the_posture_or_the_definition_has_one() -> None:
    assert [posture for posture in Posture if "usr/bin/dbus-broker" in lost(posture)] == [Posture.SEALED]
    sealed = {"usr/lib/systemd/systemd-logind", "usr/bin/dbus-broker"}
    assert sealed <= lost(Posture.SEALED)
    assert not sealed & lost(Posture.SEALED, "dbus-broker")


def test_every_posture_does_without_what_nothing_starts() -> None:
    for posture in Posture:
        assert "usr/bin/containerd-shim" in lost(posture)


def test_open_loses_nothing_else() -> None:
    assert lost(Posture.OPEN) == {"usr/bin/containerd-shim"}


def test_guarded_has_no_interpreter_and_no_login_and_no_link_that_leads_to_one() -> None:
    assert lost(Posture.GUARDED) == {
        "usr/bin/containerd-shim",
        "usr/bin/python3.13",
        "usr/bin/python3",
        "usr/bin/python",
        "usr/bin/mawk",
        "etc/alternatives/awk",
        "usr/bin/awk",
        "usr/bin/su",
        "usr/lib/systemd/systemd-sulogin-shell",
    }
    assert programs.apply(tree(), Posture.GUARDED, LISTED).changed == ()


def test_guarded_keeps_an_interpreter_that_is_listed() -> None:
    assert not lost(Posture.GUARDED, "python3") & {"usr/bin/python3.13", "usr/bin/python3", "usr/bin/python"}


def test_sealed_keeps_of_the_base_what_is_started_and_of_others_all_but_scripts() -> None:
    assert set(tree()) - lost(Posture.SEALED) == {
        "usr/lib/adamant/run",
        "usr/lib/probe/mine",
        "usr/bin/containerd",
        "usr/bin/mount",
        "usr/bin/ip",
        "usr/bin/locate",
        "etc/nftables.conf",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/systemd/systemd-networkd",
        "usr/lib/python3/dist-packages/securesystemslib/exceptions.py",
        "usr/share/doc/su",
    }


def test_sealed_has_no_interpreter_even_when_it_is_listed() -> None:
    assert "usr/bin/python3.13" in lost(Posture.SEALED, "python3")


def test_sealed_gives_nobody_anothers_rights_and_starts_no_script() -> None:
    changed = {entry.path: entry.mode for entry in programs.apply(tree(), Posture.SEALED, LISTED).changed}
    assert changed == {
        "usr/bin/mount": 0o755,
        "usr/bin/locate": 0o755,
        "etc/nftables.conf": 0o644,
        "usr/lib/python3/dist-packages/securesystemslib/exceptions.py": 0o644,  # as Debian's package has it: 0755
    }


@pytest.mark.parametrize("path", ["usr/bin/bash", "usr/bin/sh", "usr/sbin/busybox"])
def test_a_shell_in_a_sealed_image_is_an_error(path: str) -> None:
    found = {path: _program(path, "bash")}
    with pytest.raises(InputError, match="shell-in-posture"):
        programs.require_none(found, Posture.SEALED)
    programs.require_none(found, Posture.GUARDED)
