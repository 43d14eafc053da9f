"""Each health check keeps its promise: it fails when what it names is not so, and only then."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from adamant.api import node_pb2 as pb
from adamant.api.events_pb2 import EVENT_KIND_HEALTH
from adamant.model.encryption import Encryption
from adamant.node import encryption, health, lookout, mounts
from adamant.node.events import Events
from adamant.node.health import FAILING, OK, WAITING, Check, Facts
from adamant.node.mounts import Mount
from adamant.node.systemd import Unit
from adamant.node.verity import Verity

ROOT = "2b1c" * 16


def _mount(where: str, *, writable: bool, kind: str = "ext4") -> Mount:
    return Mount(where, kind, "x", "254:0", writable, frozenset({"rw" if writable else "ro"}))


GOOD_MOUNTS = [
    _mount("/", writable=False, kind="overlay"),
    _mount("/usr", writable=False, kind="erofs"),
    _mount("/etc", writable=False, kind="overlay"),
    _mount("/state", writable=True),
    _mount("/var", writable=True),
]
CONTAINERD = Unit("containerd.service", "loaded", "active", "running", "/x")
GOOD = Facts(
    mounts=GOOD_MOUNTS,
    verity=Verity("254:0", ROOT, corrupted=False),
    system="running",
    containerd=CONTAINERD,
    free={"/state": 50 << 20, "/var": 500 << 20},
    network="routable",
    clock=health.EARLIEST + 1.0,
    synchronised=True,
)


def _states(facts: Facts) -> dict[str, pb.CheckState]:
    return {check.name: check.state for check in health.judge(facts)}


def _changed(facts: Facts) -> dict[str, pb.CheckState]:
    """The checks that do not end as those of a good machine do."""
    return {name: state for name, state in _states(facts).items() if state != OK}


def _without(where: str) -> list[Mount]:
    return [mount for mount in GOOD_MOUNTS if mount.where != where]


ON_DISK_MOUNTS = [
    _mount("/", writable=True),
    _mount("/usr", writable=False, kind="erofs"),
    _mount("/etc", writable=True, kind="overlay"),
    _mount("/state", writable=True),
]
ON_DISK = GOOD._replace(
    persistent_root=True,
    mounts=ON_DISK_MOUNTS,
    free={"/": 500 << 20, "/etc": 500 << 20, "/state": 50 << 20},
)


def test_a_machine_whose_root_is_on_disk_promises_that_it_can_be_written() -> None:
    names = [
        "usr-verity",
        "root-writable",
        "etc-writable",
        "state-writable",
        "network",
        "time",
        "containerd",
        "systemd",
    ]
    assert _states(ON_DISK) == dict.fromkeys(names, OK)
    damaged = [
        _mount("/", writable=False),
        *(mount for mount in ON_DISK_MOUNTS if mount.where != "/"),
    ]  # as ext4 does with errors=remount-ro
    assert _changed(ON_DISK._replace(mounts=damaged)) == {"root-writable": FAILING}
    assert _changed(ON_DISK._replace(free={**ON_DISK.free, "/": 1 << 20})) == {"root-writable": FAILING}


def test_what_is_promised_follows_from_the_posture(tmp_path: Path) -> None:
    assert not health.look(tmp_path).persistent_root
    (tmp_path / "usr/lib/adamant").mkdir(parents=True)
    (tmp_path / "usr/lib/adamant/posture").write_text("open\n")
    assert health.look(tmp_path).persistent_root


def test_a_good_machine_passes_every_check() -> None:
    assert _states(GOOD) == dict.fromkeys(
        [
            "usr-verity",
            "root-read-only",
            "etc-read-only",
            "state-writable",
            "var-writable",
            "network",
            "time",
            "containerd",
            "systemd",
        ],
        OK,
    )
    assert health.overall(health.judge(GOOD)) == OK


@pytest.mark.parametrize(
    ("facts", "failing"),
    [
        (GOOD._replace(verity=None), "usr-verity"),
        (GOOD._replace(verity="no answer"), "usr-verity"),
        (GOOD._replace(verity=Verity("254:0", ROOT, corrupted=True)), "usr-verity"),
        (GOOD._replace(mounts=[*GOOD_MOUNTS, _mount("/usr", writable=True)]), "usr-verity"),
        (GOOD._replace(mounts=_without("/usr")), "usr-verity"),
        (GOOD._replace(mounts=[*GOOD_MOUNTS, _mount("/", writable=True)]), "root-read-only"),
        (GOOD._replace(mounts=_without("/etc")), "etc-read-only"),
        (GOOD._replace(mounts=[*GOOD_MOUNTS, _mount("/etc", writable=True)]), "etc-read-only"),
        (GOOD._replace(mounts=_without("/state")), "state-writable"),
        (GOOD._replace(mounts=[*GOOD_MOUNTS, _mount("/var", writable=False)]), "var-writable"),
        (GOOD._replace(free={**GOOD.free, "/var": 1}), "var-writable"),
        (GOOD._replace(free={"/var": 500 << 20}), "state-writable"),
        (GOOD._replace(network="no-carrier"), "network"),
        (GOOD._replace(network=""), "network"),
        (GOOD._replace(clock=0.0), "time"),
        (GOOD._replace(containerd=CONTAINERD._replace(active="failed")), "containerd"),
        (GOOD._replace(containerd=CONTAINERD._replace(active="inactive")), "containerd"),
        (GOOD._replace(failed=["x.service"], system="degraded"), "systemd"),
        (GOOD._replace(system="maintenance"), "systemd"),
        (GOOD._replace(system=""), "systemd"),
    ],
)
def test_one_fault_fails_one_check(facts: Facts, failing: str) -> None:
    assert _changed(facts) == {failing: FAILING}
    assert health.overall(health.judge(facts)) == FAILING


def test_a_machine_that_starts_waits_for_what_is_still_to_come() -> None:
    facts = GOOD._replace(
        mounts=GOOD_MOUNTS[:3],
        system="starting",
        network="configuring",
        containerd=CONTAINERD._replace(active="inactive"),
    )
    assert _changed(facts) == dict.fromkeys(
        ["state-writable", "var-writable", "network", "containerd", "systemd"], WAITING
    )
    assert health.overall(health.judge(facts)) == WAITING


def test_what_must_hold_before_the_first_service_never_waits() -> None:
    facts = GOOD._replace(system="starting", verity=None, mounts=[*GOOD_MOUNTS, _mount("/etc", writable=True)])
    states = _states(facts)
    assert (states["usr-verity"], states["etc-read-only"]) == (FAILING, FAILING)


def test_a_unit_that_failed_is_not_excused_by_a_boot_under_way() -> None:
    assert _states(GOOD._replace(system="starting", failed=["x.service"]))["systemd"] == FAILING


def test_an_image_without_containerd_has_no_such_check() -> None:
    assert "containerd" not in _states(GOOD._replace(containerd=None))


HOST_CONTAINERD = CONTAINERD._replace(name="host-containerd.service")


def test_the_containerd_of_host_containers_must_run_where_the_config_has_one() -> None:
    assert _states(GOOD._replace(host_containerd=HOST_CONTAINERD))["host-containerd"] == OK
    dead = GOOD._replace(host_containerd=HOST_CONTAINERD._replace(active="inactive"))
    assert _changed(dead) == {"host-containerd": FAILING}
    assert _changed(dead._replace(system="starting"))["host-containerd"] == WAITING
    assert "host-containerd" not in _states(GOOD)


def test_an_encrypted_disk_that_is_shut_is_failing_and_a_plain_one_is_no_check(tmp_path: Path) -> None:
    def checked(
        opened: Mapping[str, bool], system: str = "running", how: Encryption | None = Encryption.CREDENTIAL
    ) -> list[Check]:
        facts = GOOD._replace(encryption=how, opened=opened, system=system)
        return [c for c in health.judge(facts) if c.name == "disk-encryption"]

    assert not checked({"state": False, "var": False}, how=None)
    for how, words in ((Encryption.TPM, "the TPM"), (Encryption.TANG, "a tang server")):
        (fine,) = checked({"state": True, "var": True}, how=how)
        assert (fine.state, fine.message) == (health.OK, f"state and var are encrypted, and open by {words}")
    assert [c.state for c in checked({"state": True, "var": False}, "starting")] == [health.WAITING]
    (shut,) = checked({"state": True, "var": False})
    assert (shut.state, shut.message) == (
        FAILING,
        "var did not open: the credential adamant.disk-key was not passed, or is of another disk",
    )
    block = tmp_path / "sys/class/block"
    for number, (name, uuid) in enumerate((("state", "CRYPT-LUKS2-ab-state"), ("var", "CRYPT-VERITY-ab-var"))):
        (block / f"dm-{number}/dm").mkdir(parents=True)
        (block / f"dm-{number}/dm/name").write_text(f"{name}\n")
        (block / f"dm-{number}/dm/uuid").write_text(f"{uuid}\n")
    assert encryption.opened(tmp_path) == {"state": True, "var": False}
    assert not encryption.wanted(tmp_path)


def test_a_clock_that_no_server_has_set_is_no_fault() -> None:
    assert _states(GOOD._replace(synchronised=False))["time"] == OK


def test_unreadable_mounts_pass_no_check_that_needs_them() -> None:
    states = _states(GOOD._replace(mounts="cannot read", verity="cannot read"))
    for name in ("usr-verity", "root-read-only", "etc-read-only", "state-writable", "var-writable"):
        assert states[name] == FAILING


def test_no_checks_at_all_are_not_health() -> None:
    assert health.overall([]) == FAILING


@pytest.mark.parametrize("order", [(OK, WAITING, FAILING), (FAILING, WAITING, OK), (WAITING, FAILING, OK)])
def test_overall_is_the_worst(order: tuple[pb.CheckState, ...]) -> None:
    assert health.overall([Check("x", state, "") for state in order]) == FAILING


def test_a_check_says_since_when_it_has_its_state(tmp_path: Path) -> None:
    times = iter(range(1_800_000_000, 1_900_000_000))
    watched = health.Health(tmp_path, lambda: float(next(times)))
    first = {c.name: c.since_usec for c in watched.answer().checks}
    again = {c.name: c.since_usec for c in watched.answer().checks}
    assert again == first
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / mounts.TABLE).write_text("1 0 254:0 / / ro - overlay root ro\n")
    changed = {c.name: c.since_usec for c in watched.answer().checks}
    assert changed["root-read-only"] > first["root-read-only"]
    assert changed["network"] == first["network"]


def test_a_check_that_changes_its_state_is_an_event_and_one_that_keeps_it_is_none(tmp_path: Path) -> None:
    events = Events()
    more = [Check("config:web", OK, "answers 200")]
    watched = health.Health(tmp_path, more=lambda: list(more), changed=lookout.telling(events))

    def told() -> list[dict[str, str]]:
        found = events.follow(0, [EVENT_KIND_HEALTH], 0, wait=False, alive=lambda: True)
        return [dict(event.fields) for event in found if event.fields["check"] == "config:web"]

    watched.answer()
    assert told() == [], "a check that is ok at first is no news"
    more[0] = Check("config:web", FAILING, "answers 500")
    watched.answer()
    more[0] = Check("config:web", FAILING, "answers 503")
    watched.answer()
    more[0] = Check("config:web", OK, "answers 200")
    watched.answer()
    failing = {"check": "config:web", "state": "failing", "before": "ok", "message": "answers 500"}
    assert told() == [failing, {**failing, "state": "ok", "before": "failing", "message": "answers 200"}]


def test_a_check_that_fails_at_the_first_look_is_an_event(tmp_path: Path) -> None:
    events = Events()
    health.Health(tmp_path, changed=lookout.telling(events)).answer()  # nothing is mounted there
    (told,) = [event for event in events.follow(0, [], 0, wait=False, alive=lambda: True) if "root-r" in event.message]
    assert (told.fields["state"], told.fields["before"]) == ("failing", "")


def test_health_knows_how_long_ago_somebody_asked(tmp_path: Path) -> None:
    watched = health.Health(tmp_path)
    assert watched.age() == float("inf")
    watched.answer()
    assert 0 <= watched.age() < 3600


def test_facts_of_a_machine_are_read_from_its_files(tmp_path: Path) -> None:
    for folder in ("run/systemd/netif", "run/systemd/timesync", "state", "var"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / health.NETWORK_STATE).write_text("# comment\nOPER_STATE=routable\nADMIN_STATE=x\n")
    (tmp_path / health.CLOCK_SYNCHRONISED).touch()
    facts = health.look(tmp_path, lambda: 7.0)
    assert (facts.network, facts.synchronised, facts.clock) == ("routable", True, 7.0)
    assert facts.free["/var"] > 0


DAY = 86400
ENDS = 1_800_000_000


@pytest.mark.parametrize(
    ("clock", "state", "said"),
    [
        (ENDS - 100 * DAY, health.OK, "holds until 2027-01-15"),
        (ENDS - 31 * DAY, health.OK, "holds until"),
        (ENDS - 29 * DAY, health.OK, "in 29 days: adamant node renew"),
        (ENDS - 1, health.OK, "in 0 days"),
        (ENDS, health.FAILING, "ended on 2027-01-15: adamant node renew --expired"),
        (0, health.OK, "holds until"),
        (ENDS - 365 * DAY, health.OK, "holds until"),
    ],
)
def test_a_certificate_is_warned_of_before_it_ends_and_fails_then(clock: float, state: int, said: str) -> None:
    check = next(c for c in health.judge(GOOD._replace(certificate=ENDS, clock=clock)) if c.name == "certificate")
    assert check.state == state
    assert said in check.message


def test_a_certificate_that_cannot_be_read_is_failing_and_one_that_is_not_known_is_no_check() -> None:
    checks = {c.name: c for c in health.judge(GOOD._replace(certificate="this is no certificate"))}
    assert checks["certificate"].state == health.FAILING
    assert "certificate" not in {c.name for c in health.judge(GOOD)}
