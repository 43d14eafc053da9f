"""A client of registries of images, for taking one image from one of them (OCI distribution-spec 1.1).

Which hosts are asked for a registry's images stands in a folder as containerd has it (containerd, docs/hosts.md), made
from the machine's config. They are asked in turn until one has the image.
"""

import http.client
import re
import ssl
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from adamant.core import files, limits
from adamant.model import decoders
from adamant.model.errors import AdamantError
from adamant.node.containerd import oci
from adamant.node.containerd.oci import Descriptor, Name

_HUB = {"docker.io": "registry-1.docker.io"}
_AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
_CHALLENGE = re.compile(r"\s*(?P<scheme>[A-Za-z]+)(\s+(?P<words>.*))?", re.DOTALL)
FAILURES = (OSError, http.client.HTTPException, ValueError, AdamantError)
"""What asking a host may raise."""


class Host(NamedTuple):
    """A host that may have a registry's images."""

    url: str
    """Where its API is, without /v2."""
    authorization: str = ""
    """What it wants to be told (RFC 9110, Authorization)."""
    ca: Path | None = None
    """Certificates that it may have been signed by, besides those that the machine trusts."""


def hosts(root: Path, folder: str, registry: str) -> list[Host]:
    """The hosts that are asked for images of `registry`, in turn. `folder` is relative to `root`."""
    own = f"https://{_HUB.get(registry, registry)}"
    path = root / folder / registry / "hosts.toml"
    if not path.exists():
        return [Host(own)]
    try:
        found = tomllib.loads(files.read_limited(path, limits.GENERATION_SIZE, "hosts of a registry").decode())
    except (OSError, ValueError) as error:
        raise AdamantError("registry-hosts", f"the hosts of {registry} cannot be read: {error}") from error
    named = [
        Host(url, words.get("header", {}).get("Authorization", ""), root / words["ca"][1:] if "ca" in words else None)
        for url, words in found.get("host", {}).items()
    ]
    last = found.get("server", own)
    return named if any(host.url == last for host in named) else [*named, Host(last)]


