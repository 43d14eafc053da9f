"""Own modules of Debian's -dkms packages: what a dkms.conf says, and what the package ships."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adamant.kernel import packaged
from adamant.model.errors import InputError
from adamant.model.kernel import dkms
from adamant.model.kernel.dkms import Conf
from tests.unit import deb_maker

GIVEN = {
    "dkms_tree": "/modules/mine",
    "kernel_source_dir": "/obj",
    "kernelver": "6.12.1-mine-1",
    "arch": "x86_64",
    "source_tree": "/usr/src",
}
LEAST = 'PACKAGE_NAME="jool"\nPACKAGE_VERSION="4.1"\n'
ONE = f"{LEAST}BUILT_MODULE_NAME[0]=jool\n"


def parse(text: str) -> Conf:
    return dkms.parse(text, "jool-dkms", GIVEN)


def refused(text: str) -> InputError:
    with pytest.raises(InputError) as error:
        parse(text)
    assert error.value.reference == "kernel-dkms-conf"
    assert "jool-dkms" in error.value.message
    return error.value


def test_a_file_that_says_little_has_dkmss_defaults() -> None:
    assert parse(f'{LEAST}DEST_MODULE_LOCATION[0]="/extra"\nAUTOINSTALL="yes"\nCLEAN=true\n') == Conf(
        "jool", "4.1", ("jool",), "make -C /obj M=/modules/mine/jool/4.1/build", "", "", "", "", "", ()
    )


def test_variables_are_those_of_dkms_and_of_the_file_before() -> None:
    made = parse(
        f"{ONE}# where it lies\n"
        'HOME_OF="$dkms_tree/$module/${module_version}/build"  # of jool\n'
        'ARGS="-C ${kernel_source_dir} \\\n   M=${HOME_OF}/src V=1"\n'
        "MAKE[0]=\"make ${ARGS} KVER=$kernelver FLAGS='-O2 $arch'\"\n"
    )
    assert made.make == "make -C /obj    M=/modules/mine/jool/4.1/build/src V=1 KVER=6.12.1-mine-1 FLAGS='-O2 x86_64'"


def test_words_are_quoted_as_in_bash() -> None:
    for written, value in {
        '"^6\\.1$"': "^6\\.1$",
        "'a b'\"$arch\"c\\ d": "a bx86_64c d",
        '"\\"x\\" \\y \\$z"': '"x" \\y $z',
        "'no $arch \\'": "no $arch \\",
        "^6[.]1*": "^6[.]1*",
        "": "",
    }.items():
        assert parse(f"{ONE}BUILD_EXCLUSIVE_KERNEL={written}\n").kernel == value


def test_a_module_lies_where_its_location_says() -> None:
    made = parse(
        f"{LEAST}BUILT_MODULE_NAME[0]=a\nBUILT_MODULE_LOCATION[0]=src/mod/\nBUILT_MODULE_NAME[1]=b-c\n"
        "DEST_MODULE_LOCATION[1]=/extra\nPRE_BUILD='genver.sh x'\n"
    )
    assert made.modules == ("src/mod/a", "b-c")
    assert made.pre_build == "genver.sh x"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("if [ -f $kernel_source_dir/.config ]; then", "more than assignments"),
        (". $kernel_source_dir/.config", "more than assignments"),
        ("MAKE[0]=make modules", "more than assignments"),
        ("MAKE[0]=make; reboot", "more than assignments"),
        ("MAKE[0]=make&", "more than assignments"),
        ("MAKE=(make)", "more than assignments"),
        ('MAKE+=("make")', "more than assignments"),
        ("MAKE[$i]=make", "more than assignments"),
        ("export MAKE=make", "more than assignments"),
        ('MAKE="$(uname -r)"', "runs a command"),
        ('MAKE="`uname -r`"', "runs a command"),
        ("MAKE=`uname -r`", "runs a command"),
        ('MAKE="${kernelver%%-*}"', "runs a command"),
        ('MAKE="make $HOME"', "the variable HOME"),
        ('MAKE="make', "a quote without an end"),
        ("MAKE='make", "a quote without an end"),
        ("MAKE=make\0", "a control character"),
        ("MAKE=make\r", "a control character"),
    ],
)
def test_what_is_more_than_an_assignment_is_refused_with_its_line(line: str, why: str) -> None:
    error = refused(f"{ONE}\n{line}\n")
    assert why in error.message
    assert error.context.startswith("line 5: ")


@pytest.mark.parametrize(
    "name", ["PATCH[0]", "MAKE_MATCH[1]", "POST_INSTALL", "DEST_MODULE_NAME[0]", "BUILD_DEPENDS[0]"]
)
def test_a_directive_whose_meaning_would_be_lost_is_refused_by_name(name: str) -> None:
    assert f"has {name.split('[', maxsplit=1)[0]}: " in refused(f"{ONE}{name}=x\n").message


@pytest.mark.parametrize(
    "text",
    [
        "PACKAGE_NAME=jool\nBUILT_MODULE_NAME=jool\n",
        "PACKAGE_NAME=../jool\nPACKAGE_VERSION=1\nBUILT_MODULE_NAME=jool\n",
        f"{LEAST}PACKAGE_VERSION=1/../..\nBUILT_MODULE_NAME=jool\n",
        LEAST,
        f"{ONE}BUILT_MODULE_LOCATION=../../obj\n",
        f"{ONE}BUILT_MODULE_LOCATION=/obj/certs\n",
        f"{LEAST}BUILT_MODULE_NAME=a/b\n",
        f"{LEAST}BUILT_MODULE_NAME[1]=b\n",
        f"{LEAST}BUILT_MODULE_NAME[0]=a\nBUILT_MODULE_NAME[1]=a\n",
        f"{ONE}MAKE[0]=a\nMAKE[1]=b\n",
        f"{ONE}BUILD_EXCLUSIVE_KERNEL_MIN=six\n",
        f"{ONE}BUILD_EXCLUSIVE_CONFIG=PCI\n",
    ],
)
def test_values_that_say_nothing_sound_are_refused(text: str) -> None:
    refused(text)


def test_variables_do_not_grow_without_end() -> None:
    refused(f"{ONE}A={'x' * 64}\n" + 'A="$A$A"\n' * 64)


WORDS = "PACKAGE_NAME BUILT_MODULE_NAME MAKE A [0] [1] = \" ' \\ $ { } $A ${A} $kernelver ` ( ) # x / .. 1 ;"
PIECES = st.sampled_from([*WORDS.split(" "), *" \n\t\0é"])


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=80).map("".join)))
@example(f'{ONE}MAKE="\\')
@example(f"{ONE}MAKE=\\")
def test_any_text_is_what_somebody_wants_or_an_error(text: str) -> None:
    for whole in (text, ONE + text):
        try:
            found = parse(whole)
        except InputError:
            continue
        assert found.modules
        assert not any(part in {"", ".", ".."} for module in found.modules for part in module.split("/"))


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
def test_a_word_in_single_quotes_is_itself(value: str) -> None:
    plain = value.replace("'", "")
    assert parse(f"{ONE}MAKE='x{plain}'\n").make == f"x{plain}"


def excluded(more: str, release: str = "6.12.118-mine-1", config: dict[str, str] | None = None) -> list[str]:
    return dkms.excluded(parse(ONE + more), release, "x86_64", config or {}, lambda pattern, text: pattern in text)


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        ("BUILD_EXCLUSIVE_KERNEL_MIN=4.12", True),
        ("BUILD_EXCLUSIVE_KERNEL_MIN=6.12.118", True),
        ("BUILD_EXCLUSIVE_KERNEL_MIN=6.13", False),
        ("BUILD_EXCLUSIVE_KERNEL_MAX=6.13", True),
        ("BUILD_EXCLUSIVE_KERNEL_MAX=6.9", False),
        ("BUILD_EXCLUSIVE_KERNEL=6.12", True),
        ("BUILD_EXCLUSIVE_KERNEL=6.13", False),
        ("BUILD_EXCLUSIVE_ARCH=x86", True),
        ("BUILD_EXCLUSIVE_ARCH=arm64", False),
        ('BUILD_EXCLUSIVE_CONFIG="CONFIG_PCI !CONFIG_USB"', True),
        ("BUILD_EXCLUSIVE_CONFIG=CONFIG_USB", False),
        ("BUILD_EXCLUSIVE_CONFIG=!CONFIG_PCI", False),
        ('BUILD_EXCLUSIVE_CONFIG="!CONFIG_NET CONFIG_USB"', False),
    ],
)
def test_a_package_is_for_some_kernels(more: str, fits: bool) -> None:
    found = excluded(f"{more}\n", config={"PCI": "y", "USB": "n", "HZ": "100"})
    assert (not found) == fits
    assert all(reason.startswith(more.split("=", maxsplit=1)[0]) for reason in found)


TOP = "usr/src/jool-4.1"
CONF = (f"./{TOP}/dkms.conf", ONE.encode())


def read(tmp_path: Path, items: list[deb_maker.Row]) -> packaged.Packaged:
    data = deb_maker.deb(items, name="jool-dkms")
    path = tmp_path / "jool.deb"
    deb_maker.write(path, data)
    return packaged.read(deb_maker.package(data, "jool-dkms"), path)


def test_a_package_is_staged_where_its_commands_look_for_it(tmp_path: Path) -> None:
    found = read(
        tmp_path, [CONF, (f"./{TOP}/src/a.c", b"int a;\n"), (f"./{TOP}/b.c", "/etc/passwd"), ("./usr/share/jool", b"")]
    )
    assert [path for path, _, _ in found.files] == ["dkms.conf", "src/a.c"]
    conf = packaged.conf_of(found, "/modules/mine", "/obj", "6.12.1-mine-1", "x86_64")
    packaged.stage(found, conf, "mine", tmp_path / "modules", tmp_path / "orders")
    assert (tmp_path / "modules/mine/jool/4.1/build/src/a.c").read_text() == "int a;\n"
    orders = {p.name: p.read_text() for p in (tmp_path / "orders/mine").iterdir()}
    assert orders == {
        "build": "/modules/mine/jool/4.1/build\n",
        "make": "make -C /obj M=/modules/mine/jool/4.1/build\n",
        "pre-build": "\n",
        "modules": "jool\n",
    }


@pytest.mark.parametrize(
    "items",
    [
        [("./usr/share/jool", b"")],
        [("./usr/src/dkms.conf", b"")],
        [CONF, ("./usr/src/other-1/dkms.conf", b"")],
    ],
    ids=["no sources", "no folder", "two"],
)
def test_what_is_not_one_folder_of_files_is_refused(tmp_path: Path, items: list[deb_maker.Row]) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, items)
    assert error.value.reference == "kernel-dkms-source"


def test_a_package_with_a_device_among_its_sources_is_refused(tmp_path: Path) -> None:
    data = deb_maker.deb(data=deb_maker.tar([(deb_maker.member(f"./{TOP}/a.c", tarfile.FIFOTYPE), b"")]))
    deb_maker.write(tmp_path / "jool.deb", data)
    with pytest.raises(InputError) as error:
        packaged.read(deb_maker.package(data, "jool-dkms"), tmp_path / "jool.deb")
    assert error.value.reference == "kernel-dkms-source"


@pytest.mark.parametrize("text", [ONE.replace("4.1", "4.2"), ONE + "#" * (64 << 10)])
def test_a_file_of_another_version_or_size_is_refused(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, [(CONF[0], text.encode())])
    with pytest.raises(InputError) as error:
        packaged.conf_of(found, "/modules/mine", "/obj", "6.12.1-mine-1", "x86_64")
    assert error.value.reference == "kernel-dkms-source"
