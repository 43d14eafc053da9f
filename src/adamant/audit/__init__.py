"""One list of rules, run on an image and on a node."""
