"""A broken document names the line, the path, what stood there and what may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model import definition, document
from adamant.model.definition import Image, KernelFlavour
from adamant.model.errors import AdamantError, InputError
from adamant.model.schema import json_schema

PLAIN = "kind: Image\nname: example\nversion: '1'\npackages:\n  - containerd\n"


def decode(text: str, *overrides: str) -> Image:
    image, _ = document.decode(text.encode(), Image, "adamant.yaml", overrides)
    return image


@pytest.mark.parametrize(
    ("extra", "line", "where", "hint"),
    [
        ("kernel:\n  flavor: cloud\n", 7, "kernel.flavor", "did you mean flavour?"),
        ("posture: seald\n", 6, "posture", "allowed: open, guarded, sealed"),
        ("profile: 3\n", 6, "profile", "allowed: dev, release"),
        ("files:\n  - path: /opt/x\n    content: a\n", 7, "files[0].path", "below /usr or /etc"),
        ("disk: {esp: 300}\n", 6, "disk.esp", "put it in quotes"),
        ("base:\n  suite: bookworm\n", 7, "base.suite", "allowed: trixie"),
        ("outputs: raw\n", 6, "outputs", "a list"),
        ("kernel: cloud\n", 6, "kernel", "did you mean flavour: cloud? allowed keys: flavour, own"),
        ("kernel: lean\n", 6, "kernel", "did you mean own: lean?"),
        ("disk: tpm\n", 6, "disk", "did you mean encryption: tpm?"),
        ("units: [nftables.service]\n", 6, "units[0]", "did you mean name: nftables.service?"),
    ],
)
def test_an_error_names_line_path_and_what_is_allowed(extra: str, line: int, where: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(PLAIN + extra)
    assert f"line {line}:" in caught.value.message
    assert caught.value.context == f"at {where}"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("", "document-empty"),
        ("- a\n", "document-not-a-mapping"),
        (PLAIN + "name: twice\n", "yaml-key-twice"),
        ("a: &x [1]\nb: *x\n", "yaml-alias"),
        ("a: [" * 3000, "yaml-malformed"),
        ("a: {b: 1\n", "yaml-malformed"),
        ("? [a]\n: b\n", "yaml-key"),
        ("a: !!python/object:os.system x\n", "document-invalid"),
        ("--- 1\n--- 2\n", "yaml-malformed"),
    ],
)
def test_yaml_outside_the_plain_subset_is_refused(text: str, reference: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(text)
    assert caught.value.reference == reference


def test_a_number_where_text_is_wanted_is_not_guessed() -> None:
    with pytest.raises(InputError, match="is read as a float") as caught:
        decode("kind: Image\nname: a\nversion: 1.10\npackages: []\n")
    assert "quotes" in caught.value.hint


def test_an_override_takes_text_for_text_and_yaml_for_the_rest() -> None:
    image = decode(PLAIN, "version=2", "kernel.flavour=generic", "outputs=[raw, qcow2]", "kernel.arguments=[a, b=c]")
    assert image.version == "2"
    assert image.kernel.flavour is KernelFlavour.GENERIC
    assert [o.value for o in image.outputs] == ["raw", "qcow2"]
    assert image.kernel.arguments == ("a", "b=c")


@pytest.mark.parametrize("override", ["version", "=x", "kernel..a=1", "version.x=1"])
def test_a_broken_override_is_refused(override: str) -> None:
    with pytest.raises(InputError):
        decode(PLAIN, override)


@pytest.mark.parametrize(
    ("extra", "reference", "where"),
    [
        ("files: [{path: /etc/x}]\n", "content-or-source", "$.files[0]"),
        ("files: [{path: /etc/../x, content: a}]\n", "path-not-plain", "$.files[0].path"),
        ("units: [{name: a.service, content: a, source: b}]\n", "content-or-source", "$.units[0]"),
        ("units: [{name: a.service}, {name: a.service}]\n", "listed-twice", "$.units[1]"),
        ("kernel: {own: lean, debian: accepted}\n", "two-kernels", "$.kernel.debian"),
        ("posture: sealed\n", "kernel-not-own", "$.posture"),
        ("posture: sealed\nkernel: {flavour: generic}\n", "kernel-not-own", "$.posture"),
        ("disk: {encryption: tpm}\n", "encryption-without-key", "$.disk.encryption"),
        ("disk: {encryption: tang}\n", "tang-servers", "$.disk.tang"),
        (
            "disk: {encryption: credential, tang: [{url: 'http://10.0.0.5', thumbprint: " + "a" * 43 + "}]}\n",
            "tang-servers",
            "$.disk.tang",
        ),
        ("posture: open\ndisk: {encryption: credential}\n", "encryption-posture", "$.disk.encryption"),
        (
            "posture: open\nsigning: {pcr: {key: a, public: b}}\ndisk: {encryption: tpm}\n",
            "encryption-posture",
            "$.disk.encryption",
        ),
    ],
)
def test_what_types_cannot_say_is_checked(extra: str, reference: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        definition.check(decode(PLAIN + extra))
    assert caught.value.reference == reference
    assert caught.value.context == where


def test_a_sealed_image_without_a_kernel_of_ones_own_is_told_what_is_lost_and_both_ways() -> None:
    with pytest.raises(InputError) as caught:
        document.checked(f"{PLAIN}posture: sealed\n".encode(), Image, "adamant.yaml", definition.check)
    assert "line 6:" in caught.value.message
    assert "every module that Debian's build signs, later ones too" in caught.value.message
    assert "kernel: {own: NAME}" in caught.value.hint
    assert "kernel: {debian: accepted}" in caught.value.hint


@pytest.mark.parametrize(
    ("extra", "loses"),
    [
        ("posture: sealed\nkernel: {own: lean}\n", False),
        ("posture: sealed\nkernel: {debian: accepted}\n", True),
        ("posture: guarded\n", False),
        ("posture: guarded\nkernel: {debian: accepted}\n", False),
        ("posture: open\n", False),
    ],
)
def test_a_build_says_what_a_sealed_image_loses_by_debians_kernel(extra: str, loses: bool) -> None:
    image = decode(PLAIN + extra)
    definition.check(image)
    said = definition.lost(image)
    assert ("Debian's build signs" in said) == loses == bool(said)
    assert "\n" not in said


@given(st.binary(max_size=200))
def test_hostile_bytes_give_an_error_of_ours(data: bytes) -> None:
    try:
        document.decode(data, Image, "adamant.yaml")
    except AdamantError as error:
        assert error.reference  # noqa: PT017


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=8,
    )
)
def test_any_value_for_any_key_gives_an_error_or_an_image(value: object) -> None:
    import json

    for key in ("name", "packages", "kernel", "files", "disk", "posture", "unknown"):
        text = json.dumps({"kind": "Image", "name": "a", "version": "1", "packages": [], key: value})
        try:
            document.decode(text.encode(), Image, "adamant.yaml")
        except AdamantError as error:
            assert error.exit_code == 2  # noqa: PT017


def test_the_schema_knows_every_key() -> None:
    schema = json_schema(Image).decode()
    for key in ("apiVersion", "secureBoot", "flavour", "pockets"):
        assert f'"{key}"' in schema
