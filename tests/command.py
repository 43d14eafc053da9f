"""The command line as a person calls it, in the process of the test."""

import pytest

from adamant.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of `adamant ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        main.main(list(arguments))
    out, err = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err
