"""The dictionaries that commands make and print with `--json`, a module for each kind of commands."""
