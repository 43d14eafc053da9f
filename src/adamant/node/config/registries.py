"""Registries of a machine config as the folders that containerd looks into (containerd, docs/hosts.md).

It reads them at each pull, so nothing has to be restarted.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence

from adamant.model.machine.document import Registry
from adamant.model.machine.secret import Secret
from adamant.node.config.rendered import File

FOLDER = "run/adamant/containerd/certs.d"
_HUB = "registry-1.docker.io"


def files(registries: Sequence[Registry], reveal: Callable[[Secret], str]) -> dict[str, File]:
    """hosts.toml of each registry, and the certificate of its CA. `reveal` gives the text of a secret."""
    found: dict[str, File] = {}
    for registry in registries:
        folder = f"{FOLDER}/{registry.host}"
        lines = "\n".join(_hosts(registry, folder, reveal)) + "\n"
        found[f"{folder}/hosts.toml"] = File(lines.encode(), 0o600 if registry.auth else 0o644)
        if registry.ca is not None:
            found[f"{folder}/ca.crt"] = File(registry.ca.encode())
    return found


def _hosts(registry: Registry, folder: str, reveal: Callable[[Secret], str]) -> Iterator[str]:
    own = f"https://{_HUB if registry.host == 'docker.io' else registry.host}"
    last = own if registry.fallback or not registry.mirrors else registry.mirrors[-1]
    yield f"server = {json.dumps(last)}"
    for mirror in dict.fromkeys((*registry.mirrors, own if last == own else last)):
        yield f"[host.{json.dumps(mirror)}]"
        yield 'capabilities = ["pull", "resolve"]'
        if registry.ca is not None:
            yield f"ca = {json.dumps(f'/{folder}/ca.crt')}"
        if registry.auth is not None:
            words = f"{registry.auth.username}:{reveal(registry.auth.password)}"
            yield f"[host.{json.dumps(mirror)}.header]"
            yield f"Authorization = {json.dumps('Basic ' + base64.b64encode(words.encode()).decode())}"
