"""Containers of the machine's config: each is a unit, whose program has containerd run it and stands in for it."""
