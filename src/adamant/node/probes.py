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
from pathlib import Path

from adamant.api import node_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.model.machine.document import HealthCheck, HttpCheck, TcpCheck
from adamant.model.machine.measures import seconds_of
from adamant.node.health import FAILING, OK, Check
from adamant.node.systemd import Systemd

PREFIX = "config:"
"""Before the name of each, so that none takes the place of a check of ours."""


def run(checks: Sequence[HealthCheck], root: Path) -> list[Check]:
    """Every check, in their order. `root` is `/` of the machine, whose containerd is asked."""
    if not checks:
        return []
    with ThreadPoolExecutor(min(len(checks), limits.HEALTH_PROBES), thread_name_prefix="probe") as pool:
        return list(pool.map(lambda check: _run(check, root), checks))


def _run(check: HealthCheck, root: Path) -> Check:
    name = f"{PREFIX}{check.name}"
    seconds = min(seconds_of(check.timeout), limits.HEALTH_PROBE_SECONDS)
    try:
        if check.unit is not None:
            return Check(name, *_unit(check.unit))
        if check.http is not None:
            return Check(name, *_http(check.http, seconds))
        if check.tcp is not None:
            return Check(name, *_tcp(check.tcp, seconds))
        return Check(name, *_container(check.container or "", root))
    except (OSError, http.client.HTTPException, ValueError, AdamantError) as error:
        return Check(name, FAILING, f"no answer: {error}")


def _unit(name: str) -> tuple[pb.CheckState, str]:
    with Systemd() as systemd:
        found = next((unit for unit in systemd.units([], [name]) if unit.load == "loaded"), None)
    if found is None:
        return FAILING, f"there is no unit {name}"
    return (OK if found.active == "active" else FAILING), f"{name} is {found.active} ({found.sub})"


def _container(name: str, root: Path) -> tuple[pb.CheckState, str]:
    """A container of the config runs when containerd says so: its unit runs also while it pulls the image."""
    from adamant.node.containerd import tasks_pb2  # noqa: PLC0415 - few machines have such checks
    from adamant.node.containerd.connection import Containerd  # noqa: PLC0415
    from adamant.node.containers.runtime import HOST, WORKLOAD  # noqa: PLC0415
    from adamant.node.containers.spec import unit  # noqa: PLC0415

    runtime = HOST if (root / HOST.spec(name)).exists() else WORKLOAD
    with Containerd(root, runtime) as containerd:
        request, response = tasks_pb2.ListTasksRequest(), tasks_pb2.ListTasksResponse
        tasks = containerd.call("tasks.v1.Tasks/List", request, response, runtime.namespace).tasks
    found = next((task for task in tasks if name in {task.container_id, task.id}), None)
    if found is not None and found.status == tasks_pb2.STATUS_RUNNING:
        return OK, f"{name} runs"
    return FAILING, f"{name} does not run: adamant node logs {unit(name)} says more"


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
