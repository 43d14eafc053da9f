"""The index of a repository, as far as TUF lets this machine believe it (python-tuf, tuf.ngclient).

Trust begins with the root that the image carries, and follows its successors. What was seen once is kept on the state
partition, so that nobody can go back to older metadata. Metadata that ran out is told apart from metadata that is
wrong: the one may be this machine's clock. A clock that is behind would take what ran out for good, so it is told by
the timestamp: none holds longer than TIMESTAMP_DAYS.
"""

import inspect
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adamant.core import files, limits
from adamant.model.errors import AdamantError, BusyError, InputError, UnreachableError, VerificationError
from adamant.node.update.origin import Remote
from adamant.release import index, patches
from adamant.release.index import Index
from adamant.release.patches import Patches

ROOT = "usr/lib/adamant/repository/root.json"
"""Where an image carries the root that it trusts."""
_RELEASES = "releases.json"
_PATCHES = "patches.json"
_HISTORY = "root_history"
"""Roots that were believed, as N.root.json: where later ones of python-tuf keep them too."""
_A_ROOT = re.compile(r"metadata/([0-9]{1,9})\.root\.json")


def read_index(product: str, base: str, root: bytes, kept: Path, origin: Remote) -> tuple[Index, Patches]:
    """The releases of `product` in the repository at `base`, and its patches; metadata is kept in the folder `kept`.

    A list of patches that cannot be had or read is an empty one: an update needs none of them.

    Raises VerificationError `repository-untrusted` with the reason, `repository-expired`, BusyError `clock-behind`, or
    the origin's errors.
    """
    from tuf.api.exceptions import (  # noqa: PLC0415 - slow
        DownloadError,
        DownloadHTTPError,
        DownloadLengthMismatchError,
        ExpiredMetadataError,
        RepositoryError,
    )
    from tuf.ngclient import FetcherInterface  # noqa: PLC0415

    failed: list[AdamantError] = []
    roots: dict[int, bytearray] = {}
    base = base.rstrip("/")

    class Fetcher(FetcherInterface):
        """Fetches by our own origin. TUF caps each length itself."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            path = url.removeprefix(f"{base}/")
            match = _A_ROOT.fullmatch(path)
            seen = roots.setdefault(int(match[1]), bytearray()) if match else None
            try:
                for data in origin.whole(path):
                    if seen is not None:
                        seen += data
                    yield data
            except FileNotFoundError as error:
                raise DownloadHTTPError(f"there is no {path}", 404) from error
            except AdamantError as error:
                failed.append(error)
                raise DownloadError(error.message) from error

    now = datetime.now(UTC)
    try:
        client = _client(base, root, kept, Fetcher())
        try:
            client.refresh()
        finally:
            _keep_roots(kept, roots)
        _check_clock(kept, now)
        target = client.get_targetinfo(f"{product}/{_RELEASES}")
        if target is None:
            raise AdamantError("product-unknown", f"the repository has no releases of {product}", context=base)
        if target.length > limits.TUF_METADATA_SIZE:
            raise _untrusted(f"its index has {target.length} bytes", base)
        data = Path(client.download_target(target, str(kept / _RELEASES))).read_bytes()
        patched = Patches(product)
        listed = client.get_targetinfo(f"{product}/{_PATCHES}")
        if listed is not None and listed.length <= limits.TUF_METADATA_SIZE:
            with suppress(DownloadError, RepositoryError, InputError):
                patched = patches.decode(Path(client.download_target(listed, str(kept / _PATCHES))).read_bytes())
        _make_durable(kept)
    except DownloadLengthMismatchError as error:
        raise _untrusted(str(error), base) from error
    except DownloadError as error:
        raise failed[-1] if failed else UnreachableError("origin-unreachable", str(error), context=base) from error
    except ExpiredMetadataError as error:
        raise VerificationError(
            "repository-expired",
            f"the repository's signatures have run out ({error}), if it is {now:%Y-%m-%d %H:%M} UTC",
            context=base,
            hint="is the clock right (time.servers in the config)? If it is, nobody ran adamant repo refresh since",
        ) from error
    except RepositoryError as error:
        raise _untrusted(str(error), base) from error
    except OSError as error:
        raise files.write_failed(kept, error) from error
    found = index.decode(data)
    if found.product != product:
        raise _untrusted(f"it has the releases of {found.product} in the place of those of {product}", base)
    return found, patched


def _client(base: str, root: bytes, kept: Path, fetcher: Any) -> Any:
    """A client that goes on from what is kept when the image's root is one that led there, and else begins with it.

    Debian's python-tuf begins with the root.json that is kept; later ones want to be handed the first root, and follow
    the ones they kept from there. When what is kept cannot be read, it begins anew with the image's root.
    """
    from tuf.api.exceptions import RepositoryError  # noqa: PLC0415
    from tuf.api.metadata import Metadata  # noqa: PLC0415
    from tuf.ngclient import Updater, UpdaterConfig  # noqa: PLC0415

    arguments: dict[str, Any] = {"bootstrap": root} if "bootstrap" in inspect.signature(Updater).parameters else {}
    kept.mkdir(parents=True, exist_ok=True)
    led_here = kept / _HISTORY / f"{Metadata.from_bytes(root).signed.version}.root.json"
    if not led_here.exists() or led_here.read_bytes() != root:
        shutil.rmtree(kept / _HISTORY, ignore_errors=True)
        files.write_atomic(kept / "root.json", root)
        led_here.parent.mkdir(exist_ok=True)
        files.write_atomic(led_here, root)
    place, most = str(kept), limits.TUF_METADATA_SIZE
    config = UpdaterConfig(snapshot_max_length=most, targets_max_length=most)

    def client() -> Updater:
        return Updater(place, f"{base}/metadata/", place, f"{base}/targets/", fetcher, config, **arguments)

    try:
        return client()
    except (RepositoryError, FileNotFoundError):
        files.write_atomic(kept / "root.json", root)
        return client()


def _keep_roots(kept: Path, roots: Mapping[int, bytearray]) -> None:
    """Keep of the roots that came those that were believed: python-tuf takes one only when it has taken all before."""
    from tuf.api.metadata import Metadata  # noqa: PLC0415

    newest = Metadata.from_bytes((kept / "root.json").read_bytes()).signed.version
    for version, data in roots.items():
        if version <= newest:
            files.write_atomic(kept / _HISTORY / f"{version}.root.json", bytes(data))


def _check_clock(kept: Path, now: datetime) -> None:
    """Refuse a clock by which the timestamp, which was believed, would have been signed later than `now`."""
    from tuf.api.metadata import Metadata, Timestamp  # noqa: PLC0415

    expires = Metadata[Timestamp].from_bytes((kept / "timestamp.json").read_bytes()).signed.expires
    if expires - now > timedelta(days=limits.TIMESTAMP_DAYS):
        raise BusyError(
            "clock-behind",
            f"the clock of this machine says {now:%Y-%m-%d %H:%M} UTC, and the repository was signed later than that",
            hint="try again when it has the time from the network; time.servers in its config says from where",
        )


def _make_durable(kept: Path) -> None:
    """python-tuf does not sync what it keeps; after a power cut nobody may go back behind it all the same."""
    for path in kept.rglob("*.json"):
        with path.open("rb") as source:
            os.fsync(source.fileno())
    files.sync_folder(kept / _HISTORY)
    files.sync_folder(kept)


def _untrusted(why: str, base: str) -> VerificationError:
    return VerificationError(
        "repository-untrusted",
        f"the repository is not to be trusted: {why}",
        context=base,
        hint="do not use it, and ask who runs it",
    )


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
