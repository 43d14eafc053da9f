"""Acts on a node: which services may be touched, what a reset takes, and that a power cut in it loses nothing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.api import debug_pb2 as debug
from adamant.api import power_pb2 as pb
from adamant.api import services_pb2 as services
from adamant.api.identity import Identity, Role
from adamant.core import limits
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.model.posture import RULES, Posture
from adamant.node import power
from adamant.node import services as acting
from adamant.node.calls import Call
from adamant.node.debug import frames
from adamant.node.debug import service as debugging
from adamant.node.events import Events
from adamant.node.reset import request as requests
from adamant.node.reset import root, wipe
from adamant.node.reset.service import Reset


class _Cut(BaseException):
    """The machine's power is gone."""


def _call(name: str = "mary") -> Call:
    return Call(Identity(name, Role.ADMIN), "peer", lambda: True, lambda _end: None)


def test_a_name_without_an_ending_is_a_service() -> None:
    assert acting.whole_name("containerd") == "containerd.service"
    assert acting.whole_name("a@b.service") == "a@b.service"
    assert acting.whole_name("x.timer") == "x.timer"


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "../x", "a\n", "x" * 300, "é"])
def test_what_is_no_unit_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unit-malformed"):
        acting.whole_name(name)


@pytest.mark.parametrize("name", ["var.mount", "reboot.target", "init.scope", "system.slice", "dev-vda.device"])
def test_only_services_sockets_and_timers_are_touched(name: str) -> None:
    with pytest.raises(InputError, match="unit-type"):
        acting.whole_name(name)


@pytest.mark.parametrize(
    ("verb", "unit"),
    [
        ("stop", "adamant-agent.service"),
        ("start", "adamant-reset.service"),
        ("stop", "adamant-container@web.service"),
        ("start", "adamant-debug.socket"),
        ("restart", "dbus.service"),
        ("start", "systemd-poweroff.service"),
        ("start", "systemd-reboot.service"),
        ("start", "emergency.service"),
        ("stop", "systemd-journald.service"),
        ("stop", "systemd-networkd.service"),
        ("start", "systemd-fsck@x.service"),
    ],
)
def test_what_would_end_the_machine_s_work_is_refused_with_the_reason(verb: str, unit: str) -> None:
    with pytest.raises(BusyError) as caught:
        acting.check(verb, unit)  # type: ignore[arg-type]
    assert caught.value.reference == "unit-protected"
    assert caught.value.context


@pytest.mark.parametrize(
    ("verb", "unit"),
    [
        ("restart", "adamant-agent.service"),
        ("restart", "adamant-container@web.service"),
        ("stop", "containerd.service"),
        ("restart", "systemd-networkd.service"),
    ],
)
def test_all_else_may_be_done(verb: str, unit: str) -> None:
    acting.check(verb, unit)  # type: ignore[arg-type]


def test_a_service_needs_an_action() -> None:
    with pytest.raises(InputError, match="service-action"):
        acting.act(Events(), services.ServiceRequest(unit="containerd"), _call())


@pytest.mark.parametrize("reason", ["x" * (limits.REASON_LENGTH + 1), "two\nlines", "\x1b[2J"])
def test_a_reason_is_one_plain_line(reason: str) -> None:
    with pytest.raises(InputError, match="reason-malformed"):
        power.check_reason(reason)


def _paths(*parts: str) -> list[str]:
    return [item.path for item in requests.chosen(parts)]


def test_a_reset_takes_what_is_named_and_nothing_else() -> None:
    assert _paths("config") == ["/state/adamant/config"]
    assert _paths("identity") == ["/state/adamant/identity"]
    assert _paths("containers") == ["/var/lib/containerd", "/var/lib/host-containerd", "/var/lib/cni"]
    assert _paths("var") == ["/var"]
    assert all("log" in path or "pstore" in path or "crash" in path for path in _paths("logs"))


def test_a_whole_file_system_stands_for_all_below_it_and_the_state_goes_last() -> None:
    assert _paths("var", "containers") == ["/var"]
    assert _paths("all") == _paths("all", "config", "logs") == ["/var", "/state"]


