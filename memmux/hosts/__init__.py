"""Hosts: the MCP clients of this machine, where each keeps its servers, and how memmux is put there and taken out.

catalogue      which hosts there are, and where their files are
command_lines  what a command line runs in the end
entry          a server's entry: what it says, what it runs, and the one that starts this memmux
json_edit      a change to one member of a JSON file with comments; every other byte stays
toml_edit      the same for TOML
config_file    a host's file: its servers, and changes to it that are checked
install        what an installation or a removal does to a file, before anything is written
writing        a backup, then the whole file at once
trial          starts what was written, as the host will
shadow         the console scripts of mcp-memory-service, for what can't be configured
"""
