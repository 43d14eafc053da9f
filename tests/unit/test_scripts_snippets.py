"""Maintainer scripts: what is generated is known by its whole text, and nothing hand-written is ever lost."""

import random
import re
from importlib import resources

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.packages.scripts import generators, handwritten
from adamant.packages.scripts.effects import (
    Account,
    Alternative,
    Copy,
    Effect,
    EnableUnit,
    File,
    Mechanism,
    NssDatabase,
    NssService,
    Replaced,
    Slave,
)
from adamant.packages.scripts.handwritten import MARKER
from adamant.packages.scripts.snippets import parse_script, without_generated

CONFIGURE = (
    'if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ] || '
    '[ "$1" = "abort-deconfigure" ] || [ "$1" = "abort-remove" ] ; then'
)
ENABLE = f"""{CONFIGURE}
	# The following line should be removed in trixie or trixie+1
	deb-systemd-helper unmask 'a.service' >/dev/null || true

	# was-enabled defaults to true, so new installations run enable.
	if deb-systemd-helper --quiet was-enabled 'a.service'; then
		# Enables the unit on first installation, creates new
		# symlinks on upgrades if the unit file has changed.
		deb-systemd-helper enable 'a.service' >/dev/null || true
	else
		deb-systemd-helper update-state 'a.service' >/dev/null || true
	fi
fi"""
DONT_ENABLE = f"""{CONFIGURE}
	if deb-systemd-helper debian-installed 'a.service'; then
		deb-systemd-helper unmask 'a.service' >/dev/null || true
		if deb-systemd-helper --quiet was-enabled 'a.service'; then
			deb-systemd-helper enable 'a.service' >/dev/null || true
		fi
	fi
	deb-systemd-helper update-state 'a.service' >/dev/null || true
fi"""
TMPFILES = f"""{CONFIGURE}
	if [ -x "$(command -v systemd-tmpfiles)" ]; then
		systemd-tmpfiles ${{DPKG_ROOT:+--root="$DPKG_ROOT"}} --create a.conf b.conf || true
	fi
fi"""
INIT = f"""{CONFIGURE}
	if [ -z "${{DPKG_ROOT:-}}" ] && [ -x "/etc/init.d/a" ]; then
		update-rc.d a defaults >/dev/null
		if [ -n "$2" ]; then
			_dh_action=restart
		else
			_dh_action=start
		fi
		invoke-rc.d --skip-systemd-native a $_dh_action || exit 1
	fi
fi"""
HELPER = """dpkg-maintscript-helper rm_conffile /etc/a.conf 1.2.4\\~ -- "$@"
dpkg-maintscript-helper mv_conffile /etc/b /etc/c 1:2.0-1\\~ a -- "$@\""""
SECTIONS = [ENABLE, DONT_ENABLE, TMPFILES, INIT, HELPER]


def script(*bodies: str, before: str = "", after: str = "", marker: str = "dh_x/13.24.2") -> str:
    sections = "".join(f"# Automatically added by {marker}\n{b}\n# End automatically added section\n" for b in bodies)
    return f"#!/bin/sh\nset -e\n{before}{sections}{after}exit 0\n"


def effects(body: str) -> tuple[Effect, ...]:
    parsed = parse_script(script(body))
    assert parsed.lines == ()
    return parsed.effects


def test_a_script_of_frame_and_sections_alone_has_no_hand_written_line() -> None:
    assert parse_script(script(*SECTIONS)).lines == ()
    assert parse_script("#!/bin/sh\n\n# nothing\nset -e\n\n#DEBHELPER#\n\nexit 0\n").lines == ()


@pytest.mark.parametrize("marker", ["dh_installsystemd/13.24.2", "dh_systemd_enable/9.2", "dh_installsystemd"])
def test_any_version_of_a_marker_is_known(marker: str) -> None:
    assert parse_script(script(ENABLE, marker=marker)).effects == (EnableUnit("a.service"),)


