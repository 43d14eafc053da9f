"""The index of a repository, as far as TUF lets this machine believe it (python-tuf, tuf.ngclient).

Trust begins with the root that the image carries, and follows its successors. What was seen once is kept on the state
partition, so that nobody can go back to older metadata.
"""

import inspect
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from adamant.core import files, limits
from adamant.model.errors import AdamantError, InputError, UnreachableError, VerificationError
from adamant.node.update.origin import HttpOrigin
from adamant.release import index, patches
from adamant.release.index import Index
from adamant.release.patches import Patches

ROOT = "usr/lib/adamant/repository/root.json"
"""Where an image carries the root that it trusts."""
_RELEASES = "releases.json"
_PATCHES = "patches.json"


def read_index(product: str, base: str, root: bytes, kept: Path, origin: HttpOrigin) -> tuple[Index, Patches]:
    """The releases of `product` in the repository at `base`, and its patches; metadata is kept in the folder `kept`.

    A list of patches that cannot be had or read is an empty one: an update needs none of them.

    Raises VerificationError `repository-untrusted` with the reason, or the origin's errors.
    """
    from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError  # noqa: PLC0415 - slow
    from tuf.ngclient import FetcherInterface, Updater  # noqa: PLC0415

    failed: list[AdamantError] = []

    class Fetcher(FetcherInterface):
        """Fetches by our own origin. TUF caps each length itself."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            try:
                yield from origin.whole(url.removeprefix(base.rstrip("/") + "/"))
            except FileNotFoundError as error:
                raise DownloadHTTPError("not there", 404) from error
            except AdamantError as error:
                failed.append(error)
                raise DownloadError(error.message) from error

    kept.mkdir(parents=True, exist_ok=True)
    _take_newer_root(root, kept)
    # Debian's python-tuf begins with the root.json that is kept; later ones want to be handed the first root.
    known = inspect.signature(Updater.__init__).parameters
    arguments: dict[str, Any] = {"bootstrap": root} if "bootstrap" in known else {}
    place, base = str(kept), base.rstrip("/")
    try:
        client = Updater(place, f"{base}/metadata/", place, f"{base}/targets/", Fetcher(), **arguments)
        client.refresh()
        target = client.get_targetinfo(f"{product}/{_RELEASES}")
        if target is None:
            raise AdamantError("product-unknown", f"the repository has no releases of {product}", context=base)
        data = Path(client.download_target(target, str(kept / _RELEASES))).read_bytes()
        patched = Patches(product)
        listed = client.get_targetinfo(f"{product}/{_PATCHES}")
        if listed is not None and listed.length <= limits.TUF_METADATA_SIZE:
            with suppress(DownloadError, RepositoryError, InputError):
                patched = patches.decode(Path(client.download_target(listed, str(kept / _PATCHES))).read_bytes())
    except DownloadError as error:
        raise failed[-1] if failed else UnreachableError("origin-unreachable", str(error), context=base) from error
    except RepositoryError as error:
        raise VerificationError(
            "repository-untrusted",
            f"the repository is not to be trusted: {error}",
            context=base,
            hint="an expired signature: adamant repo refresh; else do not use it, and ask who runs it",
        ) from error
    return index.decode(data), patched


def _take_newer_root(root: bytes, kept: Path) -> None:
    """Begin with the image's root, unless a newer one was reached from an older image's."""
    path = kept / "root.json"
    if not path.exists() or _version(root) > _version(path.read_bytes()):
        files.write_atomic(path, root)


def _version(root: bytes) -> int:
    try:
        return int(json.loads(root)["signed"]["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError("repository-untrusted", "the root of trust cannot be read") from error


def carried_root(root: Path) -> bytes:
    """The root that this image carries. Raises AdamantError `repository-no-root`."""
    path = root / ROOT
    if not path.exists():
        raise AdamantError(
            "repository-no-root",
            "this image trusts no repository",
            hint=f"adamant repo root REPO > root.json, and in the definition: files: [{{path: /{ROOT}, source: ...}}]",
        )
    return files.read_limited(path, limits.TUF_METADATA_SIZE, "root of the repository")
