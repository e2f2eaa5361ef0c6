"""The MCP clients of this machine: where each keeps its servers, and how memmux gets into that file and out again.

catalogue      which clients there are, and where their files are
command_lines  what a command line runs in the end
entry          what a server's entry says, and what it runs: memmux, mcp-memory-service or something else; and ours
json_edit      a change to one member of a JSON file with comments; every other byte stays
toml_edit      the same for TOML
config_file    a client's file: its servers, and changes to it that are checked
install        what an installation or a removal does to a file, before anything is written
writing        the writing: a backup, then the whole file at once
trial          starts what was written, as the client will
shadow         the console scripts of mcp-memory-service, for what can't be configured
"""
