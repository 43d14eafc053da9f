"""Images as registries keep them: manifests, indexes and configs (OCI image-spec 1.1; Docker image manifest v2.2).

These are foreign bytes: what does not have the shape is AdamantError `image-malformed`.
"""

import hashlib
import platform
import re
from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from adamant.core import limits
from adamant.model import decoders
from adamant.model.errors import AdamantError, InputError

T = TypeVar("T")

INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFESTS = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_NAME = re.compile(
    r"(?P<host>[a-z0-9.:-]+)/(?P<path>[a-z0-9._/-]+)(:(?P<tag>[A-Za-z0-9._-]{1,128}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)

Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
_Text = Annotated[str, Meta(max_length=limits.IMAGE_TEXT)]
_Texts = Annotated[tuple[_Text, ...], Meta(max_length=limits.IMAGE_TEXTS)]


class Name(NamedTuple):
    """The name of an image, in its parts. `wanted` is the digest if there is one, or the tag."""

    host: str
    path: str
    wanted: str

    @classmethod
    def parse(cls, text: str) -> "Name":
        """The parts of `docker.io/library/nginx:1.27`. Raises InputError `image-name`."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise InputError("image-name", f"not the whole name of an image: {text[:120]!r}")
        return cls(match["host"], match["path"], match["digest"] or match["tag"] or "latest")


class Platform(Struct, frozen=True):
    """What an image of an index is for."""

    architecture: str
    os: str


class Descriptor(Struct, frozen=True, rename="camel"):
    """Something by its digest. `size` is in bytes."""

    media_type: _Text
    digest: Digest
    size: Annotated[int, Meta(ge=0, le=limits.IMAGE_SIZE)]
    platform: Platform | None = None


class _Document(Struct, frozen=True, rename="camel"):
    media_type: _Text = ""
    manifests: Annotated[tuple[Descriptor, ...], Meta(max_length=limits.IMAGE_TEXTS)] | None = None
    config: Descriptor | None = None
    layers: Annotated[tuple[Descriptor, ...], Meta(max_length=limits.IMAGE_LAYERS)] | None = None


class Manifest(NamedTuple):
    """An image of one platform: its config, and its layers, the lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


class Process(Struct, frozen=True, rename="pascal"):
    """What an image says of the process in it."""

    user: _Text = ""
    env: _Texts | None = None
    entrypoint: _Texts | None = None
    cmd: _Texts | None = None
    working_dir: _Text = ""
    stop_signal: _Text = ""


class _Layers(Struct, frozen=True):
    diff_ids: Annotated[tuple[Digest, ...], Meta(max_length=limits.IMAGE_LAYERS)]


class Config(Struct, frozen=True):
    """The config of an image. `rootfs` names its layers by their digests when they are unpacked."""

    rootfs: _Layers
    config: Process | None = None

    @property
    def process(self) -> Process:
        """What it says of the process in it."""
        return self.config or Process()

    @property
    def chains(self) -> list[str]:
        """For each layer, what names it together with those below it (image-spec, config.md, Layer ChainID)."""
        found: list[str] = []
        for diff in self.rootfs.diff_ids:
            below = found[-1] if found else ""
            found.append(f"sha256:{hashlib.sha256(f'{below} {diff}'.encode()).hexdigest()}" if below else diff)
        return found


def malformed(why: str) -> AdamantError:
    """The error of an image that is not as it should be."""
    return AdamantError("image-malformed", f"the image is not as it should be: {why}"[:400])


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        return decoders.of(kind).decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(str(error)) from error


def digest(data: bytes) -> str:
    """The digest of some bytes, as images have it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def target(data: bytes, content_type: str) -> Descriptor:
    """What names the manifest or index `data`, which a registry says is a `content_type`."""
    document = _decode(data, _Document)
    media_type = document.media_type or content_type
    if (document.manifests is not None) == (document.config is not None or document.layers is not None):
        raise malformed("it is an index and a manifest, or neither")  # each reader would take it for another image
    if media_type not in (INDEXES if document.manifests is not None else MANIFESTS):
        raise malformed(f"a {media_type} is not known")
    return Descriptor(media_type, digest(data), len(data))


def manifest(data: bytes) -> Manifest:
    """The manifest of an image."""
    document = _decode(data, _Document)
    if document.config is None or document.layers is None:
        raise malformed("its manifest names no config or no layers")
    return Manifest(document.config, document.layers)


def of_this_machine(data: bytes) -> Descriptor:
    """The image of an index that is for this machine. Raises AdamantError `image-platform`."""
    wanted = _ARCHITECTURES.get(platform.machine(), platform.machine())
    images = _decode(data, _Document).manifests or ()
    for image in images:
        if image.platform is not None and (image.platform.os, image.platform.architecture) == ("linux", wanted):
            return image
    there = sorted({f"{image.platform.os}/{image.platform.architecture}" for image in images if image.platform})
    raise AdamantError("image-platform", f"there is no image for linux/{wanted}: {', '.join(there) or 'none'}"[:400])


def config(data: bytes, manifest: Manifest) -> Config:
    """The config of the image of `manifest`."""
    found = _decode(data, Config)
    if len(found.rootfs.diff_ids) != len(manifest.layers):
        raise malformed("its config names other layers than its manifest")
    return found