def test_every_part_takes_something() -> None:
    assert all(requests.chosen([part]) for part in requests.PARTS)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"version": 2, "wipe": []},
        {"version": 1, "wipe": ["/"]},
        {"version": 1, "wipe": ["/state/../usr"]},
        {"version": 1, "wipe": "/var"},
        {"version": 1, "wipe": [["/var"]]},
    ],
)
def test_a_request_that_names_anything_else_wipes_nothing(value: object) -> None:
    with pytest.raises(AdamantError, match="reset-request"):
        requests.decode(json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_an_error(data: bytes) -> None:
    try:
        found = requests.decode(data)
    except AdamantError:
        return
    assert set(found) <= set(requests.ITEMS)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "state"
    for path in ("adamant/config/generations/1.json", "adamant/identity/node.key", "adamant/other", "lost+found/x"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x" * 5000)
    return folder


def _reset(state: Path, clock: Iterator[float] | None = None) -> Reset:
    times = clock or iter([0.0] * 100)
    return Reset(state.parent, Events(), lambda: next(times))


def test_a_preview_names_what_lies_there_with_its_size(state: Path) -> None:
    answer = _reset(state).preview(pb.ResetPreviewRequest(parts=[pb.RESET_PART_CONFIG]), _call())
    (item,) = answer.items
    assert (item.path, item.more) == ("/state/adamant/config", False)
    assert 5000 <= item.size <= 20_000
    assert not answer.unenrolled


@pytest.mark.parametrize("part", [pb.RESET_PART_IDENTITY, pb.RESET_PART_ALL])
def test_a_preview_says_that_the_keys_go(state: Path, part: pb.ResetPart) -> None:
    assert _reset(state).preview(pb.ResetPreviewRequest(parts=[part]), _call()).unenrolled


def test_keys_that_come_from_outside_do_not_go(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adamant.key").touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert not _reset(state).preview(pb.ResetPreviewRequest(parts=[pb.RESET_PART_ALL]), _call()).unenrolled


def test_a_preview_of_nothing_is_refused(state: Path) -> None:
    with pytest.raises(InputError, match="reset-parts"):
        _reset(state).preview(pb.ResetPreviewRequest(), _call())


def test_a_token_is_its_client_s_and_holds_for_a_while(state: Path) -> None:
    reset = _reset(state, iter([0.0, 0.0, 1.0, limits.RESET_TOKEN_SECONDS + 1]))
    token = reset.preview(pb.ResetPreviewRequest(parts=[pb.RESET_PART_CONFIG]), _call()).token
    for caller in (_call("john"), _call("mary")):
        with pytest.raises(BusyError, match="reset-token"):
            reset.reset(pb.ResetRequest(token=token), caller)
    assert not (state / requests.FILE).exists()


def test_a_reset_without_systemd_leaves_no_request_behind(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> None:
        raise AdamantError("systemd-silent", "nobody there")

    monkeypatch.setattr(power, "Systemd", silent)
    reset = _reset(state)
    token = reset.preview(pb.ResetPreviewRequest(parts=[pb.RESET_PART_CONFIG]), _call()).token
    with pytest.raises(AdamantError, match="systemd-silent"):
        reset.reset(pb.ResetRequest(token=token), _call())
    assert not (state / requests.FILE).exists()


@pytest.fixture
def opened(state: Path) -> Path:
    """The same machine in the posture open, with things on the disk of `/`."""
    machine = state.parent
    for name, text in (
        ("usr/lib/adamant/posture", "open\n"),
        (".adamant/etc/hosts", "x"),
        (".adamant/asked/none", ""),
        ("etc/hosts", "x"),
        ("var/log/a", "x"),
        ("var/lib/etcd/db", "x"),
    ):
        (machine / name).parent.mkdir(parents=True, exist_ok=True)
        (machine / name).write_text(text)
    return machine


def test_a_root_on_disk_is_previewed_with_what_is_kept(state: Path, opened: Path) -> None:
    request = pb.ResetPreviewRequest(parts=[pb.RESET_PART_ROOT], keep=["/var/lib/etcd"])
    answer = _reset(state).preview(request, _call())
    paths = {item.path: item.part for item in answer.items}
    assert {"/etc/hosts", "/var/log"} <= paths.keys()
    assert not {"/", "/var", "/var/lib", "/var/lib/etcd", "/state"} & paths.keys()
    assert set(paths.values()) == {pb.RESET_PART_ROOT}
    assert (list(answer.kept), answer.more, answer.unenrolled) == (["/var/lib/etcd"], False, False)
    assert root.read(opened) is None


@pytest.mark.parametrize(
    ("parts", "wiped", "of_state"),
    [
        ([pb.RESET_PART_ROOT], ("/",), []),
        ([pb.RESET_PART_VAR], ("/var",), []),
        ([pb.RESET_PART_CONFIG], None, ["/state/adamant/config"]),
        ([pb.RESET_PART_ROOT, pb.RESET_PART_LOGS], ("/",), ["/state/adamant/crash"]),
        ([pb.RESET_PART_ALL], ("/",), ["/state"]),
    ],
)
def test_each_disk_gets_its_own_request(
    state: Path,
    opened: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: list[pb.ResetPart],
    wiped: tuple[str, ...] | None,
    of_state: list[str],
) -> None:
    monkeypatch.setattr(power, "go_down", lambda *_words: None)
    (opened / "proc/sys/kernel/random").mkdir(parents=True)
    (opened / "proc/sys/kernel/random/boot_id").write_text(f"{'0' * 32}\n")
    reset = _reset(state)
    token = reset.preview(pb.ResetPreviewRequest(parts=parts), _call()).token
    reset.reset(pb.ResetRequest(token=token), _call())
    asked = root.read(opened)
    assert (asked.wipe if asked else None) == wiped
    assert [item.path for item in requests.read(state) or []] == of_state


def test_a_reset_that_does_not_begin_leaves_no_request_on_either_disk(
    state: Path, opened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_words: object) -> None:
        raise AdamantError("systemd-silent", "nobody there")

    monkeypatch.setattr(power, "go_down", silent)
    reset = _reset(state)
    token = reset.preview(pb.ResetPreviewRequest(parts=[pb.RESET_PART_ALL]), _call()).token
    with pytest.raises(AdamantError, match="systemd-silent"):
        reset.reset(pb.ResetRequest(token=token), _call())
    assert root.read(opened) is None
    assert requests.read(state) is None


@pytest.mark.parametrize(
    "request_",
    [
        pb.ResetPreviewRequest(parts=[pb.RESET_PART_ROOT]),
        pb.ResetPreviewRequest(parts=[pb.RESET_PART_VAR], keep=["/var/lib/etcd"]),
    ],
)
def test_where_the_root_is_in_ram_nothing_of_it_is_reset(state: Path, request_: pb.ResetPreviewRequest) -> None:
    with pytest.raises(BusyError, match="reset-posture"):
        _reset(state).preview(request_, _call())


@pytest.mark.usefixtures("opened")
def test_what_is_kept_has_to_be_an_expression_of_something_that_is_wiped(state: Path) -> None:
    for parts, keep in ([pb.RESET_PART_ROOT], ["("]), ([pb.RESET_PART_CONFIG], ["/var"]):
        with pytest.raises(InputError, match="reset-keep"):
            _reset(state).preview(pb.ResetPreviewRequest(parts=parts, keep=keep), _call())


@pytest.mark.usefixtures("small", "opened")
def test_a_reset_of_the_state_leaves_var_alone_where_it_is_no_partition(state: Path) -> None:
    requests.write(state, requests.chosen(["config"], on_disk=True))
    wipe.carry_out(state, None, lambda _words: None)
    assert (state.parent / "var/log/a").exists()
    assert list((state / "adamant/config").iterdir()) == []


def _left(state: Path) -> list[str]:
    return sorted(str(path.relative_to(state)) for path in state.rglob("*") if path.is_file())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is on a large disk here, whose free blocks are left alone."""
    monkeypatch.setattr(wipe, "overwrite_free", lambda _folder: None)


@pytest.mark.usefixtures("small")
def test_a_part_of_the_state_goes_and_the_rest_stays(state: Path, tmp_path: Path) -> None:
    requests.write(state, requests.chosen(["identity"]))
    wipe.carry_out(state, tmp_path / "no-device", lambda _words: None)
    assert _left(state) == ["adamant/config/generations/1.json", "adamant/other", "lost+found/x"]


@pytest.mark.usefixtures("small")
def test_the_whole_state_goes_and_the_request_last(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    monkeypatch.setattr(wipe, "make_var", made.append)
    requests.write(state, requests.chosen(["all"]))
    wipe.carry_out(state, tmp_path / "var", lambda _words: None)
    assert made == [tmp_path / "var"]
    assert _left(state) == ["lost+found/x"]


@pytest.mark.usefixtures("small")
def test_a_power_cut_anywhere_is_gone_on_with(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wipe, "make_var", lambda _device: None)
    requests.write(state, requests.chosen(["all"]))
    unlink = Path.unlink
    cuts = 0
    while (state / requests.FILE).exists():
        allowed = 1

        def once(path: Path, missing_ok: bool = False) -> None:
            nonlocal allowed
            if not allowed:
                raise _Cut
            allowed -= 1
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", once)
        try:
            wipe.carry_out(state, tmp_path / "var", lambda _words: None)
        except _Cut:
            cuts += 1
            assert (state / requests.FILE).exists(), "the request went before all was wiped"
    monkeypatch.undo()
    assert cuts
    assert _left(state) == ["lost+found/x"]


def test_a_link_in_what_is_wiped_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    folder = tmp_path / "wiped"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "kept")
    wipe.empty(folder)
    assert list(folder.iterdir()) == []
    assert (tmp_path / "kept" / "file").exists()


def test_what_cannot_be_wiped_keeps_the_request(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> None:
        raise PermissionError(1, "not permitted")

    requests.write(state, requests.chosen(["config"]))
    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(AdamantError, match="reset-failed"):
        wipe.carry_out(state, tmp_path / "var", lambda _words: None)
    assert (state / requests.FILE).exists()


def _start(**fields: object) -> debug.DebugRequest:
    return debug.DebugRequest(start=debug.DebugStart(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "first",
    [
        debug.DebugRequest(),
        debug.DebugRequest(input=b"x"),
        _start(image="--help"),
        _start(image="a b"),
        _start(command=["x"] * (limits.DEBUG_WORDS + 1)),
        _start(command=["x" * (limits.DEBUG_WORDS_SIZE + 1)]),
        _start(seconds=limits.DEBUG_SECONDS_MOST + 1),
    ],
)
def test_a_session_that_cannot_begin_is_told_why(first: debug.DebugRequest) -> None:
    with pytest.raises(InputError, match="debug-start"):
        debugging.check(first)


def test_a_posture_without_debug_containers_refuses_them(tmp_path: Path) -> None:
    assert not RULES[Posture.SEALED].debug_containers
    (tmp_path / "usr/lib/adamant").mkdir(parents=True)
    (tmp_path / "usr/lib/adamant/posture").write_text("sealed\n")
    session = debugging.Debug(tmp_path, Events(), prepare=lambda: None).answer(iter([_start()]), _call())
    with pytest.raises(BusyError, match="debug-posture"):
        next(session)


@pytest.mark.parametrize("kind", [AdamantError, InputError, BusyError])
def test_an_error_of_a_session_arrives_as_it_was(kind: type[AdamantError]) -> None:
    error = kind("some-reference", "message", context="context", hint="hint")
    found = frames.error_of(frames.error_data(error))
    assert type(found) is kind
    assert (found.reference, str(found)) == (error.reference, str(error))
