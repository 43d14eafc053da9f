"""Drift: what differs in /etc from the release, where /etc is on disk."""
