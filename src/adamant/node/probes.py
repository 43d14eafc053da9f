"""The checks that a machine config adds to a machine's health: units that run, connections and pages that answer.

Each runs when health is asked for, all at once, each with a time of its own that is shorter than a client's patience. A
check that cannot be made does not hold: nothing here raises.
"""

import http.client
import socket
import time
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from adamant.api import node_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.model.machine import quantity
from adamant.model.machine.document import HealthCheck, HttpCheck, TcpCheck
from adamant.node.health import FAILING, OK, Check
from adamant.node.systemd import Systemd

PREFIX = "config:"
"""Before the name of each, so that none takes the place of a check of ours."""


def run(checks: Sequence[HealthCheck]) -> list[Check]:
    """Every check, in their order."""
    if not checks:
        return []
    with ThreadPoolExecutor(min(len(checks), limits.HEALTH_PROBES), thread_name_prefix="probe") as pool:
        return list(pool.map(_run, checks))


def _run(check: HealthCheck) -> Check:
    name = f"{PREFIX}{check.name}"
    seconds = min(quantity.seconds(check.timeout), limits.HEALTH_PROBE_SECONDS)
    try:
        if check.unit is not None:
            return Check(name, *_unit(check.unit))
        if check.http is not None:
            return Check(name, *_http(check.http, seconds))
        if check.tcp is not None:
            return Check(name, *_tcp(check.tcp, seconds))
    except (OSError, http.client.HTTPException, ValueError, AdamantError) as error:
        return Check(name, FAILING, f"no answer: {error}")
    return Check(name, FAILING, "this version cannot make such a check")


def _unit(name: str) -> tuple[pb.CheckState, str]:
    with Systemd() as systemd:
        found = next((unit for unit in systemd.units([], [name]) if unit.load == "loaded"), None)
    if found is None:
        return FAILING, f"there is no unit {name}"
    return (OK if found.active == "active" else FAILING), f"{name} is {found.active} ({found.sub})"


def _tcp(check: TcpCheck, seconds: float) -> tuple[pb.CheckState, str]:
    begin = time.monotonic()
    with socket.create_connection((check.host, check.port), timeout=seconds):
        return OK, f"{check.host}:{check.port} answers after {time.monotonic() - begin:.2f} s"


def _http(check: HttpCheck, seconds: float) -> tuple[pb.CheckState, str]:
    parts = urllib.parse.urlsplit(check.url)
    if parts.hostname is None:
        return FAILING, f"{check.url} names no host"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=seconds)
    try:
        path = parts.path or "/"
        connection.request("GET", f"{path}?{parts.query}" if parts.query else path, headers={"User-Agent": "adamant"})
        status = connection.getresponse().status
    finally:
        connection.close()
    return (OK if status == check.status else FAILING), f"{check.url} answers {status}"