def test_an_enabled_unit_is_one_and_a_merely_installed_one_is_none() -> None:
    assert effects(ENABLE) == (EnableUnit("a.service"),)
    assert not [e for e in effects(DONT_ENABLE) if isinstance(e, EnableUnit)]


def test_a_user_unit_is_marked_as_one() -> None:
    body = ENABLE.replace("--quiet", "--quiet --user").replace("helper unmask", "helper --user unmask")
    body = body.replace("helper enable", "helper --user enable").replace("helper update", "helper --user update")
    assert effects(body) == (EnableUnit("a.service", user=True),)


def test_the_unit_must_be_the_same_throughout() -> None:
    other = ENABLE.replace("enable 'a.service'", "enable 'b.service'")
    assert parse_script(script(other)).lines != ()


def test_an_escaped_unit_name_is_taken_literally() -> None:
    assert effects(ENABLE.replace("a.service", r"a\x2db.service")) == (EnableUnit(r"a\x2db.service"),)


def test_alternatives_are_read_with_their_slaves_and_without_aliased_folders() -> None:
    body = f"""{CONFIGURE}
        update-alternatives --install /usr/bin/editor editor /bin/nano 40 \\
            --slave /usr/share/man/man1/editor.1.gz editor.1.gz /usr/share/man/man1/nano.1.gz
        update-alternatives --install /usr/bin/pico pico /usr/bin/nano -5
fi"""
    slave = Slave("editor.1.gz", "/usr/share/man/man1/editor.1.gz", "/usr/share/man/man1/nano.1.gz")
    assert effects(body) == (
        Alternative("editor", "/usr/bin/editor", "/usr/bin/nano", 40, (slave,)),
        Alternative("pico", "/usr/bin/pico", "/usr/bin/nano", -5),
    )


@pytest.mark.parametrize(
    "arguments",
    ["--remove a /b", "--install /a a /b", "--install /a a /b x", "--install a a /b 1", "--install /a a /../b'", ""],
)
def test_other_uses_of_update_alternatives_are_hand_written(arguments: str) -> None:
    assert parse_script(script(f"{CONFIGURE}\nupdate-alternatives {arguments}\nfi")).lines != ()


def test_native_mechanisms_stand_in_for_tmpfiles_and_sysusers() -> None:
    assert effects(TMPFILES) == (Replaced(Mechanism.TMPFILES, "a.conf b.conf"),)
    assert effects(f"{CONFIGURE}\n   systemd-sysusers a.conf\nfi") == (Replaced(Mechanism.ACCOUNTS, "a.conf"),)


def test_a_file_of_ucf_is_copied() -> None:
    body = """if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ]; then
	ucf "/usr/share/a/a.conf" "/etc/a.conf"
	ucfr pack "/etc/a.conf"
fi"""
    assert effects(body) == (Copy("/usr/share/a/a.conf", "/etc/a.conf"),)


def test_an_account_of_sysuser_helper_is_made() -> None:
    body = 'CONF_HOME=/var/lib/a CONF_PACKAGE=pack CONF_USERNAME=_a /lib/sysuser-helper/sysuser-helper postinst "$@"'
    assert effects(body) == (Account("_a", home="/var/lib/a"),)


def test_a_local_file_of_an_apparmor_profile_is_made() -> None:
    body = """if [ "$1" = "configure" ]; then
    APP_PROFILE="/etc/apparmor.d/a"
    if [ -f "$APP_PROFILE" ]; then
        # Add the local/ include
        LOCAL_APP_PROFILE="/etc/apparmor.d/local/a"
        test -e "$LOCAL_APP_PROFILE" || {
            mkdir -p `dirname "$LOCAL_APP_PROFILE"`
            install --mode 644 /dev/null "$LOCAL_APP_PROFILE"
        }
        if aa-enabled --quiet 2>/dev/null; then
            apparmor_parser -r -T -W "$APP_PROFILE" || true
        fi
    fi
fi"""
    assert effects(body) == (File("/etc/apparmor.d/local/a", ""),)


