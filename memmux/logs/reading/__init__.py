"""The logs of all processes of a cluster as one: merged by time, filtered, followed as they grow.

lines.py      when a line was written, from its first bytes
filters.py    which lines are wanted: a look at the bytes first, and only then at the JSON
files.py      one file, from where it was read to last time; whatever becomes of its name
folder.py     all files of a cluster, those that are yet to come too
stream.py     what is there in order of time, and then what comes
page.py       a line for people
"""
