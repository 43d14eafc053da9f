"""Compile Python files to unchecked-hash byte code; run by the interpreter of the tools tree.

Arguments: the folder with the sources, the folder for N.pyc. Standard input: a path a line, in order. A file that is
not valid for this Python (a template, a test of the parser) is left out: it is compiled when somebody imports it.
"""

import importlib.util
import marshal
import sys
import warnings
from pathlib import Path

# PEP 552: the magic number, then the flags: by hash (1), not checked against the source (2 is off).
HEADER = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")

source_folder, out_folder = (Path(argument) for argument in sys.argv[1:3])
out_folder.mkdir()
warnings.simplefilter("ignore")
for index, path in enumerate(sys.stdin.read().splitlines()):
    data = (source_folder / path).read_bytes()
    try:
        code = compile(data, "/" + path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        continue
    (out_folder / f"{index}.pyc").write_bytes(HEADER + importlib.util.source_hash(data) + marshal.dumps(code))
