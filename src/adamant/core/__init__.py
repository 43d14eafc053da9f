"""The edge of the process: the one door to programs, files, limits, events and the store of finished steps."""
