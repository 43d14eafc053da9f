"""How the commands of `adamant node` reach machines, one or several, and how they show what these answer.

A command for any number of machines calls `ask` (one answer each) or `follow` (a stream each) with a function that
makes lines of an answer. One machine: its lines, or its JSON object, as they are. Several: asked in parallel, each line
begins with the machine's name, each JSON object is `{"node": NAME, "answer": ...}` or `{"node": NAME, "error": ...}`,
an error of one machine keeps no other from answering, and the exit code is the worst. A command that makes sense for
one machine only calls `connect`, which refuses several.
"""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adamant.cli import failure
from adamant.core import limits
from adamant.model.errors import AdamantError, ExitCode, InputError
from adamant.model.version import ADAMANT

if TYPE_CHECKING:
    from adamant.api.client import Node
    from adamant.api.contexts import Context

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which machines a command is for: contexts by name (none: the current one), or all there are."""

    names: tuple[str, ...] = ()
    every: bool = False


def chosen(ctx: click.Context) -> "list[tuple[str, Context]]":
    """Names and contexts of the machines that the command is for, in the order they were named in."""
    from adamant.api import contexts  # noqa: PLC0415 - gRPC is slow to import, and --help needs none

    choice: Choice = ctx.obj or Choice()
    if choice.every:
        found = sorted(contexts.read().contexts.items())
        if not found:
            raise InputError("context-unnamed", "there is no context", hint="adamant context add makes one")
    else:
        found = [contexts.find(name) for name in choice.names or (None,)]
    _warn_of_ends(found)
    return found


def one(ctx: click.Context) -> str | None:
    """The name of the context that the command is for, if one is named."""
    choice: Choice = ctx.obj or Choice()
    return choice.names[0] if choice.names else None


def connect(ctx: click.Context) -> "Node":
    """A connection to the one machine that the command is for."""
    machines = chosen(ctx)
    if len(machines) > 1:
        raise InputError("one-node-only", f"{ctx.command_path} is for one machine at a time", hint="name one with -c")
    return _open(*machines[0])


def _warn_of_ends(machines: "Sequence[tuple[str, Context]]") -> None:
    """Say so when a certificate of the person ends soon, or has ended: each once."""
    from adamant.api import contexts, pki  # noqa: PLC0415

    for path, name in {context.certificate: name for name, context in reversed(machines)}.items():
        try:
            ends = pki.facts(contexts.credentials(dict(machines)[name]).certificate).ends
        except AdamantError:
            continue  # whoever uses it says what is wrong
        left = ends - datetime.now(UTC)
        if left < timedelta(days=limits.EXPIRY_DAYS):
            when = f"ends on {ends:%Y-%m-%d}" if left > timedelta() else f"ended on {ends:%Y-%m-%d}"
            click.echo(
                f"{click.style('warning:', fg='yellow')} your certificate {path} {when}: "
                "have a new one made (adamant keys cluster client)",
                err=True,
            )


def _open(_name: str, context: "Context") -> "Node":
    from adamant.api import client, contexts  # noqa: PLC0415

    return client.connect(context.address, contexts.credentials(context))


def ask(
    ctx: click.Context,
    question: "Callable[[Node], T]",
    lines: Callable[[T], Iterable[str]],
    *,
    as_json: bool,
    code: Callable[[T], int] = lambda _answer: int(ExitCode.DONE),
) -> int:
    """Ask the machines that the command is for, show each answer, and return the exit code.

    `lines` makes the text of an answer, `code` its exit code. With one machine, its error is raised.
    """
    return ask_each(ctx, lambda _name, _context, node: question(node), lines, as_json=as_json, code=code)


def ask_each(
    ctx: click.Context,
    question: "Callable[[str, Context, Node], T]",
    lines: Callable[[T], Iterable[str]],
    *,
    as_json: bool,
    code: Callable[[T], int] = lambda _answer: int(ExitCode.DONE),
) -> int:
    """The same for a question that depends on what this computer knows of each machine: its name and its context."""
    machines = chosen(ctx)
    if len(machines) == 1:
        with _open(*machines[0]) as node:
            answer = question(*machines[0], node)
            _warn_of_skew(machines[0][0], node)
        if as_json:
            show_json(answer)
        else:
            click.echo("\n".join(lines(answer)))
        return code(answer)

    def one(name: str, context: "Context") -> T:
        with _open(name, context) as node:
            answer = question(name, context, node)
            _warn_of_skew(name, node)
            return answer

    codes = []
    width = max(len(name) for name, _ in machines)
    pool = ThreadPoolExecutor(limits.NODES_AT_ONCE)
    try:
        asked = [(name, pool.submit(one, name, context)) for name, context in machines]
        for name, running in asked:
            try:
                answer = running.result()
            except AdamantError as error:
                _tell(name, error, as_json)
                codes.append(int(error.exit_code))
                continue
            if as_json:
                click.echo(_object(name, answer))
            else:
                for line in lines(answer):
                    click.echo(_line(name, width, line))
            codes.append(code(answer))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return failure.worst(codes)


def follow(
    ctx: click.Context, question: "Callable[[Node], Iterable[T]]", line: Callable[[T], str], *, as_json: bool
) -> int:
    """Show what the machines that the command is for send, as it comes, until all of them have ended.

    With several machines, what each sends stays in its order. Returns the exit code; with one machine, its error is
    raised.
    """
    machines = chosen(ctx)
    with ExitStack() as connections:
        nodes = [(name, connections.enter_context(_open(name, context))) for name, context in machines]
        if len(nodes) == 1:
            for item in question(nodes[0][1]):
                if as_json:
                    show_json(item)
                else:
                    click.echo(line(item))
            return int(ExitCode.DONE)
        return _follow_several(nodes, question, line, as_json)


def _follow_several(
    nodes: "Sequence[tuple[str, Node]]",
    question: "Callable[[Node], Iterable[T]]",
    line: Callable[[T], str],
    as_json: bool,
) -> int:
    codes: list[int] = []
    bugs: list[Exception] = []
    width = max(len(name) for name, _ in nodes)
    printing = threading.Lock()

    def one(name: str, node: "Node") -> None:
        try:
            for item in question(node):
                text = _object(name, item) if as_json else _line(name, width, line(item))
                with printing:
                    click.echo(text)
        except AdamantError as error:
            with printing:
                _tell(name, error, as_json)
                codes.append(int(error.exit_code))
        except Exception as error:  # raised again below: a thread would lose it
            bugs.append(error)

    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if bugs:
        raise bugs[0]
    return failure.worst(codes)


def complete(ctx: click.Context, question: "Callable[[Node], Iterable[str]]", incomplete: str) -> list[str]:
    """Names that the first machine of the command knows and that begin with `incomplete`, for tab completion.

    A machine that does not answer at once has none: a person who presses Tab waits for nothing, and sees no error.
    """
    try:
        from adamant.api import client, contexts  # noqa: PLC0415

        _, context = contexts.find(next(iter(_typed(ctx)), None))
        with client.connect(context.address, contexts.credentials(context), limits.COMPLETION_SECONDS) as node:
            return sorted({name for name in question(node) if name.startswith(incomplete)})
    except Exception:  # also of files and keys that are broken: their commands say so
        return []


def complete_names(
    kind: str, holds: Callable[[str], bool] = lambda _name: True
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What completes the names of the machine's resources of a kind for which `holds`."""

    def names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        return complete(ctx, lambda node: filter(holds, (item.name for item in node.get(kind).resources)), incomplete)

    return names