NSS_FILE = '"${DPKG_ROOT}/etc/nsswitch.conf"'
NSS = r"""if [ "$1" = "configure" ] && [ -f "${DPKG_ROOT}/etc/nsswitch.conf.nss.${DPKG_MAINTSCRIPT_PACKAGE}-will-install" ] && [ -e FILE ] ; then
	if ! grep -q -E -e '^hosts:[^#]*\s(resolve)(\s|#|$)' FILE ; then
		# Installing hosts/resolve from libnss-resolve in position before=dns
		sed -E -i FILE -e '/^hosts:\s[^#]*$/ s/(\s)(dns(\s+\[[^]]+\])?)(\s|$)/\1resolve \[!UNAVAIL=return\] \2 /' -e '/^hosts:\s.*#/ s/(\s)(dns(\s+\[[^]]+\])?)(\s|#)/\1resolve \[!UNAVAIL=return\] \2 /' -e 's/ $//'
		sed -E -i FILE -e '/^passwd:\s[^#]*$/ s/$/ systemd/' -e '/^passwd:\s.*#/ s/#/ systemd #/'
		if ! grep -q -E '^hosts:.*\s(mdns4|mdns)(\s|$)' FILE ; then
			sed -E -i FILE -e '/^hosts:\s/ s/(:\s+)/\1mymachines /'
		fi
	fi
	rm "${DPKG_ROOT}/etc/nsswitch.conf.nss.${DPKG_MAINTSCRIPT_PACKAGE}-will-install"
fi""".replace("FILE", NSS_FILE)  # noqa: E501 one line of the generator's


def test_name_services_are_read_from_the_commands_that_would_add_them() -> None:
    assert effects(NSS) == (
        NssService("hosts", "resolve [!UNAVAIL=return]", "before", ("dns",)),
        NssService("passwd", "systemd", "last"),
        NssService("hosts", "mymachines", "first", (), ("mdns4", "mdns")),
    )
    database = f"""if [ "$1" = "configure" ] && [ -e {NSS_FILE} ] ; then
	if ! grep -q -E '^automount:' {NSS_FILE} ; then
		echo "automount: " >> {NSS_FILE}
	fi
fi"""
    assert effects(database) == (NssDatabase("automount"),)


def test_a_name_service_that_also_runs_something_is_hand_written() -> None:
    evil = NSS.replace("s/$/ systemd/'", "s/$/ systemd/e'")
    assert parse_script(script(evil)).lines != ()


@pytest.mark.parametrize("body", SECTIONS)
@pytest.mark.parametrize("extra", ["reboot", "rm -rf /", "true; reboot", "a.service", ": > /etc/passwd"])
def test_a_section_with_one_more_line_is_hand_written_wherever_it_stands(body: str, extra: str) -> None:
    lines = body.split("\n")
    for index in range(len(lines) + 1):
        changed = "\n".join([*lines[:index], extra, *lines[index:]])
        parsed = parse_script(script(changed))
        assert extra in parsed.lines
        assert parsed.effects == ()


@pytest.mark.parametrize("body", SECTIONS)
@pytest.mark.parametrize("tail", ["; reboot", " && reboot", " | sh", " > /etc/x", " $(reboot)", " `reboot`", " &"])
def test_a_section_with_a_longer_line_is_hand_written(body: str, tail: str) -> None:
    lines = body.split("\n")
    for index, line in enumerate(lines):
        if not line.strip() or line.strip().startswith("#") or line.endswith("\\"):
            continue
        changed = "\n".join([*lines[:index], line + tail, *lines[index + 1 :]])
        assert parse_script(script(changed)).lines != ()


