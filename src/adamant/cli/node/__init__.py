"""`adamant node`: one file per command."""
