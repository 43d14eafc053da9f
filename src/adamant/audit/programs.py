"""Judges of the programs in an image: what they are goes by their name, and for shells by their contents too."""

import re
from collections.abc import Collection, Iterator

from adamant.audit.facts import Alias, Contents, ImageFacts, Program, names
from adamant.audit.rule import Breach
from adamant.compose.programs import SHELLS
from adamant.model.posture import RULES

INTERPRETERS = names(
    "awk bun deno erl expect gawk groovy guile java jjs jshell js lua luajit mawk nawk node nodejs ocaml original-awk "
    "perl php pypy python qjs r rscript ruby tclsh wish"
)
PACKAGE_MANAGERS = names(
    "apk apt apt-cache apt-get aptitude cargo conda dnf dpkg dpkg-deb dpkg-split easy_install flatpak gem guix nix "
    "nix-env npm opkg pacman pip pipx rpm snap yarn yum zypper"
)
DEVELOPMENT = names(
    "as bpftool bpftrace c++ cc cc1 clang cmake cpp g++ gcc gdb gdbserver gfortran go gold ld ld.bfd ld.gold ld.lld "
    "lldb ltrace make perf rustc strace tcc"
)
_TRIPLET = re.compile(r"^[a-z0-9_]+-linux-gnu[a-z0-9]*-")
_VERSION = re.compile(r"-?[0-9][0-9.]*$")


def plain_name(name: str) -> str:
    """A program's name without what says its version or its target: python of python3.13."""
    bare = _TRIPLET.sub("", name)
    return _VERSION.sub("", bare).lower() or bare


def called(contents: Contents, names: Collection[str]) -> Iterator[Program | Alias]:
    """Programs of machine code that have one of the names, and links of such a name to programs of other names."""
    found = {p.path for p in contents.programs if not p.interpreter and _is(p.name, names)}
    yield from (program for program in contents.programs if program.path in found)
    machine_code = {program.path for program in contents.programs if not program.interpreter}
    for alias in contents.aliases:
        if alias.program in machine_code - found and _is(alias.name, names):
            yield alias


def _is(name: str, names: Collection[str]) -> bool:
    return name in names or plain_name(name) in names


def shells(facts: ImageFacts) -> Iterator[Breach]:
    """There is no shell, whatever it is called."""
    contents = facts.inside()
    named = {found.path for found in called(contents, SHELLS)}
    for path in sorted(named):
        yield Breach(f"/usr/{path}", "it is a shell")
    for program in contents.programs:
        if program.is_shell and program.path not in named:
            yield Breach(f"/usr/{program.path}", "its contents are those of a shell")


def interpreters(facts: ImageFacts) -> Iterator[Breach]:
    """There is no interpreter but those that the posture allows."""
    allowed = RULES[facts.posture].interpreters
    if allowed is None:
        return
    for found in called(facts.inside(), INTERPRETERS - allowed):
        yield Breach(f"/usr/{found.path}", "it runs programs that it is handed as text")


def scripts(facts: ImageFacts) -> Iterator[Breach]:
    """No program is a script that can run."""
    for program in facts.inside().programs:
        if program.interpreter and program.runs:
            yield Breach(f"/usr/{program.path}", f"it is a script of {program.interpreter}, which is there")


def package_managers(facts: ImageFacts) -> Iterator[Breach]:
    """There is no package manager, be it machine code or a script that can run."""
    contents = facts.inside()
    for found in called(contents, PACKAGE_MANAGERS):
        yield Breach(f"/usr/{found.path}", "it installs programs")
    for program in contents.programs:
        if program.interpreter and program.runs and _is(program.name, PACKAGE_MANAGERS):
            yield Breach(f"/usr/{program.path}", "it installs programs")


def development(facts: ImageFacts) -> Iterator[Breach]:
    """There is no compiler, linker or debugger."""
    for found in called(facts.inside(), DEVELOPMENT):
        yield Breach(f"/usr/{found.path}", "it makes programs, or looks into them")
