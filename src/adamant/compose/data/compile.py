"""Compile Python files to unchecked-hash byte code; run by the interpreter of the tools tree.

Arguments: the folder with the sources, the folder for N.pyc. Standard input: a path a line, in order. A file that is
not valid for this Python (a template, a test of the parser) is left out: it is compiled when somebody imports it.
"""

import importlib._bootstrap_external as external
import importlib.util
import os
import sys
import warnings

source_folder, out_folder = sys.argv[1:3]
os.mkdir(out_folder)
warnings.simplefilter("ignore")
for index, path in enumerate(sys.stdin.read().splitlines()):
    with open(os.path.join(source_folder, path), "rb") as source:
        data = source.read()
    try:
        code = compile(data, "/" + path, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        continue
    with open(os.path.join(out_folder, f"{index}.pyc"), "wb") as out:
        out.write(external._code_to_hash_pyc(code, importlib.util.source_hash(data), False))