class _Redirects(urllib.request.HTTPRedirectHandler):
    """To another host nothing goes that says who asks, and from a protected connection none leads to an open one."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        there = urllib.parse.urlsplit(newurl)
        if there.scheme != "https" and (there.scheme != "http" or req.type == "https"):
            raise urllib.error.URLError(f"{req.host} sends on to {there.scheme}")
        again = super().redirect_request(req, fp, code, msg, headers, newurl)
        who = req.unredirected_hdrs.get("Authorization")
        if again is not None and who and there.netloc == req.host:
            again.add_unredirected_header("Authorization", who)
        return again


class Registry:
    """An image's registry, at one of its hosts."""

    def __init__(self, name: Name, host: Host, root: Path) -> None:
        self._name = name
        self._host = host
        context = ssl.create_default_context()
        for bundle in (root / _AUTHORITIES, host.ca):
            if bundle is not None and bundle.exists():
                context.load_verify_locations(bundle)
        self._opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPSHandler(context=context))
        self._authorization = host.authorization

    def manifest(self, wanted: str) -> tuple[Descriptor, bytes]:
        """The manifest or index by a digest or tag, and what names it."""
        with self._get(f"manifests/{wanted}", {"Accept": ", ".join(sorted(oci.INDEXES | oci.MANIFESTS))}) as answer:
            data = answer.read(limits.IMAGE_DOCUMENT_SIZE + 1)
            content_type = answer.headers.get_content_type()
        if len(data) > limits.IMAGE_DOCUMENT_SIZE:
            raise oci.malformed(f"a manifest above the limit of {limits.IMAGE_DOCUMENT_SIZE} bytes")
        if wanted.startswith("sha256:") and oci.digest(data) != wanted:
            raise oci.malformed(f"the manifest that came is not {wanted}")
        return oci.target(data, content_type), data

    def blob(self, wanted: Descriptor) -> Iterator[bytes]:
        """The bytes of a blob; who takes them holds them against the digest. A connection that breaks is made anew."""
        offset, failures = 0, 0
        while offset < wanted.size:
            try:
                for data in self._piece(wanted, offset):
                    offset, failures = offset + len(data), 0
                    yield data
            except urllib.error.HTTPError:
                raise
            except (OSError, http.client.HTTPException):
                failures += 1
                if failures > limits.REGISTRY_TRIES:
                    raise
                time.sleep(failures)

    def _piece(self, wanted: Descriptor, offset: int) -> Iterator[bytes]:
        with self._get(f"blobs/{wanted.digest}", {"Range": f"bytes={offset}-"} if offset else {}) as answer:
            skipped = offset if answer.status != http.client.PARTIAL_CONTENT else 0
            left = wanted.size - offset
            while skipped:
                gone = len(answer.read(min(skipped, limits.REGISTRY_PIECE)))
                if not gone:
                    raise http.client.IncompleteRead(b"", left)
                skipped -= gone
            while left:
                data = answer.read(min(left, limits.REGISTRY_PIECE))
                if not data:
                    raise http.client.IncompleteRead(b"", left)
                left -= len(data)
                yield data

    def _get(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        there = urllib.parse.urlsplit(self._host.url)
        base = there.path.rstrip("/")
        base = base if base.endswith("/v2") else f"{base}/v2"
        own = _HUB.get(self._name.host, self._name.host)
        query = "" if there.netloc == own else f"?ns={urllib.parse.quote(self._name.host)}"  # which of its registries
        url = f"{there.scheme}://{there.netloc}{base}/{self._name.path}/{path}{query}"
        try:
            return self._open(url, headers, self._authorization)
        except urllib.error.HTTPError as error:
            if error.code != http.client.UNAUTHORIZED:
                raise
            error.close()
            self._authorization = self._answer(error.headers.get_all("WWW-Authenticate", []), there.scheme)
            return self._open(url, headers, self._authorization)

    def _open(self, url: str, headers: Mapping[str, str], authorization: str) -> http.client.HTTPResponse:
        request = urllib.request.Request(url, headers={"User-Agent": "adamant", **headers})  # noqa: S310 - http(s)
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        answer: http.client.HTTPResponse = self._opener.open(request, timeout=limits.REGISTRY_SECONDS)
        return answer

    def _answer(self, challenges: list[str], scheme: str) -> str:
        """What to say to who asks for a token (CNCF distribution, spec/auth/token)."""
        for challenge in challenges:
            match = _CHALLENGE.fullmatch(challenge)
            if match is None or match["scheme"].lower() != "bearer":
                continue
            listed = [word for word in urllib.request.parse_http_list(match["words"] or "") if "=" in word]
            words = urllib.request.parse_keqv_list(listed)
            realm = urllib.parse.urlsplit(words.get("realm", ""))
            if realm.scheme != "https" and (realm.scheme != "http" or scheme == "https"):
                raise AdamantError("registry-refused", f"its tokens come from {realm.scheme or 'nowhere'}")
            asked = {"service": words.get("service", ""), "scope": f"repository:{self._name.path}:pull"}
            query = urllib.parse.urlencode({name: value for name, value in asked.items() if value})
            with self._open(f"{realm.geturl()}?{query}", {}, self._host.authorization) as answer:
                return f"Bearer {_token(answer.read(limits.REGISTRY_TOKEN_SIZE))}"
        raise AdamantError("registry-refused", "it asks for a name and a password (registries[].auth)")


def _token(data: bytes) -> str:
    try:
        found = decoders.of(dict[str, Any]).decode(data)
    except msgspec.DecodeError as error:
        raise AdamantError("registry-refused", "what it gave is no token") from error
    token = found.get("token") or found.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise AdamantError("registry-refused", "what it gave is no token")
    return token


def explain(host: Host, error: Exception) -> str:
    """Why a host did not give an image, in a line."""
    if isinstance(error, urllib.error.HTTPError):
        why = f"it answers {error.code} {error.reason}"
    elif isinstance(error, urllib.error.URLError):
        why = str(error.reason)
    else:
        why = str(error) or type(error).__name__
    return f"{host.url}: {why}"[:300]
