"""Words that a machine's config adds to the kernel's command line, from the next boot on."""
