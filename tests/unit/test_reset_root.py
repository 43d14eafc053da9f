"""The reset of a root on disk: what is kept stays, the rest goes, and a power cut anywhere is gone on with."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.reset import root
from adamant.node.reset.keep import Keep
from adamant.node.reset.root import Request


class _Cut(BaseException):
    """The power goes."""


FILES = (
    ".adamant/etc/added.conf",
    ".adamant/etc/ssh/ssh_host_key",
    ".adamant/etc/systemd/system/x.service",
    ".adamant/placed.json",
    "data/deep/file",
    "lost+found/x",
    "root/notes",
    "var/home/mary/file",
    "var/lib/etcd/member/db",
    "var/lib/other/file",
    "var/log/journal/x",
    "var/tmp/x",
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The disk of `/` with what a machine and its people have there."""
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / ".adamant/asked").mkdir()
    for link, target in root.LINKS.items():
        (tmp_path / link[1:]).symlink_to(target)
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "proc", "sys"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mine").symlink_to("data")
    return tmp_path


def left(machine: Path) -> set[str]:
    return {str(path.relative_to(machine)) for path in machine.rglob("*") if path.is_file() and not path.is_symlink()}


def reset(machine: Path, *keep: str, wipe: tuple[str, ...] = ("/",)) -> None:
    root.write(machine, Request(wipe, keep))
    root.carry_out(machine, lambda _words: None)


def test_everything_goes_but_what_a_machine_cannot_do_without(machine: Path) -> None:
    reset(machine)
    assert left(machine) == {".adamant/placed.json"}
    assert not (machine / "mine").is_symlink()
    assert not (machine / "data").exists()
    assert all((machine / link[1:]).is_symlink() for link in root.LINKS)
    assert all((machine / name).is_dir() for name in ("usr", "etc", "proc", "var/tmp", "root", "lost+found"))


def test_what_is_kept_stays_with_all_that_is_in_it(machine: Path) -> None:
    reset(machine, "/var/lib/etcd", "/etc/ssh/.*", "/root/notes")
    assert left(machine) == {
        ".adamant/placed.json",
        ".adamant/etc/ssh/ssh_host_key",
        "root/notes",
        "var/lib/etcd/member/db",
    }


@pytest.mark.parametrize("keep", ["/home/mary", "/home/.*", "/home", "/var/home/mary"])
def test_homes_are_kept_by_the_name_that_people_know(machine: Path, keep: str) -> None:
    shown = root.preview(machine, Request(("/",), (keep,)))
    assert [path for path in shown.kept if path.startswith("/var/home")]
    reset(machine, keep)
    assert left(machine) == {".adamant/placed.json", "var/home/mary/file"}


def test_an_expression_has_to_fit_the_whole_path(machine: Path) -> None:
    reset(machine, "/var/lib/etc", "/data/dee")
    assert left(machine) == {".adamant/placed.json"}


@pytest.mark.parametrize("wiped", ["/var", "/var/log"])
def test_only_what_is_asked_for_is_wiped(machine: Path, wiped: str) -> None:
    reset(machine, wipe=(wiped,))
    inside = {name for name in FILES if f"/{name}".startswith(f"{wiped}/")}
    assert left(machine) == set(FILES) - inside
    assert (machine / wiped[1:]).is_dir()


@pytest.mark.parametrize("keep", [(), ("/var/lib/etcd",), ("/etc/.*", "/data"), ("/nothing",), ("/var/.*/.*",)])
def test_a_preview_says_what_a_reset_does(machine: Path, keep: tuple[str, ...]) -> None:
    shown = root.preview(machine, Request(("/",), keep))
    reset(machine, *keep)
    goes = {one.path for one in shown.goes}

    def covered(path: str) -> bool:
        return any(path == one or path.startswith(f"{one}/") for one in goes)

    seen = {name: f"/{name.removeprefix('.adamant/')}" for name in FILES if name != ".adamant/placed.json"}
    assert {name for name, path in seen.items() if not covered(path)} == left(machine) - {".adamant/placed.json"}
    assert not shown.more
    assert all(any(Keep(keep).fits(path) for path in (kept,)) for kept in shown.kept)


def test_a_preview_changes_nothing_and_counts(machine: Path) -> None:
    before = left(machine)
    (machine / "data/deep/file").write_bytes(b"x" * 100_000)
    shown = root.preview(machine, Request(("/",), ()))
    assert left(machine) == before
    (data,) = [one for one in shown.goes if one.path == "/data"]
    assert data.size >= 100_000


