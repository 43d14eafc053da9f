"""Maintainer scripts: recognised, reviewed or recorded, and never run on the image."""
