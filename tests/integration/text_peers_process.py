"""The comparison of the peers for texts with little material and few clients; prints the rows. Run by test_peers.py."""

from __future__ import annotations

import sys

from bench.harness import report
from bench.harness.material import Material
from bench.peers.text import table
from bench.peers.text.compare import compare

if __name__ == "__main__":
    memories, clients, *modules = sys.argv[1:]
    found = compare(Material.of(int(memories)), 0.05, counts=(1, int(clients)), starts=1, modules=modules)
    report.finish(table.rows(found), as_json=True)
