"""Ingest: documents as memories. A file's text is cut into chunks, each of which is a memory of type `document`.

run             one ingest: the memories of files become what the files say; `ingest` does it, through a client
report          what became of them
sources         the files that memories are from: to delete what is known of those that are gone
files           which files an ingest reads, and the reading of their bytes
parser          a child process for what is in them: parser_process is what runs there, within limits of its own
formats         what is in a file: its title, its tags and its text
chunks          the cutting of a text

A file that did not change since is skipped; of one that did, the chunks that are gone are deleted, the new ones stored,
and the others stay. Nothing is imported here: the child has no use for a client.
"""
