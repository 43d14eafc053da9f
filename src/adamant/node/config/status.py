"""How the machine is compared with its config: each file, variable and unit, as it is to be and as it is."""

from collections.abc import Sequence
from typing import NamedTuple

from adamant.model.digest import sha256
from adamant.model.machine.secret import MASK
from adamant.node.config.host import Host
from adamant.node.config.rendered import File, Rendered
from adamant.node.systemd import Unit


class Status(NamedTuple):
    """One thing. `reason` is empty when both are the same."""

    kind: str
    name: str
    desired: str
    actual: str
    reason: str


def _digest(file: File, hidden: bool) -> str:
    return MASK if hidden else sha256(file.data)


def look(host: Host, wanted: Rendered, units: Sequence[Unit]) -> list[Status]:
    """Everything that `wanted` makes; `units` are those of the machine that it starts."""
    found = []
    for path, file in sorted(wanted.files.items()):
        there = host.read(path)
        hidden = not file.mode & 0o077  # a digest of a short secret is the secret
        desired, actual = _digest(file, hidden), _digest(there, hidden) if there else ""
        reason = ""
        if there is None:
            reason = "there is no such file"
        elif there.data != file.data:
            reason = "its contents are others"
        elif there.mode != file.mode:
            reason = f"its mode is {there.mode:o}, not {file.mode:o}"
        elif path in host.pending:
            reason = "who reads it was not told yet"
        found.append(Status("file", f"/{path}", desired, actual, reason))
    for name, value in sorted(wanted.sysctls.items()):
        actual = ", ".join(sorted({host.sysctl(one) or "" for one in host.expand(name)}))
        reason = "somebody else has set it" if actual else "this kernel has no such variable"
        found.append(Status("sysctl", name, value, actual, reason if host.differs(name, value) else ""))
    states = {unit.name: unit for unit in units}
    for name in sorted(wanted.started):
        unit = states.get(name)
        actual = f"{unit.active} ({unit.sub})" if unit else "unknown to systemd"
        runs = unit is not None and unit.active in {"active", "activating", "reloading"}
        # systemd forgets a unit that has ended well.
        runs |= name in wanted.ending and (unit is None or unit.active == "inactive")
        found.append(Status("unit", name, "active", actual, "" if runs else "its log says why: adamant node logs"))
    return found
