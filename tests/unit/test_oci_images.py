"""Documents of images are foreign bytes: they are read as they should be, or refused by name."""

import json
import platform
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamant.model.errors import AdamantError, InputError
from adamant.node.containerd import oci
from adamant.node.containerd.oci import Config, Descriptor, Manifest, Name

D = "sha256:" + "0" * 64
ONE = {"mediaType": "x", "digest": D, "size": 1}
CONFIG = {"rootfs": {"diff_ids": ["sha256:" + "1" * 64, "sha256:" + "2" * 64]}}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("docker.io/library/nginx:1.27", Name("docker.io", "library/nginx", "1.27")),
        ("reg.lan:5000/a", Name("reg.lan:5000", "a", "latest")),
        (f"reg.lan/a/b:1@{D}", Name("reg.lan", "a/b", D)),
    ],
)
def test_a_name_has_parts(text: str, name: Name) -> None:
    assert Name.parse(text) == name


@pytest.mark.parametrize("text", ["", "nginx", "reg.lan/../a b", "reg.lan/a:1:2", "reg.lan/a@sha256:0", "reg.lan/a\n"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Name.parse(text)


def test_layers_are_named_with_those_below_them() -> None:
    """The second is SHA-256 of the first's digest, a space, and its own."""
    found = oci.config(json.dumps(CONFIG).encode(), Manifest(Descriptor("x", D, 1), (Descriptor("x", D, 1),) * 2))
    assert found.chains == [
        "sha256:" + "1" * 64,
        oci.digest(f"sha256:{'1' * 64} sha256:{'2' * 64}".encode()),
    ]


def test_a_config_of_other_layers_is_refused() -> None:
    with pytest.raises(AdamantError, match="other layers"):
        oci.config(json.dumps(CONFIG).encode(), Manifest(Descriptor("x", D, 1), ()))


def test_the_image_for_this_machine_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    images = [
        {**ONE, "size": size, "platform": {"os": "linux", "architecture": arch}}
        for size, arch in enumerate(("amd64", "arm64"))
    ]
    assert oci.of_this_machine(json.dumps({"manifests": [ONE, *images]}).encode()).size == 1
    with pytest.raises(AdamantError) as caught:
        oci.of_this_machine(json.dumps({"manifests": images[:1]}).encode())
    assert caught.value.reference == "image-platform"
    assert "linux/amd64" in str(caught.value)


KEYS = [
    "mediaType",
    "digest",
    "size",
    "platform",
    "manifests",
    "config",
    "layers",
    "rootfs",
    "diff_ids",
    "os",
    "architecture",
    "Env",
    "Cmd",
    "User",
    "Entrypoint",
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(D),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    readers: list[Any] = [
        lambda: oci.target(data, oci.digest(b"")),
        lambda: oci.manifest(data),
        lambda: oci.of_this_machine(data),
        lambda: oci.config(data, Manifest(Descriptor("x", D, 1), ())),
    ]
    for reader in readers:
        try:
            found = reader()
        except AdamantError:
            continue
        assert isinstance(found, Descriptor | Manifest | Config)
