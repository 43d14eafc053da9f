"""The files of an ESP as firmware reads them, whatever a cut of the power has left of it."""

import hashlib
import zlib

from adamant.core.source import Source
from adamant.model.errors import VerificationError
from adamant.reading import fat
from tests.vm import write_log
from tests.vm.write_log import Part


class EspFiles:
    """An ESP as firmware reads it, which looks at nothing but the files that it wants."""

    def __init__(self, part: Part) -> None:
        self._part = part
        data = part.data
        self._source = Source("esp", len(data), lambda offset, length: bytes(data[offset : offset + length]))
        self._blocks: dict[object, list[int]] = {}
        self._digests: dict[object, str] = {}

    def names(self) -> dict[str, tuple[int, int]]:
        """Path, first cluster and size of each file that is there now."""
        self._geometry = fat._geometry(self._source)
        return self._names(self._geometry.root, "")

    def _names(self, first: int, folder: str) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for name, attributes, cluster, size in fat._entries(self._source, self._geometry, first):
            path = f"{folder}{name}"
            assert path not in found, f"{path} is there twice"
            if attributes & fat._FOLDER:
                found |= self._names(cluster, f"{path}/")
            else:
                found[path] = (cluster, size)
        return found

    def digest(self, place: tuple[int, int]) -> str:
        """Of what a file of the last `names` holds; empty when its clusters are not all there."""
        geometry, (first, size) = self._geometry, place
        shape = (place, zlib.crc32(geometry.table))
        if shape not in self._blocks:
            try:
                chain = fat._chain(geometry, first, -(-size // geometry.cluster)) if size else []
            except VerificationError:
                chain = []
            offsets = (geometry.data + (cluster - 2) * geometry.cluster for cluster in chain)
            self._blocks[shape] = sorted({offset // write_log.VERSIONED for offset in offsets})
        key = (shape, tuple(self._part.versions[block] for block in self._blocks[shape]))
        if key not in self._digests:
            try:
                file = fat._contents(self._source, geometry, "it", first, size)
                self._digests[key] = hashlib.sha256(file.exactly(0, size)).hexdigest()
            except VerificationError:
                self._digests[key] = ""
        return self._digests[key]
