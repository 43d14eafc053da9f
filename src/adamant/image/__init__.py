"""From a tree to bytes: EROFS, verity, initrd, UKI, signatures, partition table, disk formats."""
