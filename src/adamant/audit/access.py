"""Judges of who gets in: logins, SSH, passwords, keys and certificates."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from adamant.audit.facts import ImageFacts, NodeFacts, names
from adamant.audit.programs import called
from adamant.audit.rule import Breach
from adamant.compose.programs import SHELLS
from adamant.core import limits

LOGIN = names("agetty doas getty login mgetty mingetty newgrp pkexec sg su sudo sudoedit sulogin ssh-keysign")
REMOTE = names("dropbear in.rlogind in.rshd in.telnetd rlogind rshd sshd sshd-auth sshd-session telnetd tinysshd")
_LOGIN_UNIT = re.compile(
    r"(?:autovt@.*|console-getty|container-getty@.*|debug-shell|dropbear.*|emergency|getty@.*|rescue|serial-getty@.*"
    r"|ssh(?:d|@.*)?|telnet.*)\.(?:service|socket)"
)
_LAST_RESORTS = frozenset({"debug-shell.service", "emergency.service", "rescue.service"})
_GIVES_SHELL = SHELLS | {"sulogin", "systemd-sulogin-shell", "agetty", "login"}
_KEYS_ONLY = {
    "passwordauthentication": ("yes", {"no"}),
    "kbdinteractiveauthentication": ("yes", {"no"}),
    "permitemptypasswords": ("no", {"no"}),
    "permitrootlogin": ("prohibit-password", {"no", "prohibit-password", "without-password", "forced-commands-only"}),
}
"""Settings of sshd: what they are when nobody sets them, and what is good (sshd_config(5))."""
CERTIFICATE_DAYS = 398
"""The longest life of a certificate that is no authority (CA/Browser Forum, Baseline Requirements 6.3.2)."""
_DAY_USEC = 86_400_000_000


def login_programs(facts: ImageFacts) -> Iterator[Breach]:
    """Nothing lets a person in at a console, or lets one become another."""
    for found in called(facts.inside(), LOGIN):
        yield Breach(f"/usr/{found.path}", "it lets a person in, or lets one become another")


def remote_login(facts: ImageFacts) -> Iterator[Breach]:
    """Nothing lets a person in over the network."""
    for found in called(facts.inside(), REMOTE):
        yield Breach(f"/usr/{found.path}", "it lets a person in over the network")


def login_units_image(facts: ImageFacts) -> Iterator[Breach]:
    """No unit that starts at boot lets a person in."""
    for unit in facts.inside().units:
        if unit.starts and not unit.masked and _LOGIN_UNIT.fullmatch(unit.name) and unit.name not in _LAST_RESORTS:
            yield Breach(unit.name, "it starts at boot and lets a person in")


def login_units_node(facts: NodeFacts) -> Iterator[Breach]:
    """No such unit runs."""
    for unit in facts.tell(facts.units, "services"):
        if unit.active in ("active", "activating") and _LOGIN_UNIT.fullmatch(unit.name):
            yield Breach(unit.name, "it runs and lets a person in")


def emergency_shell(facts: ImageFacts) -> Iterator[Breach]:
    """A boot that fails gives no shell."""
    for unit in facts.inside().units:
        if unit.name not in _LAST_RESORTS or unit.masked:
            continue
        shells = [program for program in unit.programs if program.rpartition("/")[2] in _GIVES_SHELL]
        if shells:
            yield Breach(unit.name, f"it gives a shell: {shells[0]}")


def ssh_keys_only(facts: ImageFacts) -> Iterator[Breach]:
    """SSH takes keys and no passwords."""
    settings = facts.inside().sshd
    if settings is None:
        return
    for name, (default, good) in _KEYS_ONLY.items():
        value = settings.get(name, default)
        if value not in good:
            yield Breach("sshd_config", f"{name} is {value}")


def passwords(facts: ImageFacts) -> Iterator[Breach]:
    """No account of the image has a password, or needs none."""
    for name in facts.inside().passwords:
        yield Breach("/etc/shadow", f"the account {name} has a password that everybody with the image can try, or none")


def private_keys(facts: ImageFacts) -> Iterator[Breach]:
    """No private key lies in the image."""
    for path in facts.inside().private_keys:
        yield Breach(f"/usr/{path}", "it holds a private key, which everybody with the image can read")


def certificates_hold(facts: NodeFacts) -> Iterator[Breach]:
    """Certificates hold now, and for a while yet."""
    for held in facts.tell(facts.certificates, "certificates"):
        ends = _date(held.ends_usec)
        if held.ends_usec < facts.now_usec:
            yield Breach(held.name, f"it ended on {ends}")
        elif held.ends_usec < facts.now_usec + limits.EXPIRY_DAYS * _DAY_USEC:
            yield Breach(held.name, f"it ends on {ends}: adamant node renew")
        elif held.begins_usec > facts.now_usec:
            yield Breach(held.name, f"it begins to hold on {_date(held.begins_usec)}")


def certificates_short(facts: NodeFacts) -> Iterator[Breach]:
    """Certificates are renewed, not kept. They begin long ago, for clocks that are wrong: what is left counts."""
    for held in facts.tell(facts.certificates, "certificates"):
        days = (held.ends_usec - facts.now_usec) // _DAY_USEC
        if not held.authority and days > CERTIFICATE_DAYS:
            yield Breach(held.name, f"it holds for {days} days more, which is above {CERTIFICATE_DAYS}")


def _date(usec: int) -> str:
    try:
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(microseconds=usec):%Y-%m-%d}"
    except OverflowError:
        return str(usec)
