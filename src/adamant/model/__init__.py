"""The nouns of Adamant as plain, frozen values. No I/O; imports nothing else of ours."""
