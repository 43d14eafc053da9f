"""Facts of a node are made of what it says, in whatever form it says it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adamant.api.resources import Resource
from adamant.audit import node, report
from adamant.audit.facts import Held, Listening, LoadedModule, Mounted, Running, UnitState
from adamant.audit.rules import RULES
from tests.unit import audit_facts as made


def resource(name: str, actual: dict[str, Any] | None, desired: dict[str, Any] | None = None) -> Resource:
    return Resource(name, actual, desired, "")


def facts(kind: str, *resources: Resource) -> Any:
    return node.MAKERS[kind](resources)


def test_sockets_that_take_what_comes_are_listening() -> None:
    found = facts(
        "sockets",
        resource("a", {"type": "tcp6", "state": "listen", "local": "[::]:4510", "cgroup": "/system.slice/a.service"}),
        resource("b", {"type": "tcp", "state": "established", "local": "10.0.0.1:4510", "remote": "10.0.0.2:9"}),
        resource("c", {"type": "udp", "state": "open", "local": "10.0.2.15:68", "remote": "", "cgroup": ""}),
        resource("d", {"type": "udp", "state": "open", "local": "10.0.2.15:68", "remote": "10.0.2.2:67"}),
        resource("e", {"type": "unix", "state": "listen", "local": "/run/x"}),
    )
    assert found == (Listening("tcp", "::", 4510, "a.service"), Listening("udp", "10.0.2.15", 68, ""))


def test_processes_belong_to_the_unit_of_their_control_group() -> None:
    found = facts(
        "processes",
        resource("2", {"name": "kthreadd", "parent": 0}),
        resource("7", {"name": "kworker", "parent": 2}),
        resource("1", {"name": "systemd", "user": "root", "cgroup": "/init.scope", "capabilities": ["CAP_BPF"]}),
        resource("9", {"name": "x", "user": "u", "cgroup": "/system.slice/system-a.slice/a@b.service/sub"}),
    )
    assert found == (
        Running(1, "systemd", "root", "init.scope", frozenset({"CAP_BPF"})),
        Running(9, "x", "u", "a@b.service", frozenset()),
    )


def test_arguments_keep_their_order_and_those_that_stand_twice() -> None:
    found = facts(
        "kernel-arguments",
        resource("pti#3", {"value": "off", "position": 3}),
        resource("pti", {"value": "on", "position": 2}),
        resource("slab-nomerge", {"value": "", "position": 1}),
    )
    assert found == {"slab_nomerge": ("",), "pti": ("on", "off")}


def test_other_kinds_become_facts() -> None:
    assert facts("mounts", resource("/", {"type": "overlay", "access": "read-only", "options": ["ro"]})) == (
        Mounted("/", "overlay", False, frozenset({"ro"})),
    )
    assert facts("services", resource("a.service", {"active": "active"}, {"active": "active"})) == (
        UnitState("a.service", "active", wanted=True),
    )
    own = resource("b", {"signed": True, "file": "updates/mine/b.ko", "foreign": True})
    assert facts("modules", resource("a", {"signed": True, "file": "kernel/a.ko", "foreign": False}), own) == (
        LoadedModule("a", signed=True, file="kernel/a.ko"),
        LoadedModule("b", signed=True, file="updates/mine/b.ko", foreign=True),
    )
    assert facts("certificates", resource("a", {"not_before_usec": 1, "not_after_usec": 2, "authority": True})) == (
        Held("a", 1, 2, authority=True),
    )
    assert facts("protections", resource("lockdown", {"state": "none"})) == {"lockdown": "none"}


def test_what_should_be_and_is_not_there_is_no_fact() -> None:
    waiting = Resource("pti", None, {"value": "off"}, "it waits for a reboot")
    assert facts("kernel-arguments", waiting, resource("ro", {"value": "", "position": 1})) == {"ro": ("",)}
    assert facts("modules", Resource("nbd", None, {"state": "live"}, "a file asks for it")) == ()


def test_what_a_node_leaves_out_is_not_taken_for_good() -> None:
    empty = resource("x", {})
    assert facts("mounts", empty)[0].writable
    assert not facts("modules", empty)[0].signed
    assert facts("health", empty)
    assert not facts("services", empty)[0].wanted


FIELDS = (
    "type access options local remote state cgroup name parent user capabilities active signed file value position "
    "not_before_usec not_after_usec authority message"
).split
VALUES: Any = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), 1 << 64)
    | st.text(max_size=12)
    | st.sampled_from(["tcp", "udp6", "listen", "open", "1.2.3.4:99999", "[::]:1", "/a.service"])
    | st.lists(st.text(max_size=3) | st.integers(), max_size=3)
)
SPECS = st.none() | st.dictionaries(st.sampled_from(FIELDS()), VALUES, max_size=8)


@given(st.sampled_from(sorted(node.MAKERS)), st.lists(st.tuples(st.text(max_size=22), SPECS, SPECS), max_size=4))
def test_no_answer_of_a_node_breaks_the_audit(
    kind: str, told: list[tuple[str, dict[str, Any] | None, dict[str, Any] | None]]
) -> None:
    found = facts(kind, *(resource(*parts) for parts in told))
    field = {"health": "failing", "kernel-arguments": "arguments", "services": "units", "sockets": "listening"}
    changed = made.changed(made.node(), field.get(kind, kind), found)
    audit = report.of_node(changed, RULES, {})
    assert len(audit.outcomes) == len(RULES)
    assert all(breach.message.isprintable() for outcome in audit.outcomes for breach in outcome.breaches)
