"""The images of a namespace of containerd: taken from their registries, unpacked, and removed.

What a pull makes is held by a lease until the image holds it. A pull that fails leaves what it has to its lease, for a
day: the next one goes on from there.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.node.containerd import (
    content_pb2,
    diff_pb2,
    images_pb2,
    leases,
    oci,
    registry,
    snapshots_pb2,
    types_pb2,
)
from adamant.node.containerd.connection import Containerd, Refused
from adamant.node.containerd.oci import Config, Descriptor, Manifest, Name
from adamant.node.containerd.registry import Registry

MIRRORS = "run/adamant/containerd/certs.d"
"""What the machine's config says of registries (node.config.registries), relative to `/`."""
_REFERENCE = "containerd.io/gc.ref"
"""What holds one thing by another (containerd, docs/garbage-collection.md)."""
_numbers = itertools.count()


class Image(NamedTuple):
    """An image that is there, and unpacked. `snapshot` is the one of its topmost layer."""

    config: Config
    snapshot: str


class Images:
    """The images of the namespace that `containerd` is for. `snapshotter` is what they are unpacked by."""

    def __init__(self, containerd: Containerd, root: Path, snapshotter: str = "overlayfs") -> None:
        self._containerd = containerd
        self._root = root
        self._snapshotter = snapshotter

    def names(self) -> list[str]:
        """Names of the images that are there."""
        request, response = images_pb2.ListImagesRequest(), images_pb2.ListImagesResponse
        return [image.name for image in self._containerd.call("images.v1.Images/List", request, response).images]

    def forget(self, names: Sequence[str]) -> None:
        """Remove images, and what only they have."""
        for name in names:
            self._containerd.drop("images.v1.Images/Delete", images_pb2.DeleteImageRequest(name=name, sync=True))

    def digest(self, name: str) -> str:
        """The digest of an image that is there; empty when it is not."""
        try:
            request, response = images_pb2.GetImageRequest(name=name), images_pb2.GetImageResponse
            return str(self._containerd.call("images.v1.Images/Get", request, response).image.target.digest)
        except Refused as error:
            if error.missing:
                return ""
            raise

    def open(self, name: str) -> Image:
        """An image that is there. What of it is not unpacked yet is unpacked. Raises AdamantError."""
        data = self._document(self.digest(name))
        if oci.target(data, "").media_type in oci.INDEXES:
            data = self._document(oci.of_this_machine(data).digest)
        manifest = oci.manifest(data)
        config = oci.config(self._document(manifest.config.digest), manifest)
        return Image(config, self._unpack(manifest, config))

    def pull(self, name: str) -> None:
        """Take an image from its registry, or from the mirrors of the config. Raises AdamantError `image-pull`."""
        parts = Name.parse(name)
        why = []
        for host in registry.hosts(self._root, MIRRORS, parts.host):
            try:
                with leases.held(self._containerd, keep_failed=True):
                    self._take(name, parts, Registry(parts, host, self._root))
                return
            except registry.FAILURES as error:
                if isinstance(error, AdamantError) and error.reference.startswith("containerd-"):
                    raise
                why.append(registry.explain(host, error))
        raise image_not_pulled(name, "\n".join(why))

    def _take(self, name: str, parts: Name, origin: Registry) -> None:
        target, data = origin.manifest(parts.wanted)
        image, document = target, data
        if target.media_type in oci.INDEXES:
            image, document = origin.manifest(oci.of_this_machine(data).digest)
        manifest = oci.manifest(document)
        for blob in (manifest.config, *manifest.layers):
            self._store(blob, origin.blob(blob))
        held = [("content.config", manifest.config.digest)]
        held += [(f"content.l.{index}", layer.digest) for index, layer in enumerate(manifest.layers)]
        self._store(image, iter((document,)), {f"{_REFERENCE}.{kind}": digest for kind, digest in held})
        if target != image:
            self._store(target, iter((data,)), {f"{_REFERENCE}.content.m.0": image.digest})
        config = oci.config(self._document(manifest.config.digest), manifest)
        self._unpack(manifest, config)
        self._name(name, target)

    def _name(self, name: str, target: Descriptor) -> None:
        image = images_pb2.Image(
            name=name,
            target=types_pb2.Descriptor(media_type=target.media_type, digest=target.digest, size=target.size),
        )
        try:
            made = images_pb2.CreateImageRequest(image=image)
            self._containerd.call("images.v1.Images/Create", made, images_pb2.CreateImageResponse)
        except Refused as error:
            if not error.exists:
                raise
            changed = images_pb2.UpdateImageRequest(image=image)
            self._containerd.call("images.v1.Images/Update", changed, images_pb2.UpdateImageResponse)

    def _document(self, digest: str) -> bytes:
        if not digest:
            raise AdamantError("image-absent", "the image is not there")
        request = content_pb2.ReadContentRequest(digest=digest)
        data = b""
        for piece in self._containerd.read("content.v1.Content/Read", request, content_pb2.ReadContentResponse):
            data += piece.data
            if len(data) > limits.IMAGE_DOCUMENT_SIZE:
                raise oci.malformed(f"a document above the limit of {limits.IMAGE_DOCUMENT_SIZE} bytes")
        return data

    def _store(self, wanted: Descriptor, pieces: Iterator[bytes], labels: Mapping[str, str] | None = None) -> None:
        """Give containerd a blob that it does not have yet, which it holds against its digest."""
        try:
            request, response = content_pb2.InfoRequest(digest=wanted.digest), content_pb2.InfoResponse
            self._containerd.call("content.v1.Content/Info", request, response)
            self._label(wanted.digest, labels or {})
        except Refused as error:
            if not error.missing:
                raise
            sent = _sent(wanted, pieces, labels or {})
            try:
                self._containerd.write("content.v1.Content/Write", sent, content_pb2.WriteContentResponse)
            except Refused as refused:
                if not refused.exists:
                    raise
                self._label(wanted.digest, labels or {})

    def _label(self, digest: str, labels: Mapping[str, str]) -> None:
        if labels:
            paths = [f"labels.{name}" for name in labels]
            info, mask = content_pb2.Info(digest=digest, labels=labels), types_pb2.FieldMask(paths=paths)
            request = content_pb2.UpdateRequest(info=info, update_mask=mask)
            self._containerd.call("content.v1.Content/Update", request, content_pb2.UpdateResponse)

    def _unpack(self, manifest: Manifest, config: Config) -> str:
        """Unpack the layers that are not unpacked yet. Returns the topmost one's snapshot, which the config holds."""
        below = ""
        for layer, diff, chain in zip(manifest.layers, config.rootfs.diff_ids, config.chains, strict=True):
            if not self._unpacked(chain):
                self._apply(layer, diff, below, chain)
            below = chain
        if below:
            self._label(manifest.config.digest, {f"{_REFERENCE}.snapshot.{self._snapshotter}": below})
        return below

    def _unpacked(self, chain: str) -> bool:
        try:
            request = snapshots_pb2.StatSnapshotRequest(snapshotter=self._snapshotter, key=chain)
            self._containerd.call("snapshots.v1.Snapshots/Stat", request, snapshots_pb2.StatSnapshotResponse)
            return True
        except Refused as error:
            if error.missing:
                return False
            raise

    def _apply(self, layer: Descriptor, diff: str, below: str, chain: str) -> None:
        key = f"adamant-{os.getpid()}-{next(_numbers)} {chain}"
        mounts = prepare(self._containerd, self._snapshotter, key, below)
        try:
            descriptor = types_pb2.Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size)
            applied = self._containerd.call(
                "diff.v1.Diff/Apply",
                diff_pb2.ApplyRequest(diff=descriptor, mounts=mounts),
                diff_pb2.ApplyResponse,
                seconds=limits.IMAGE_PULL_SECONDS,
            ).applied
            if applied.digest != diff:
                raise oci.malformed(f"the layer {layer.digest} does not unpack to {diff}")
            request = snapshots_pb2.CommitSnapshotRequest(snapshotter=self._snapshotter, name=chain, key=key)
            self._containerd.call("snapshots.v1.Snapshots/Commit", request, types_pb2.Empty)
        except AdamantError as error:
            remove_snapshot(self._containerd, self._snapshotter, key)
            if not (isinstance(error, Refused) and error.exists):  # else somebody else has unpacked it
                raise


