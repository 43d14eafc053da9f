"""Debian packages: solve, lock, fetch, read, review their maintainer scripts, and unpack the tools tree."""
