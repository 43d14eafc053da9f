"""Containers of the machine's config: each is a unit, whose program pulls the image and becomes ctr."""
