"""Facts of an image come from its bytes: programs by their contents, units, modules, accounts; no bytes break that."""

import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.audit import contents, image
from adamant.audit.facts import Alias, Contents
from adamant.compose import entries, sbom
from adamant.model import capability, hardening, kernel_line, sysctl
from adamant.model.errors import AdamantError, InputError, VerificationError
from adamant.model.tree import Entry, Tree
from tests.unit import image_maker as maker

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + bytes(46)
LIBRARY = ELF
OBJECT = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x01\x00" + bytes(46)
SHELL = ELF + b"...OPTIND...PS4...getopts..."


def tree(*made: Entry) -> Tree:
    found = {entry.path: entry for entry in made}
    found |= {entry.path: entry for entry in entries.parents(found, made)}
    return found


def read(*made: Entry) -> Contents:
    return contents.read(tree(*made))


def test_programs_are_told_by_their_first_bytes() -> None:
    found = read(
        entries.file("usr/bin/one", ELF, 0o755),
        entries.file("usr/bin/hidden", SHELL, 0o644),
        entries.file("usr/bin/tool", "#!/usr/bin/one -x\n", 0o755),
        entries.file("usr/bin/lost", "#! /bin/perl\n", 0o755),
        entries.file("usr/bin/env", ELF, 0o755),
        entries.file("usr/bin/by-env", "#!/usr/bin/env -S one\n", 0o755),
        entries.file("usr/bin/not-by-env", "#!/usr/bin/env perl\n", 0o755),
        entries.file("usr/share/template", "#!/usr/bin/one\n", 0o644),
        entries.file("usr/share/text", "words\n", 0o755),
        entries.file("usr/lib/libx.so.6.1", LIBRARY, 0o755),
        entries.file("usr/lib/a.o", OBJECT, 0o644),
        entries.link("usr/sbin/uno", "../bin/one"),
        entries.link("usr/bin/circle", "circle"),
        entries.link("usr/bin/out", "/proc/self/exe"),
    )
    programs = {program.name: program for program in found.programs}
    assert set(programs) == {"one", "hidden", "tool", "lost", "env", "by-env", "not-by-env"}
    assert {name for name, program in programs.items() if program.is_shell} == {"hidden"}
    assert {name for name, program in programs.items() if not program.runs} == {"lost", "not-by-env"}
    assert programs["tool"].interpreter == "/usr/bin/one"
    assert found.aliases == (Alias("sbin/uno", "bin/one"),)


