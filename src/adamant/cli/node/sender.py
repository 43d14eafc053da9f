"""Answers a node's questions for parts of an exported release, while it updates from it.

gRPC takes a piece when the node has room for it, and only then the next one is read: memory holds one at a time.
"""

import queue
from collections.abc import Iterator
from typing import Any

from adamant.api import update_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError
from adamant.release.exported import Exported


class Sender:
    """What this side says in one call of UpgradeFrom: `start`, then answers to what `ask` is told, until `end`."""

    def __init__(self, exported: Exported, start: pb.UpgradeRequest) -> None:
        self._exported = exported
        self._start = start
        self._asked: queue.Queue[pb.UpgradeRead | None] = queue.Queue(limits.SENT_QUESTIONS + 1)

    def messages(self) -> Iterator[pb.UpgradeFromRequest]:
        """The messages, as gRPC takes them, in a thread of its own."""
        yield pb.UpgradeFromRequest(start=self._start)
        while (read := self._asked.get()) is not None:
            for piece in self.pieces(read):
                yield pb.UpgradeFromRequest(piece=pb.UpgradePiece(number=read.number, **piece))

    def ask(self, read: pb.UpgradeRead) -> None:
        """The node asks. Raises AdamantError `node-asks-too-much`."""
        if self._asked.qsize() >= limits.SENT_QUESTIONS:
            raise AdamantError("node-asks-too-much", "the node asks for more while it takes no answers")
        self._asked.put_nowait(read)

    def end(self) -> None:
        """Say no more. What was asked and not answered is left."""
        while True:
            try:
                self._asked.put_nowait(None)
            except queue.Full:
                self._asked.get_nowait()
            else:
                return

    def pieces(self, read: pb.UpgradeRead) -> Iterator[dict[str, Any]]:
        """The fields of each piece of an answer; the last one says that it is, or what is wrong."""
        first, size = read.offset, read.length
        try:
            if read.whole:
                first, size = 0, self._exported.size(read.path)
                if size > read.length:
                    raise AdamantError("export-read", f"{read.path[:200]} is too large: {size} bytes")
            for data in self._exported.read(read.path, first, size):
                yield {"data": data}
        except FileNotFoundError:
            yield {"missing": True}
        except AdamantError as error:
            yield {"failed": error.message[: limits.REASON_LENGTH]}
        except OSError as error:
            yield {"failed": f"it cannot be read: {error.strerror}"}
        else:
            yield {"last": True}
