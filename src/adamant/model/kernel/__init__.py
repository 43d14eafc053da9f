"""Nouns of an own kernel: its definition, its config, its lock, and the artifact that a build leaves."""
