"""The sandbox: a script is recorded as it would have run, and a hostile one does nothing outside it."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adamant.core import limits
from adamant.model.definition import Image, ScriptName
from adamant.model.digest import Sha256
from adamant.model.errors import AdamantError, InputError
from adamant.model.lock import Lock, Package, Recording
from adamant.packages import fetch
from adamant.packages.layer import Layer, unpack_layers
from adamant.packages.lock import this_arch
from adamant.packages.scripts import record, reviewed, sandbox
from adamant.packages.scripts.recording import summary, unpack
from adamant.packages.scripts.review import Unreviewed
from adamant.packages.scripts.snippets import parse_script
from adamant.packages.tools import ToolsTree
from tests.tool.repository import deb

Recorder = Callable[..., Recording]


@pytest.fixture(scope="module")
def helpers(cache: Path) -> list[Layer]:
    """The programs that scripts use, as the packages of a small system."""
    return record._helpers(this_arch(), Image(name="x", version="1", packages=()), cache, lambda _event: None)


@pytest.fixture
def recorder(helpers: list[Layer], tree: ToolsTree, cache: Path, tmp_path: Path) -> Recorder:
    """Records the postinst of a package `foo`, run once."""
    control = "Package: foo\nVersion: 1\nArchitecture: all\nMaintainer: T <t@test.invalid>\nDescription: a test\n"
    file = tmp_path / "foo.deb"
    file.write_bytes(deb(control, b"foo"))
    ucf = next(layer.package for layer in helpers if layer.package.name == "ucf")
    debs = {"package.deb": file, "ucf.deb": fetch.fetch([ucf], cache)[Sha256(ucf.sha256)]}
    package = Package("foo", "1", "all", "foo", "1", "trixie", "pool/foo.deb", 1, "0" * 64)

    def run(text: str) -> Recording:
        script = f"#!/bin/sh\nset -e\n{text}\n"
        layer = Layer(package, [], {"Version": "1", "Architecture": "all"}, {"postinst": script}, (), ())
        parsed = parse_script(script)
        wanted = Unreviewed("foo", "1", ScriptName.POSTINST, parsed.sha256, parsed.lines)
        return record._run(wanted, layer, [layer, *helpers], debs, this_arch(), tree, tmp_path)

    return run


def failed(recorder: Recorder, text: str) -> AdamantError:
    with pytest.raises(AdamantError) as error:
        recorder(text)
    return error.value


def test_what_debians_own_programs_do_is_recorded(recorder: Recorder) -> None:
    found = recorder("""
        . /usr/share/debconf/confmodule
        adduser --quiet --system --group --home /var/lib/foo _foo
        install -d -o _foo -g adm -m 2750 /var/log/foo
        dpkg-statoverride --update --add root _foo 4750 /usr/bin/tac
        setcap cap_net_raw+ep /usr/bin/seq
        update-alternatives --install /usr/bin/bar bar /usr/bin/tac 10
        ucf /usr/share/base-files/motd /etc/foo.conf
        if dpkg --compare-versions "$2" lt-nl 1.0; then touch /etc/upgraded; fi
        [ "$1 $DPKG_MAINTSCRIPT_NAME $DPKG_MAINTSCRIPT_PACKAGE" = "configure postinst foo" ]
        invoke-rc.d foo start
        rm /usr/bin/tee
    """)
    assert summary(found) == [
        "+ /etc/foo.conf 0644 root:root",
        "+ /usr/bin/bar -> /usr/bin/tac",
        "+ /usr/bin/seq 0755 root:root security.capability",
        "+ /usr/bin/tac 4750 root:_foo",
        "+ /usr/lib/sysusers.d/adamant-foo-postinst.conf 0644 root:root",
        "+ /var/lib/foo 0755 _foo:_foo",
        "+ /var/log/foo 2750 _foo:adm",
        "- /usr/bin/tee",
    ]
    by_path = {one.entry.path: one.entry for one in unpack(found)}
    capability = by_path["usr/bin/seq"].xattrs
    assert capability == (("security.capability", bytes.fromhex("0100000200200000000000000000000000000000")),)
    assert by_path["usr/lib/sysusers.d/adamant-foo-postinst.conf"].content == (
        b'g _foo -\nu _foo - "" /var/lib/foo /usr/sbin/nologin\n'
    )


def test_a_script_without_debconf_can_use_ucf_which_asks_by_itself(recorder: Recorder) -> None:
    found = recorder("ucf --three-way /usr/share/base-files/motd /etc/foo.conf; ucfr foo /etc/foo.conf")
    assert summary(found) == ["+ /etc/foo.conf 0644 root:root"]


def test_the_umask_of_this_computer_does_not_matter(recorder: Recorder) -> None:
    text = "touch /etc/a; mkdir -p /etc/b/c; cp /usr/bin/true /usr/bin/d; install -d /var/lib/e"
    found = []
    for mask in (0o077, 0o002):
        before = os.umask(mask)
        try:
            found.append(recorder(text))
        finally:
            os.umask(before)
    assert found[0] == found[1]
    assert summary(found[0])[0] == "+ /etc/a 0644 root:root"


def test_temporary_files_are_what_they_are(recorder: Recorder) -> None:
    """Their inodes are those of temporary folders that the preparation left."""
    found = recorder("for i in 1 2 3 4 5 6 7 8 9; do f=$(mktemp); d=$(mktemp -d); rm $f; rmdir $d; done")
    assert summary(found) == []


def test_two_runs_give_the_same_recording(recorder: Recorder) -> None:
    text = (
        "mkdir /etc/foo; for i in 9 1 5; do echo $i > /etc/foo/$i; done; date -u > /etc/foo/date.tmp; rm /etc/foo/*.tmp"
    )
    assert recorder(text) == recorder(text)


def test_a_script_sees_neither_files_nor_processes_nor_network_of_this_computer(
    recorder: Recorder, tmp_path: Path
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.setblocking(False)
    found = recorder(f"""
        {{
        ls {tmp_path} {Path.home()}/.cache /etc/debian_version.d 2>&1 | grep -v 'No such file' || true
        ls -d /proc/[0-9]* | wc -l
        bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo connected
        grep -v -e '^ *lo:' -e '|' /proc/net/dev || true
        env | grep -e ^HOME= -e ^USER= -e ^PATH= | sort
        id -u; hostname
        }} > /etc/seen
    """)
    lines = unpack(found)[0].entry.content.decode().splitlines()  # type: ignore[union-attr]
    assert int(lines[0]) < 16
    assert lines[1:] == [
        "HOME=/root",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "0",
        "localhost",
    ]
    with listener, pytest.raises(BlockingIOError):
        listener.accept()


def test_a_script_cannot_mount_or_make_devices(recorder: Recorder) -> None:
    found = recorder(
        "mount -t tmpfs none /mnt 2>/dev/null && touch /etc/mounted; unshare -r true && touch /etc/x || true"
    )
    assert [line for line in summary(found) if "mounted" in line] == []
    assert failed(recorder, "mknod /etc/device c 1 3").reference == "recording-place"


def test_a_script_that_fails_shows_the_end_of_its_output_without_control_characters(recorder: Recorder) -> None:
    error = failed(recorder, r"printf 'why it \033[2J failed\n'; false")
    assert error.reference == "script-failed"
    assert "why it \N{REPLACEMENT CHARACTER}[2J failed" in error.context


def command_lines() -> Iterator[bytes]:
    """The command lines of all processes of this computer."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield process.read_bytes()


