"""Releases: repositories signed with TUF, what an update fetches, channels and waves."""
