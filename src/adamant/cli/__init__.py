"""The command line: one file per command group. Parses, calls, renders; holds no logic."""
