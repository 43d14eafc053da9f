"""The task `attest` of a machine whose TPM, a real one, has measured a boot of the recorded release."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from adamant.attestation.credential import Challenge
from adamant.model import attestation, manifest
from adamant.node.attest import collect
from adamant.node.attest.tpm import Tpm, Transmit
from adamant.node.tasks import serve
from adamant.node.tasks.answer import Answer
from adamant.packages.tools import ToolsTree
from tests.tool.chip import activating, chip, extend, flush
from tests.unit import quote_maker as maker

RECORDED = Path(__file__).parents[1] / "recorded"


@contextmanager
def proving(tree: ToolsTree, tasks: Path) -> Iterator[None]:
    """The task behind its socket in the folder `tasks`, for any number of callers; the TPM lies there too."""
    release = manifest.decode((RECORDED / "manifest.json").read_bytes())
    assert release.measured is not None
    events = maker.booted(release.measured)
    with chip(tree, tasks / "tpm") as transmit, socket.socket(socket.AF_UNIX) as listening:
        for event in events:
            extend(transmit, event)
        listening.bind(str(tasks / "attest"))
        listening.listen()

        def work(request: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
            answer.send(_opened(transmit, request) if "blob" in request else _quoted(transmit, request))
            flush(transmit)
            return {}

        def _quoted(transmit: Transmit, request: Mapping[str, Any]) -> bytes:
            found = collect.quote(Tpm(transmit), bytes.fromhex(request["nonce"]))
            return attestation.encode(replace(found, event_log=maker.encode_log(events)))

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    serve.serve(connection, work)

        threading.Thread(target=accept, daemon=True).start()
        yield
        listening.shutdown(socket.SHUT_RDWR)


def _opened(transmit: Transmit, request: Mapping[str, Any]) -> bytes:
    return activating(transmit)(Challenge(bytes.fromhex(request["blob"]), bytes.fromhex(request["secret"])))
