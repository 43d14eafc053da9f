"""Volumes of the machine's config: disks of their own, found, made ready when empty, and mounted below /var/mnt."""