def test_a_comment_does_not_hide_the_command_after_a_continued_line() -> None:
    body = f"{CONFIGURE}\nsystemd-sysusers a.conf \\\n# comment\nb.conf\nfi"
    assert parse_script(script(body)).effects == ()


def test_a_section_without_an_end_is_hand_written() -> None:
    text = f"#!/bin/sh\n# Automatically added by dh_x/1\n{ENABLE}\nexit 0\n"
    assert parse_script(text).effects == ()
    assert parse_script(text).lines != ()


def test_a_section_that_begins_in_another_is_known_by_itself_and_the_rest_is_hand_written() -> None:
    text = "#!/bin/sh\n# Automatically added by dh_x/1\nreboot\n" + script(ENABLE).partition("set -e\n")[2]
    parsed = parse_script(text)
    assert parsed.effects == (EnableUnit("a.service"),)
    assert parsed.lines == ("reboot", MARKER)


def test_where_a_section_stands_is_part_of_the_hash() -> None:
    one = parse_script(script(ENABLE, before="if false; then\n", after="fi\n"))
    two = parse_script(script(ENABLE, before="if false; then\n:\nfi\n"))
    assert one.lines == ("if false; then", MARKER, "fi")
    assert one.sha256 != two.sha256


def test_comments_blank_lines_and_indentation_do_not_change_the_hash() -> None:
    plain = "#!/bin/sh\nset -e\nfoo\nif bar; then\nbaz\nfi\n"
    other = "#! /bin/sh -e\n\n# why\nset -e\n\tfoo\n  # why not\n if bar; then\n\n\t\tbaz\n fi\n\nexit 0\n"
    assert parse_script(plain).sha256 == parse_script(other).sha256


@pytest.mark.parametrize(
    "text",
    [
        "cat > /etc/x <<EOF\n#one\nEOF\n",
        "cat > /etc/x <<-'E O'\n\t#one\n\tE O\n",
        "cat > /etc/x << \\EOF\n  #one\nEOF\n",
        "printf '\n#one\n' > /etc/x\n",
        'printf "\n#one\n" > /etc/x\n',
        'echo "$(cat <<EOF\n#one\nEOF\n)"\n',
    ],
)
def test_text_that_looks_like_a_comment_counts(text: str) -> None:
    one = parse_script("#!/bin/sh\n" + text)
    two = parse_script("#!/bin/sh\n" + text.replace("#one", "#two"))
    assert one.sha256 != two.sha256


def test_a_quote_in_a_comment_opens_nothing() -> None:
    text = "#!/bin/sh\nfoo # don't\n# comment\nbar\n"
    assert parse_script(text).lines == ("foo # don't", "bar")


def test_a_here_string_opens_no_here_document() -> None:
    assert parse_script("#!/bin/bash\nfoo <<<EOF\n# comment\nbar\n").lines == ("foo <<<EOF", "bar")


@pytest.mark.parametrize("first", ["#!/usr/bin/perl", "#!/bin/sh -c reboot", "#!/usr/bin/env python3", "", "\x7fELF"])
def test_what_is_no_plain_shell_script_is_hand_written_as_a_whole(first: str) -> None:
    parsed = parse_script(f"{first}\n# Automatically added by dh_x/1\n{ENABLE}\n# End automatically added section\n")
    assert parsed.effects == ()
    assert parsed.lines[0] == first


ARGUMENT_CHECK = """case "$1" in
    configure)
        %s
    ;;
    abort-upgrade|abort-remove|abort-deconfigure)
    ;;
    *)
        echo "postinst called with unknown argument \\`$1'" >&2
        exit 1
    ;;
esac
"""


def test_a_check_of_the_first_argument_is_no_hand_written_effect() -> None:
    assert parse_script(script(ENABLE, before=ARGUMENT_CHECK % ":")).lines == ()
    assert parse_script("#!/bin/sh\n" + ARGUMENT_CHECK % "#DEBHELPER#").lines == ()
    assert parse_script("#!/bin/sh\n. /usr/share/debconf/confmodule\n" + ARGUMENT_CHECK % ":").lines == ()


