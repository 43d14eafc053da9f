"""A task of the node behind its socket, for one caller."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adamant.node.tasks import serve
from adamant.node.tasks.answer import Work


@contextmanager
def served(path: Path, work: Work, refused: int = 0) -> Iterator[threading.Thread]:
    """`work` behind the socket at `path`, in the thread that this gives, for the caller after `refused` ones.

    With these it hangs up without reading, as systemd does with one that is too many (systemd.socket, MaxConnections=).
    """
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def accept() -> None:
            for _ in range(refused):
                one_too_many, _ = listening.accept()
                with one_too_many:
                    one_too_many.recv(1, socket.MSG_PEEK)
            connection, _ = listening.accept()
            with connection:
                serve.serve(connection, work)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield thread
        thread.join(20)
        assert not thread.is_alive()
    path.unlink()
