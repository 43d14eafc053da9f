"""Captures of packets. The agent may not open raw sockets: the task `capture` does, and this passes its bytes on."""

from collections.abc import Iterator
from pathlib import Path

from adamant.api import capture_pb2 as pb
from adamant.api.methods import PORT
from adamant.node.calls import Call
from adamant.node.tasks import task

_SNAP_LENGTH = 65_535
_SECONDS = 10.0
_SIZE = 64 << 20
_MORE_SECONDS = 60.0
"""What a task has to start and to end, besides the time that it captures."""


def answer(request: pb.CaptureRequest, call: Call, folder: Path = task.FOLDER) -> Iterator[pb.CaptureAnswer]:
    """The answer to Capture. The task ends with the client."""
    seconds = request.seconds or _SECONDS
    asked = {
        "interface": request.interface,
        "snap_length": request.snap_length or _SNAP_LENGTH,
        "seconds": seconds,
        "size": request.size or _SIZE,
        "packets": request.packets,
        "hosts": list(request.hosts),
        "ports": list(request.ports),
        "protocols": list(request.protocols),
        # A capture of the packets that carry it to the client would feed itself.
        "but_port": 0 if PORT in request.ports else PORT,
    }
    with task.start("capture", asked, folder=folder, silence=min(seconds, 1e6) + _MORE_SECONDS) as running:
        call.on_end(running.close)
        for data in running:
            yield pb.CaptureAnswer(data=data)
        end = running.trailer
    yield pb.CaptureAnswer(
        end=pb.CaptureEnd(packets=end["packets"], size=end["bytes"], dropped=end["dropped"], reason=end["reason"])
    )
