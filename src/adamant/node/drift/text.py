"""How the text of a file below /etc differs from that of the release, read by the rules of node.files.

What is secret there is not shown here either.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

from adamant.api import drift_pb2 as pb
from adamant.api import logs_pb2 as logs
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node import files
from adamant.node.config.etc import FACTORY


def answer(request: pb.DriftTextRequest, root: Path) -> pb.DriftTextResponse:
    """The answer to DriftText. Raises InputError `drift-path`."""
    path = request.path
    if not path.startswith("/etc/") or any(part in {"", ".", ".."} for part in path[1:].split("/")):
        raise InputError("drift-path", f"not a path below /etc: {path[:120]!r}")
    why = files.secret(path)
    if why:
        return pb.DriftTextResponse(refused=f"not shown: {why}")
    try:
        old = _lines(root, f"/{FACTORY}/{path.removeprefix('/etc/')}")
        new = _lines(root, path)
    except AdamantError as error:
        return pb.DriftTextResponse(refused=f"not shown: {error.message}")
    if not old and not new and not (root / path[1:]).is_file():
        return pb.DriftTextResponse(refused="not shown: it is no file")
    return pb.DriftTextResponse(diff="".join(_diff(path, old, new)))


def _lines(root: Path, path: str) -> list[str]:
    """The lines of a file, none when there is no such file. Raises AdamantError for what is secret or no text."""
    if not (root / path[1:]).exists():
        return []
    request = logs.ReadRequest(path=path, length=limits.DRIFT_TEXT + 1)
    data = b"".join(chunk.data for chunk in files.read(request, root))
    if len(data) > limits.DRIFT_TEXT:
        raise AdamantError("drift-text", f"it has more than {limits.DRIFT_TEXT >> 10} KiB")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise AdamantError("drift-text", "it is no text") from error
    if "\0" in text:
        raise AdamantError("drift-text", "it is no text")
    return text.splitlines(keepends=True)


def _diff(path: str, old: list[str], new: list[str]) -> Iterator[str]:
    for line in difflib.unified_diff(old, new, f"release{path}", f"machine{path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
