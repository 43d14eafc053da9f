"""Adamant: an immutable Linux for container hosts, and the tools to build, run and update it."""