def test_a_preview_has_a_limit(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESET_COUNT_ENTRIES", 5)
    assert root.preview(machine, Request(("/",), ())).more


def test_a_link_is_removed_and_not_followed(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "file").touch()
    (machine / "var/lib/link").symlink_to(elsewhere)
    reset(machine)
    assert (elsewhere / "file").exists()
    assert not (machine / "var/lib").exists()


def test_a_folder_in_the_place_of_a_link_goes(machine: Path) -> None:
    (machine / "home").unlink()
    (machine / "home/mary").mkdir(parents=True)
    reset(machine)
    assert not (machine / "home").exists()


def test_folders_in_folders_keep_nobody_from_a_reset(machine: Path) -> None:
    deep = machine / "var/x"
    for _ in range(limits.RESET_DEPTH + 60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    reset(machine)
    assert left(machine) == {".adamant/placed.json"}
    assert not (machine / "var/x").exists()


def _cutting(real: Callable[..., None]) -> Callable[..., None]:
    """The same, but the power goes at the second call."""
    calls = 0

    def once(*arguments: object, **options: object) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise _Cut
        real(*arguments, **options)

    return once


def test_a_power_cut_anywhere_is_gone_on_with(machine: Path) -> None:
    root.write(machine, Request(("/",), ("/var/lib/etcd",)))
    cuts = 0
    while (machine / root.REQUEST).exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "unlink", _cutting(Path.unlink))
            try:
                root.carry_out(machine, lambda _words: None)
            except _Cut:
                cuts += 1
                assert (machine / root.REQUEST).exists(), "the request went before all was wiped"
                assert "var/lib/etcd/member/db" in left(machine)
    assert cuts
    assert left(machine) == {".adamant/placed.json", "var/lib/etcd/member/db"}


def test_what_cannot_be_removed_keeps_the_request(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "rmdir", fail)
    with pytest.raises(AdamantError, match="reset-failed"):
        reset(machine)
    assert (machine / root.REQUEST).exists()


def test_without_a_request_nothing_is_wiped(machine: Path) -> None:
    before = left(machine)
    root.carry_out(machine, lambda _words: None)
    assert left(machine) == before


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"version": 2, "wipe": ["/"], "keep": []}',
        b'{"version": 1, "wipe": [], "keep": []}',
        b'{"version": 1, "wipe": ["/usr"], "keep": []}',
        b'{"version": 1, "wipe": ["/"], "keep": [7]}',
        b'{"version": 1, "wipe": ["/"], "keep": ["("]}',
        b'{"version": 1, "wipe": "/", "keep": []}',
    ],
)
def test_a_request_that_is_none_wipes_nothing_and_goes(machine: Path, data: bytes) -> None:
    (machine / root.REQUEST).write_bytes(data)
    before = left(machine) - {root.REQUEST}
    with pytest.raises(AdamantError, match="reset-request"):
        root.carry_out(machine, lambda _words: None)
    assert left(machine) == before, "the machine would reset itself for ever"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_an_error(data: bytes) -> None:
    with contextlib.suppress(AdamantError):
        root.decode(data)


def test_a_request_is_read_back() -> None:
    request = Request(("/var/log", "/var/lib/cni"), ("/a/.*", "/ö"))
    assert root.decode(root.encode(request)) == request


@pytest.mark.parametrize(
    "pattern",
    [
        "var/lib",
        "",
        "/(a+)+",
        "/(a|b)*",
        "/(a){9}",
        r"/(a)\1",
        "/(?=a)",
        "/(?P<x>a)",
        "/a(",
        "/[",
        "/.*.*.*.*",
        "/a\nb",
        "/" + "a" * 300,
        r"/\Z",
    ],
)
def test_an_expression_that_could_take_for_ever_or_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="reset-keep"):
        Keep([pattern])


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/etc/ssh/.*", "/etc/ssh/ssh_host_key", True),
        ("/etc/ssh", "/etc/ssh", True),
        ("/etc/ssh", "/etc/sshx", False),
        (r"/var/lib/a\.b", "/var/lib/a.b", True),
        (r"/var/lib/a\.b", "/var/lib/axb", False),
        (r"/x[)*+]y", "/x*y", True),
        (r"/x\)*y", "/x))y", True),
        ("/(a|b)?c", "/bc", True),
        ("/.*", "/with\nnewline", True),
    ],
)
def test_an_expression_fits_whole_paths(pattern: str, path: str, fits: bool) -> None:
    assert Keep([pattern]).fits(path) is fits


def test_there_are_not_too_many_expressions() -> None:
    with pytest.raises(InputError, match="reset-keep"):
        Keep(["/a"] * (limits.RESET_KEPT + 1))


@given(st.text(alphabet="/ab.*+?()[]{}|^$\\1d,-", max_size=40).map(lambda text: f"/{text}"))
def test_any_expression_is_refused_or_answers(pattern: str) -> None:
    with contextlib.suppress(InputError):
        Keep([pattern]).fits("/" + "ab" * 40)