def test_a_program_is_read_from_a_file_as_from_memory(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(SHELL)
    stored = entries.stored("usr/bin/x", tmp_path / "x", 0o755)
    assert [program.is_shell for program in read(stored).programs] == [True]


def test_units_are_read_with_their_drop_ins_links_and_masks() -> None:
    wants = "usr/lib/systemd/system/multi-user.target.wants"
    found = read(
        entries.file("usr/lib/systemd/system/a.service", "[Service]\nExecStart=-/bin/a x\n"),
        entries.file("etc/systemd/system/a.service.d/x.conf", "[Service]\nExecStart=\nExecStart=!/bin/b\n"),
        entries.file("usr/lib/systemd/system/getty@.service", "[Service]\nExecStart=/sbin/agetty\n"),
        entries.file("usr/lib/systemd/system/rescue.service", "[Service]\nExecStart=/bin/sh\n"),
        entries.link("etc/systemd/system/rescue.service", "/dev/null"),
        entries.file("usr/lib/systemd/system/var.mount", "[Mount]\nOptions=nodev,nosuid\n"),
        entries.link(f"{wants}/getty@tty1.service", "../getty@.service"),
        entries.link(f"{wants}/a.service", "../a.service"),
    )
    known = {unit.name: unit for unit in found.units}
    assert known["a.service"].programs == ("/bin/b",)
    assert {name for name, unit in known.items() if unit.starts} == {"a.service", "getty@tty1.service"}
    assert known["getty@tty1.service"].programs == ("/sbin/agetty",)
    assert {name for name, unit in known.items() if unit.masked} == {"rescue.service"}
    assert known["var.mount"].options == {"nodev", "nosuid"}


def test_a_module_is_signed_when_it_ends_so() -> None:
    good, bad = OBJECT + contents.SIGNED, OBJECT
    folder = "usr/lib/modules/6.1/kernel"
    found = read(
        entries.file(f"{folder}/a.ko", good),
        entries.file(f"{folder}/b.ko", bad),
        entries.file(f"{folder}/c.ko.xz", lzma.compress(good)),
        entries.file(f"{folder}/d.ko.xz", lzma.compress(bad)),
        entries.file(f"{folder}/e.ko.xz", lzma.compress(good)[:-5]),
        entries.file(f"{folder}/f.ko.xz", good),
        entries.file(f"{folder}/g.ko.zst", good),
        entries.file("usr/lib/modules/6.1/modules.dep", "a.ko:\n"),
    )
    assert [module.path[-7:] for module in found.modules if not module.problem] == ["el/a.ko", "/c.ko.xz"[-7:]]
    assert len(found.modules) == 7


def test_private_keys_are_found_and_words_about_them_are_not() -> None:
    key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBr4EXAMPLEonly0\n"
    found = read(
        entries.file("usr/share/key.pem", f"text before\n{key}"),
        entries.file("usr/share/dos.pem", key.replace("\n", "\r\n")),
        entries.file("usr/share/code.py", 'HEAD = "-----BEGIN PRIVATE KEY-----"\n'),
        entries.file("usr/share/page", "-----BEGIN PRIVATE KEY-----\n...\n"),
    )
    assert found.private_keys == ("share/dos.pem", "share/key.pem")


def test_settings_of_the_kernel_are_those_of_the_line_that_counts() -> None:
    found = read(
        entries.file("usr/lib/sysctl.d/10-a.conf", "kernel.sysrq = 1\nvm.x=2\n"),
        entries.file("usr/lib/sysctl.d/20-b.conf", "kernel/sysrq=0\n"),
        entries.file("etc/sysctl.d/10-a.conf", "kernel.sysrq = 7\n"),
        entries.file(
            "usr/lib/modules/6.1/config", "CONFIG_SLAB_MERGE_DEFAULT=y\n# CONFIG_MODULE_SIG_FORCE is not set\n"
        ),
    )
    assert found.sysctls == {"kernel.sysrq": "0"}
    assert found.kernel_config == {"SLAB_MERGE_DEFAULT": "y", "MODULE_SIG_FORCE": "n"}


def test_accounts_with_a_password_are_named() -> None:
    shadow = "root:!*:1::::::\na:*:\nb:$y$j9T$x:1:\nc::1\nd:!:1\n\nbroken\n"
    assert contents.with_password(shadow, "root:x:0\ne::5:\nf:*:6\n") == ("b", "c", "e")


def test_the_first_setting_of_sshd_counts_and_none_of_a_match() -> None:
    main = "# x\nInclude sshd_config.d/*.conf\nPasswordAuthentication yes\nPermitRootLogin=no\nMatch user x\nA b\n"
    found = contents.sshd_settings(main, ["PasswordAuthentication no\nMatch all\nPermitRootLogin yes\n"])
    assert found == {"passwordauthentication": "no", "permitrootlogin": "no"}
    files = (
        entries.file("etc/ssh/sshd_config", "Include x\n"),
        entries.file("etc/ssh/sshd_config.d/a.conf", "PermitRootLogin yes\n"),
    )
    assert read(*files).sshd is None
    assert read(*files, entries.file("usr/sbin/sshd", ELF, 0o755)).sshd == {"permitrootlogin": "yes"}


def test_the_sbom_and_the_status_file_name_the_same_packages() -> None:
    document = {
        "packages": [
            {"SPDXID": "SPDXRef-Image", "name": "ex", "versionInfo": "1"},
            {"SPDXID": "SPDXRef-Package-a-1-all", "name": "a", "versionInfo": "1"},
            {"SPDXID": "SPDXRef-Source-a-1", "name": "a-source", "versionInfo": "1"},
        ]
    }
    assert contents.sbom_packages(json.dumps(document).encode()) == {("a", "1")}
    assert contents.packages("Package: a\nVersion: 1\nDescription: x\n Package: z\n\nno: name\n") == {("a", "1")}
    assert contents.sbom_packages(sbom.make("ex", "1", [])) == frozenset()


def test_capabilities_of_a_file_have_names() -> None:
    # Revision 2, effective: CAP_NET_RAW (13), CAP_BPF (39 = 32 + 7).
    low, high = (1 << 13).to_bytes(4, "little"), (1 << 7).to_bytes(4, "little")
    value = bytes.fromhex("01000002") + low + bytes(4) + high + bytes(4)
    assert capability.of_file(value) == ("CAP_BPF", "CAP_NET_RAW")
    assert capability.named(1 << 60) == ("CAP_60",)
    assert capability.of_file(b"") == ()


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [("editor no\n", True), ("timeout 0\neditor 0\n", True), ("", False), ("editor no\neditor yes\n", False)],
)
def test_a_boot_menu_has_an_editor_unless_it_says_no(text: str, forbidden: bool) -> None:
    assert image.edits_nothing(text) is forbidden


