"""The command line: `memmux <command>`; docs/cli.md describes every command."""
