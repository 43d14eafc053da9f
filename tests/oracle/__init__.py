"""The oracle: the same packages installed by dpkg, with their scripts, and a reason for each difference."""
