"""docs/reference/errors.md: every error reference of the sources, read from their syntax trees.

A reference is the first argument of an error class of ours. It must be a literal (or a choice between literals), so
that each one can be searched for in the sources and listed here. A class that always has the same one gives it to
`super().__init__` instead.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from adamant.model.errors import ExitCode
from scripts.generators import cures

PAGE = "docs/reference/errors.md"

_MEANING: Mapping[ExitCode, str] = {
    ExitCode.FAILED: "Something failed on this computer.",
    ExitCode.USAGE: "What was given (a definition, an option, a file) is not valid.",
    ExitCode.VERIFICATION: "Bytes are not what a digest, a signature or a format says they must be. Do not use them.",
    ExitCode.UNREACHABLE: "A mirror, a repository or a node does not answer. Try again later.",
    ExitCode.BUSY: "Somebody else is at it, or the state of things forbids it now.",
}

_HEAD = """\
<!-- Made by scripts/generate from the sources: do not edit. -->
# Errors

Each error has a reference in square brackets, as in `[lock-missing]`. References are stable: scripts may rely on them,
and `--json` prints them as `error.reference`. The texts are for people and may change. `{...}` stands for what the
error fills in.

Other exit codes are 0 (done), 6 (done, but a reboot is needed), 70 (a bug of ours: please report it) and 130
(interrupted).
"""


@dataclass(slots=True)
class Reference:
    """One reference: its exit code, and the messages, hints and modules (relative to src/adamant) that carry it."""

    name: str
    exit_code: ExitCode
    messages: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)


class NotLiteral(Exception):
    """A reference that cannot be read from the sources."""


def collect(source: Path) -> dict[str, Reference]:
    """References of all modules below `source` (src/adamant), by name.

    Raises NotLiteral when a reference is computed, or has two exit codes.
    """
    trees = {path: ast.parse(path.read_bytes()) for path in sorted(source.rglob("*.py"))}
    classes = _error_classes(trees.values())
    own = {c.name: call for t in trees.values() for c in _classes(t) if c.name in classes and (call := _own_call(c))}
    found: dict[str, Reference] = {}
    for path, tree in trees.items():
        module = str(path.relative_to(source))
        calls = [(call, classes[_name(call.func)]) for call in _calls(tree, classes.keys() - own.keys())]
        calls += [(own[c.name], classes[c.name]) for c in _classes(tree) if c.name in own]
        for call, code in calls:
            for name in _literals(call, module):
                reference = found.setdefault(name, Reference(name, code))
                if reference.exit_code != code:
                    raise NotLiteral(f"{name} has exit codes {reference.exit_code.value} and {code.value} ({module})")
                _add(reference.messages, _texts(_argument(call, 1, "message")))
                _add(reference.hints, _texts(_argument(call, None, "hint")))
                _add(reference.modules, [module])
    return dict(sorted(found.items()))


def generate(root: Path) -> Mapping[str, bytes]:
    """The page of all references."""
    references = collect(root / "src" / "adamant")
    parts = [_HEAD]
    for code, meaning in _MEANING.items():
        parts.append(f"\n## Exit code {code.value}\n\n{meaning}\n")
        for reference in references.values():
            if reference.exit_code == code:
                parts.append(_section(reference))
    return {PAGE: "".join(parts).encode()}


def _section(reference: Reference) -> str:
    lines = [f"\n### {reference.name}\n\n"]
    lines += [f"- Says: {message}\n" for message in reference.messages]
    lines += [f"- What to do: {text}\n" for text in reference.hints or [_cure(reference)]]
    lines.append(f"- From: {', '.join(f'`{module}`' for module in reference.modules)}\n")
    return "".join(lines)


def _cure(reference: Reference) -> str:
    return cures.OF_REFERENCE.get(reference.name) or cures.OF_CODE[reference.exit_code]


def _error_classes(trees: Iterable[ast.Module]) -> dict[str, ExitCode]:
    """Names of AdamantError and of all its subclasses in `trees`, with their exit codes."""
    definitions = [definition for tree in trees for definition in _classes(tree)]
    codes = {"AdamantError": ExitCode.FAILED}
    while True:
        new = [d for d in definitions if d.name not in codes and any(_name(b) in codes for b in d.bases)]
        if not new:
            return codes
        for definition in new:
            inherited = next(codes[_name(base)] for base in definition.bases if _name(base) in codes)
            codes[definition.name] = _own_code(definition) or inherited


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _own_call(definition: ast.ClassDef) -> ast.Call | None:
    """The `super().__init__("reference", ...)` of an error class that fixes its reference."""
    for node in ast.walk(definition):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"),
                args=[ast.Constant(value=str()), *_],
            ):
                return node
    return None


def _own_code(definition: ast.ClassDef) -> ExitCode | None:
    for node in definition.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="exit_code")], value=ast.Attribute(attr=name))
                | ast.AnnAssign(target=ast.Name(id="exit_code"), value=ast.Attribute(attr=name))
            ):
                return ExitCode[name]
    return None


def _calls(tree: ast.Module, classes: Set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in classes:
            yield node


def _literals(call: ast.Call, module: str) -> list[str]:
    node = _argument(call, 0, "reference")
    choices = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    names = [c.value for c in choices if isinstance(c, ast.Constant) and isinstance(c.value, str)]
    carried = isinstance(node, ast.Attribute) and node.attr == "reference"  # an error passed on with more context
    if len(names) != len(choices) and not carried:
        raise NotLiteral(f"{module}, line {call.lineno}: write the reference as a literal")
    return names


def _argument(call: ast.Call, position: int | None, name: str) -> ast.expr | None:
    if position is not None and position < len(call.args):
        return call.args[position]
    return next((k.value for k in call.keywords if k.arg == name), None)


def _texts(node: ast.expr | None) -> list[str]:
    """The texts that an expression can be, each on one line, with `{name}` for what is filled in."""
    match node:
        case None:
            return []
        case ast.Constant(value=str(text)):
            return [_line(text)] if text else []
        case ast.JoinedStr():
            return [_line("".join(_piece(v) for v in node.values))]
        case ast.IfExp():
            return _texts(node.body) + _texts(node.orelse)
        case ast.BinOp(op=ast.Add()):
            return [_line("".join((_texts(n) or ["{...}"])[0] for n in (node.left, node.right)))]
        case _:
            return [f"{{{_name(node) or '...'}}}"]


def _piece(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    if isinstance(node.value, ast.Constant | ast.JoinedStr):
        return _texts(node.value)[0]
    return f"{{{_name(node.value) or '...'}}}"


def _name(node: ast.expr) -> str:
    """What an expression is called: the variable, the attribute, or nothing."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
        case _:
            return ""


def _line(text: str) -> str:
    return text.replace("\n", " · ").replace("<", "&lt;").replace("|", "\\|")


def _add(known: list[str], new: list[str]) -> None:
    known += [text for text in new if text not in known]