def image_not_pulled(name: str, why: str) -> AdamantError:
    """The error of an image that no registry gives."""
    return AdamantError(
        "image-pull",
        f"the node cannot pull {name}",
        context=why,
        hint="check the image's name, the registry, and what the config says of it",
    )


def prepare(containerd: Containerd, snapshotter: str, key: str, below: str) -> Sequence[types_pb2.Mount]:
    """Make a snapshot that can be written, on that of `below`. Returns how it is mounted."""
    request = snapshots_pb2.PrepareSnapshotRequest(snapshotter=snapshotter, key=key, parent=below)
    response = snapshots_pb2.PrepareSnapshotResponse
    found: Sequence[types_pb2.Mount] = containerd.call(
        "snapshots.v1.Snapshots/Prepare", request, response, seconds=limits.CTR_SECONDS
    ).mounts
    return found


def remove_snapshot(containerd: Containerd, snapshotter: str, key: str) -> None:
    """Remove a snapshot, if it is there."""
    request = snapshots_pb2.RemoveSnapshotRequest(snapshotter=snapshotter, key=key)
    containerd.drop("snapshots.v1.Snapshots/Remove", request)


def _sent(
    wanted: Descriptor, pieces: Iterator[bytes], labels: Mapping[str, str]
) -> Iterator[content_pb2.WriteContentRequest]:
    name = f"adamant-{os.getpid()}-{next(_numbers)}-{wanted.digest}"
    offset = 0
    for data in pieces:
        yield content_pb2.WriteContentRequest(
            action=content_pb2.WRITE_ACTION_WRITE,
            ref=name,
            total=wanted.size,
            expected=wanted.digest,
            offset=offset,
            data=data,
        )
        offset += len(data)
    yield content_pb2.WriteContentRequest(
        action=content_pb2.WRITE_ACTION_COMMIT,
        ref=name,
        total=wanted.size,
        expected=wanted.digest,
        offset=offset,
        labels=labels,
    )