def _typed(ctx: click.Context) -> Iterable[str]:
    """The names of machines that stand before the command on a line that is still being typed."""
    parent = ctx.parent
    while parent is not None:
        for part in parent.params.get("named") or ():
            yield from (name for name in part.split(",") if name)
        parent = parent.parent


def _line(name: str, width: int, text: str) -> str:
    return click.style(f"{name}:", fg="cyan") + " " * (width - len(name) + 1) + text


def _object(name: str, answer: Any) -> str:
    from adamant.api.types import to_json  # noqa: PLC0415

    return f'{{"node":{json.dumps(name)},"answer":{to_json(answer).decode()}}}'


def _warn_of_skew(name: str, node: "Node") -> None:
    """Say so when the node runs another version than this program, patch releases apart."""
    if node.adamant and node.adamant.split(".")[:2] != ADAMANT.split(".")[:2]:
        click.echo(
            f"{click.style('warning:', fg='yellow')} {name} runs Adamant {node.adamant}, this is {ADAMANT}: "
            "what one of them has new, the other does not know",
            err=True,
        )


def _tell(name: str, error: AdamantError, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"node": name, "error": failure.as_object(error)}))
    else:
        failure.show(error, name)


def show_json(answer: Any) -> None:
    """Print an answer as one JSON object on one line."""
    from adamant.api.types import to_json  # noqa: PLC0415

    click.echo(to_json(answer))


def plain(text: str) -> str:
    """What a machine said, without a byte that could move the cursor or set a colour."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)


def table(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of names and values, lined up."""
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def show_table(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values, lined up."""
    click.echo("\n".join(table(rows)))