def test_a_script_ends_at_the_deadline_and_leaves_no_process(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECORD_SECONDS", 8.0)
    error = failed(recorder, "sleep 98765 & sleep 98765")
    assert error.reference == "script-failed"
    assert "in time" in error.message
    assert not [line for line in command_lines() if line == b"sleep\x0098765\x00"]


def test_a_script_cannot_fill_the_disk(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(limits, "RECORD_DISK", 64 << 20)
    error = failed(recorder, "i=0; while :; do head -c 20000000 /dev/zero > /var/fill.$i; i=$((i+1)); sleep 0.1; done")
    assert error.reference == "script-too-greedy"
    assert [p for p in tmp_path.rglob("fill.*")] == []  # noqa: C416


def test_one_file_cannot_be_larger_than_allowed(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORD_FILE", 1 << 20)
    assert failed(recorder, "head -c 2000000 /dev/zero > /var/large").reference == "script-failed"


def test_output_without_end_fills_no_memory(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RECORD_FILE", 1 << 20)
    error = failed(recorder, "yes")
    assert len(error.context) <= limits.RECORD_LOG_TAIL


def test_nothing_is_left_behind(recorder: Recorder, tmp_path: Path) -> None:
    recorder("mkdir -m 0 /etc/closed; touch /etc/x; chmod 0 /etc/x")
    assert list((tmp_path / "recordings").iterdir()) == []


def test_where_namespaces_are_closed_the_way_out_is_named(tree: ToolsTree, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = ToolsTree(tree.root, tree.arch, tree.identity)
    monkeypatch.setattr(ToolsTree, "argv", lambda _self, *_words: ["sh", "-c", "echo ENOSPC >&2; exit 1"])
    with pytest.raises(AdamantError) as error:
        sandbox.require_namespaces(closed)
    assert error.value.reference == "sandbox-closed"
    assert "accept the script" in error.value.hint


def test_a_package_is_recorded_from_end_to_end(
    lock: Lock, tree: ToolsTree, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(name="example", version="1", packages=("containerd", "runc"))
    layers = unpack_layers(lock.image.packages, fetch.fetch(lock.image.packages, cache), cache)
    with pytest.raises(InputError) as error:
        record.record("kmod", image, layers, tree, cache)
    assert error.value.reference == "nothing-to-record"
    with pytest.raises(InputError) as error:
        record.record("absent", image, layers, tree, cache)
    assert error.value.reference == "package-not-locked"
    monkeypatch.setattr(reviewed, "reviewed", dict)
    made = record.record("kmod", image, layers, tree, cache)
    assert [summary(one) for one in made] == [["+ /etc/modules 0644 root:root"]]


def test_what_differs_from_run_to_run_is_refused(recorder: Recorder) -> None:
    text = "head -c 8 /dev/urandom > /etc/key"
    wanted = Unreviewed("foo", "1", ScriptName.POSTINST, parse_script(text).sha256, (text,))
    with pytest.raises(AdamantError) as error:
        record._stable(wanted, recorder(text), recorder(text))
    assert error.value.reference == "recording-not-stable"
    assert "first boot" in error.value.hint
