"""Updates: fetch a release into the slot that is not in use, and hand it to the boot loader on trial."""
