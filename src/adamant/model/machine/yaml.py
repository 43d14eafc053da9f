"""A machine config from YAML: for people's side. Machines read the wire form alone, and have no YAML."""

from adamant.model.document import decode, locate
from adamant.model.errors import InputError
from adamant.model.machine.check import check
from adamant.model.machine.document import Machine
from adamant.model.machine.wire import to_wire
from adamant.model.posture import Posture


def read(data: bytes, name: str, posture: Posture | None = None) -> Machine:
    """The checked config in the YAML `data`; `name` stands for it in errors, which name the line and the path."""
    machine, located = decode(data, Machine, name)
    try:
        check(machine, posture)
    except InputError as error:
        raise locate(error, name, located) from error
    to_wire(machine)
    return machine
