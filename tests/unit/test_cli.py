"""The command line: every command helps itself with an example, completes, and ends with the exit code of its error."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from adamant.cli import main
from adamant.model.errors import (
    AdamantError,
    BusyError,
    ExitCode,
    InputError,
    UnreachableError,
    VerificationError,
)


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, (*path, name))


ALL = list(commands(main.root))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(p) or "adamant" for p, _ in ALL])
def test_every_command_helps_itself_with_an_example(path: tuple[str, ...], command: click.Command) -> None:
    for option in ("-h", "--help"):
        result = CliRunner().invoke(main.root, [*path, option])
        assert result.exit_code == 0
        assert "Example" in result.output
        assert command.help
        for named in (p.opts[0] for p in command.params if isinstance(p, click.Option) and not p.hidden):
            assert re.search(rf"^  (-\w, )?{named}\b", result.output, re.MULTILINE), f"{named} has no line"


@pytest.mark.parametrize("path", [path for path, command in ALL if isinstance(command, click.Group)], ids=" ".join)
def test_each_command_of_a_group_has_one_whole_line_in_its_help(path: tuple[str, ...]) -> None:
    listed = CliRunner().invoke(main.root, [*path, "--help"]).output.partition("\nCommands:\n")[2]
    lines = listed.partition("\n\n")[0].splitlines()
    assert lines
    assert [line for line in lines if line.endswith("...") or not re.match(r"  [a-z]", line)] == []


def test_help_shows_first_what_most_people_need() -> None:
    said = CliRunner().invoke(main.root, ["keys", "init", "-h"]).output
    first, _, rest = said.partition("\nKeys that you have, each with its certificate:\n")
    assert ("--product" in first, "--help" in first, "--platform-key" in first) == (True, True, False)
    assert "--exchange-certificate" in rest
    said = CliRunner().invoke(main.root, ["node", "enroll", "-h"]).output
    assert "--release" in said.partition("\nProof by the machine's TPM:\n")[2]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("adamant",), {"build", "lock", "up", "node", "machine"}),
        (("adamant", "node"), {"version", "health", "get"}),
        (("adamant", "machine"), {"list", "console", "stop", "delete"}),
        (("adamant", "config"), {"schema", "validate"}),
    ],
)
def test_commands_complete(words: tuple[str, ...], wanted: set[str]) -> None:
    completion = ShellComplete(main.root, {}, "adamant", "_ADAMANT_COMPLETE")
    found = {item.value for item in completion.get_completions(list(words[1:]), "")}
    assert wanted <= found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    result = CliRunner().invoke(main.root, ["completion", shell])
    assert result.exit_code == 0
    assert "_ADAMANT_COMPLETE" in result.output


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main.main(arguments)
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def test_a_missing_definition_is_an_error_with_a_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(["build", "-C", str(tmp_path)], capsys)
    assert code == ExitCode.USAGE
    assert out == ""
    assert "[definition-missing]" in err
    assert "adamant init" in err


def test_json_errors_are_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["build", "-C", str(tmp_path), "--json"], capsys)
    assert code == ExitCode.USAGE
    assert set(json.loads(out)["error"]) == {"reference", "message", "context", "hint"}


@pytest.mark.parametrize("arguments", [["nonsense"], ["build", "--nonsense"], ["machine", "stop"], ["lock", "--set"]])
def test_a_wrong_call_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(arguments, capsys)
    assert code == ExitCode.USAGE
    assert "Error" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AdamantError("a-failure", "x"), 1),
        (InputError("an-input", "x"), 2),
        (VerificationError("a-signature", "x"), 3),
        (UnreachableError("a-mirror", "x"), 4),
        (BusyError("a-lock", "x"), 5),
        (KeyboardInterrupt(), 130),
        (RuntimeError("x"), 70),
    ],
)
def test_each_error_has_its_exit_code(
    error: BaseException,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ADAMANT_STATE", str(tmp_path))

    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("adamant.cli.init.project.write_template", fail)
    assert run(["init", str(tmp_path / "x")], capsys)[0] == code
    if code == ExitCode.BUG:
        assert "RuntimeError" in (tmp_path / "bug.txt").read_text()


def test_init_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "host")], capsys)[0] == 0
    before = (tmp_path / "host/adamant.yaml").read_bytes()
    code, _, err = run(["init", str(tmp_path / "host")], capsys)
    assert code == ExitCode.BUSY
    assert "definition-exists" in err
    assert (tmp_path / "host/adamant.yaml").read_bytes() == before


def test_the_template_is_valid_and_names_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init", str(tmp_path / "3rd Host!")], capsys)
    code, out, _ = run(["config", "validate", "-C", str(tmp_path / "3rd Host!"), "--json"], capsys)
    assert code == 0
    assert json.loads(out)["name"] == "rd-host-"
