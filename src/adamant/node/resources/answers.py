"""The answers to Kinds, Get and Watch: from what collectors find to messages of the API."""

import importlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from adamant.api import node_pb2 as pb
from adamant.core import limits
from adamant.model.errors import AdamantError, InputError
from adamant.node.resources.found import Found, Sources
from adamant.node.resources.registry import KINDS, Kind
from adamant.node.resources.watching import Watches

_FORMATS = {
    "": pb.FORMAT_UNSPECIFIED,
    "bytes": pb.FORMAT_BYTES,
    "time": pb.FORMAT_TIME,
    "duration": pb.FORMAT_DURATION,
    "percent": pb.FORMAT_PERCENT,
    "digest": pb.FORMAT_DIGEST,
    "id": pb.FORMAT_ID,
}
_DIGITS = re.compile(r"([0-9]+)")


def columns(kind: Kind) -> list[pb.Column]:
    """The columns of a kind. One without a title is called by its field, without its unit."""
    found = []
    for word in kind.columns.split():
        title, _, rest = word.rpartition("=")
        field, _, form = rest.partition(":")
        plain = re.sub(r"_(?:bytes|usec)$", "", field.rpartition(".")[0] or field)
        found.append(pb.Column(title=title or plain.replace("_", " ").upper(), field=field, format=_FORMATS[form]))
    return found


def described(kind: Kind) -> pb.Kind:
    """A kind as the API tells it."""
    return pb.Kind(name=kind.name, description=kind.description, columns=columns(kind))


def find(name: str) -> Kind:
    """The kind of this name. Raises InputError `resource-kind`, which names the nearest one."""
    kind = KINDS.get(name)
    if kind is None:
        import difflib  # noqa: PLC0415 - for mistakes only

        near = difflib.get_close_matches(name[:80], KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else "adamant node get lists the kinds"
        raise InputError("resource-kind", f"there is no kind {name[:80]!r}", hint=hint)
    return kind


def resource(kind: Kind, found: Found) -> pb.Resource:
    """A resource of `kind` as the API tells it. Names need not be UTF-8; what is none of it is replaced."""
    name = found.name.encode("utf-8", "replace").decode()
    made = pb.Resource(name=name, reason=found.reason)
    for part, value in ((made.actual, found.actual), (made.desired, found.desired)):
        if value is not None:
            part.CopyFrom(pb.Spec(**{kind.field: value}))
    return made


def by_name(resources: Iterable[pb.Resource]) -> list[pb.Resource]:
    """Resources in the order of their names, numbers in them by their value."""
    return sorted(resources, key=lambda item: [int(p) if p.isdigit() else p for p in _DIGITS.split(item.name)])


class Resources:
    """What the agent answers of itself. `sources` is where it looks."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._watches = Watches(self.collect)

    def kinds(self) -> pb.KindsResponse:
        """The answer to Kinds."""
        return pb.KindsResponse(kinds=[described(kind) for kind in KINDS.values()])

    def collect(self, kind: Kind, names: Collection[str] = ()) -> list[pb.Resource]:
        """The resources of a kind as they are now. A name that is not there is left out.

        Raises AdamantError when the machine does not tell, `resource-count` when there are too many.
        """
        collector: Callable[[Sources], list[Found]] = getattr(
            importlib.import_module(kind.module), kind.collector.partition(":")[2]
        )
        try:
            found = collector(self._sources._replace(names=tuple(names)))
        except OSError as error:
            raise AdamantError("resource-unreadable", f"{kind.name} cannot be read: {error}") from error
        if len(found) > limits.RESOURCES:
            raise AdamantError(
                "resource-count",
                f"there are {len(found)} {kind.name}, more than {limits.RESOURCES}",
                hint="name those that you want",
            )
        made = by_name(resource(kind, item) for item in found)
        return [item for item in made if item.name in names] if names else made

    def get(self, request: pb.GetRequest) -> pb.GetResponse:
        """The answer to Get. Raises InputError `resource-kind`, `resource-unknown`."""
        kind, names = find(request.kind), _names(request.names)
        found = self.collect(kind, names)
        missing = sorted(names - {item.name for item in found})
        if missing:
            raise InputError(
                "resource-unknown",
                f"there is none of {kind.name} called {missing[0][:200]}",
                hint=f"adamant node get {kind.name} lists them",
            )
        answer = pb.GetResponse(kind=described(kind), resources=found)
        if answer.ByteSize() > limits.RPC_MESSAGE_SIZE:
            raise AdamantError(
                "resource-count",
                f"{len(found)} {kind.name} are more than one answer of {limits.RPC_MESSAGE_SIZE} bytes can hold",
                hint="name those that you want, or watch them: adamant node get -w",
            )
        return answer

    def watch(self, request: pb.WatchRequest, alive: Callable[[], bool]) -> Iterator[pb.WatchResponse]:
        """The answers to Watch, while the client is `alive`. Raises InputError `resource-kind`."""
        kind, names = find(request.kind), _names(request.names)
        first: Any = described(kind)
        for change, item in self._watches.follow(kind, names, alive):
            yield pb.WatchResponse(change=change, resource=item, kind=first)
            first = None


def _names(names: Collection[str]) -> set[str]:
    if len(names) > limits.RESOURCE_NAMES:
        raise InputError("resource-names", f"more than {limits.RESOURCE_NAMES} names", hint="ask for all of the kind")
    return set(names)
