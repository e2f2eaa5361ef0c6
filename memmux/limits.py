"""Every limit on what may be sent: the one place that knows the numbers. Each limit's error names its number."""

from __future__ import annotations

CONTENT_BYTES = 1 << 20  # of one memory, as UTF-8
QUERY_BYTES = 64 << 10  # of one search, as UTF-8
METADATA_BYTES = 64 << 10  # of one memory, as JSON
TAGS = 64  # of one memory, or of one filter
TAG_CHARACTERS = 128
TYPE_CHARACTERS = 128
NAMESPACE_CHARACTERS = 128
SEARCH_LIMIT = 1000  # hits of one search
SEARCH_OFFSET = 10_000  # hits that a search leaves out
LIST_LIMIT = 1000  # memories of one page
NAMES = 1000  # namespaces or tags that are counted at once
BATCH_MEMORIES = 256  # of one memory.store_batch
DUMP_MEMORIES = 256  # of one memory.dump or memory.load
ALIASES = 64  # that a memory is stored or loaded with
LINKS = 4096  # that start at one memory
ORIGIN_BYTES = 1 << 20  # of what a memory's former home knew, as JSON
GRAPH_HOPS = 16  # links from a memory that one memory.graph follows
GRAPH_NODES = 500  # memories of one memory.graph
FORGOTTEN = 100_000  # memories of one memory.forget
SIMILAR = 5  # memories that a store names as similar
HISTORY = 1000  # changes of one memory.history
EXPRESSION_CHARACTERS = 256  # of one time expression
CHUNK_CHARACTERS = 100_000  # of one chunk of a document
INGEST_FILES = 10_000  # of one ingest
INGEST_FILE_BYTES = 64 << 20  # of one file
INGEST_CHARACTERS = 16 << 20  # of the text in one file
INGEST_CHUNKS = 20_000  # of one file
INGEST_PAGES = 5000  # of one PDF, and chapters of one EPUB
INGEST_UNPACKED_BYTES = 64 << 20  # of what one docx or EPUB unpacks to
INGEST_MEMORY_BYTES = 768 << 20  # of the process that reads files, all of its address space
INGEST_CPU_S = 20.0  # of processor time for one file, and more for a large one:
INGEST_CPU_S_PER_MIB = 5.0
INGEST_WALL = 3  # times that, by the clock: the machine has other work
HEADER_BYTES = 16 << 10
MESSAGE_BYTES = 64 << 20  # all frames together
FRAMES = 16  # of one message
DEADLINE_MS = 10 * 60 * 1000  # the longest a request may ask for
SESSIONS = 1024  # clients of one cluster
KEY_SESSIONS = 64  # clients of one key
KEY_CHARACTERS = 64  # of a key's name
KEY_NAMESPACES = 64  # that a key is bound to, or a filter names
IN_FLIGHT = 256  # requests of one client
QUEUE = 2048  # requests waiting for one kind of worker
ATTEMPTS = 3  # workers that may die of one request