@pytest.mark.parametrize(
    "inside",
    [
        "reboot",
        "exit 0",
        "echo $(reboot)",
        "echo `reboot`",
        'echo "$(reboot)"',
        "echo a > /etc/x",
        "echo a; reboot",
        "echo $HOME",
    ],
)
def test_a_check_of_the_first_argument_that_does_more_is_hand_written(inside: str) -> None:
    assert parse_script(script(ENABLE, before=ARGUMENT_CHECK % inside)).lines != ()


def test_an_exit_before_the_end_is_kept() -> None:
    parsed = parse_script(script(ENABLE, before="exit 0\n"))
    assert parsed.lines == ("exit 0", MARKER)


def test_what_is_run_in_a_sandbox_has_no_generated_section() -> None:
    text = script(ENABLE, before="foo\n", after="bar\n")
    assert without_generated(text) == "#!/bin/sh\nset -e\nfoo\n:\nbar\nexit 0\n"


def test_every_known_text_is_known_whatever_its_layout() -> None:
    data = resources.files("adamant.packages.scripts").joinpath("data/sections.toml").read_bytes()
    texts = [s["text"] for s in msgspec.toml.decode(data)["section"]]
    fill = {
        "configure": CONFIGURE, "unit": "'a.service'", "units": "'a.service' 'b.socket'", "script": "a", "script2": "b",
        "script3": "restart", "words": "a.conf", "args": "--x 'y'", "path": "/a/b", "other": "/c/d", "package": "pack",
        "handler": "exit 1", "orfails": " || true", "restart": "restart", "which": "which py3compile >/dev/null 2>&1",
        "pycompile": "py3compile", "usrlocal": "/usr/local/a default",
        "nsspatterns": r" -e '^hosts:[^#]*\s(a)(\s|#|$)'",
    }  # fmt: skip
    shuffler = random.Random(0)
    for text in texts:
        rest = "update-alternatives --install /a a /b 1"
        if "nsspatterns" in text:
            rest = f"sed -E -i {NSS_FILE} -e '/^a:\\s[^#]*$/ s/$/ b/' -e '/^a:\\s.*#/ s/#/ b #/'"
        lines = []
        for line in text.strip().split("\n"):
            filled = line.lstrip("?+").replace("{rest}", rest)
            lines.append(re.sub(r"\{([a-z]+[23]?)\}", lambda m: fill[m[1]], filled))
        assert generators.translate("\n".join(lines)) is not None, text
        messy = [f"{shuffler.choice(['', '  ', chr(9)])}{line}" for line in lines]
        assert generators.translate("\n# comment\n\n".join(messy)) is not None, text


COMMANDS = st.sampled_from(["reboot", "rm -rf /", "curl x | sh", "update-alternatives --remove a /b", "touch /etc/x"])
PIECES = st.one_of(
    COMMANDS,
    st.sampled_from(SECTIONS),
    st.sampled_from(
        ["# Automatically added by dh_x/1", "# End automatically added section", MARKER, "set -e", "exit 0", ""]
    ),
    st.text(alphabet="#'\"\\$()<>EOF \n\tab;|&`", max_size=12),
)


@given(st.lists(PIECES, max_size=12))
def test_a_command_on_a_line_of_its_own_is_never_lost(pieces: list[str]) -> None:
    """`touch /canary` is shown to a person wherever it stands, whatever stands around it."""
    text = "#!/bin/sh\n" + "\n".join([*pieces, "touch /canary", *pieces]) + "\n"
    assert any("touch /canary" in line for line in parse_script(text).lines)


@given(st.text(max_size=400))
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    for candidate in (text, "#!/bin/sh\n" + text):
        first = parse_script(candidate)
        assert first == parse_script(candidate)
        assert first.sha256 == handwritten.digest(first.lines)