def test_a_folder_is_a_build_or_that_of_a_definition(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="audit-no-image"):
        image.locate(tmp_path)
    (tmp_path / "adamant.yaml").write_text(
        "kind: Image\napiVersion: adamant/v1\nname: ex\nversion: '1'\npackages: []\n"
    )
    with pytest.raises(InputError, match="audit-not-built"):
        image.locate(tmp_path)
    (tmp_path / "out").mkdir()
    built = maker.build(tmp_path / "out" / "ex_1_amd64", maker.EROFS_PLAIN)
    assert image.locate(tmp_path) == built
    assert image.locate(built) == built


def test_facts_of_a_build_without_tools_leave_its_contents_out(tmp_path: Path) -> None:
    built = maker.build(tmp_path / "ex", maker.EROFS_PLAIN)
    facts = image.read(built, None, tmp_path)
    assert facts.uki_root_hash == facts.root_hash != ""
    assert facts.contents is None
    assert "tools" in facts.why_no_contents
    assert [(placed.path, placed.detail) for placed in facts.set_id] == [("bin/a", "mode 4755"), ("bin/b", "mode 4755")]
    assert (facts.sbom, facts.boot_menu_editor, facts.broken_blocks) == (None, None, 0)
    (built / "usr.erofs").unlink()
    with pytest.raises(VerificationError, match="audit-no-usr"):
        image.read(built, None, tmp_path)


TEXT = st.text(max_size=300) | st.binary(max_size=300).map(lambda data: data.decode("latin-1"))


@given(TEXT, TEXT)
def test_no_text_of_an_image_breaks_a_reader(one: str, other: str) -> None:
    contents.with_password(one, other)
    contents.packages(one)
    contents.sshd_settings(one, [other])
    contents.exec_program(one)
    image.edits_nothing(one)
    hardening.parse_config(one)
    line = kernel_line.by_name(kernel_line.split(one))
    hardening.weakening(line)
    for argument in hardening.ARGUMENTS:
        hardening.argument_missing(argument, line, hardening.parse_config(other))
    sysctl.parse(one, "x")


@given(st.binary(max_size=300), st.sampled_from([".ko", ".ko.xz", ".ko.zst"]))
def test_no_bytes_of_a_module_break_its_reader(data: bytes, suffix: str) -> None:
    assert contents.unsigned(f"a{suffix}", data)
    if suffix == ".ko.xz":
        assert contents.unsigned("a.ko.xz", lzma.compress(data + contents.SIGNED)) == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["packages", "name", "versionInfo", "SPDXID", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_sbom_breaks_its_reader(data: bytes) -> None:
    try:
        contents.sbom_packages(data)
    except VerificationError:
        return


PLACES = [
    "etc/shadow",
    "etc/ssh/sshd_config",
    "etc/sysctl.d/a.conf",
    "usr/bin/x",
    "usr/lib/dpkg/status",
    "usr/lib/modules/1/config",
    "usr/lib/modules/1/k/a.ko.xz",
    "usr/lib/systemd/system/a.service",
    "usr/sbin/sshd",
]


@given(
    st.dictionaries(
        st.sampled_from(PLACES),
        st.binary(max_size=200) | st.sampled_from([ELF, SHELL, b"#!", b"#!/bin/x\n", b"[Service]\nExecStart=\n"]),
    )
)
def test_no_files_break_the_reading_of_contents(files: dict[str, bytes]) -> None:
    made = [entries.file(path, data, 0o755) for path, data in files.items()]
    try:
        read(*made)
    except AdamantError:
        return
