"""The table of commands: in which group each is shown, where it is, what it does in a line, and examples of it.

Nothing else is imported for it: `memmux --help` needs no module of a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Entry:
    """One command.

    where: module and attribute, below `memmux.cli`. text: what it does, in a line. examples: command lines, of which
    each does something that somebody wants.
    """

    where: str
    text: str
    examples: tuple[str, ...]


def _entry(where: str, text: str, *examples: str) -> Entry:
    return Entry(where, text, examples)


GROUPS: Mapping[str, Mapping[str, Entry]] = MappingProxyType(
    {
        "Memories": {
            "store": _entry(
                "memories.store",
                "Remember a text.",
                'memmux store "The deploy key of the shop lives in vault/shop" --tag ops',
                "git log -1 --format=%B | memmux store - --tag commits --type note",
            ),
            "search": _entry(
                "search.search",
                "Find the memories that answer a question best.",
                'memmux search "where is the shop\'s deploy key?"',
                'memmux search deploy --mode keyword --tag ops --when "last month"',
            ),
            "get": _entry("memories.get", "Print one memory.", "memmux get 019e1b6e", "memmux get 019e1b6e --json"),
            "list": _entry(
                "memories.list_memories",
                "List memories, the newest first.",
                "memmux list --after yesterday --limit 5",
                "memmux list --client claude-code --tag ops",
                "memmux list --deleted",
                "memmux list --as-of 1234",
            ),
            "update": _entry(
                "memories.update",
                "Change a memory.",
                'memmux update 019e1b6e --content "The deploy key moved to vault/new"',
                "memmux update 019e1b6e --metadata '{\"checked\": true}'",
            ),
            "delete": _entry("memories.delete", "Delete one memory.", "memmux delete 019e1b6e"),
            "forget": _entry(
                "forget.forget",
                "Delete all memories with these tags, of this time or file.",
                "memmux forget --tag draft --tag old --dry-run",
                "memmux forget --source ~/notes/old.txt",
            ),
            "namespaces": _entry(
                "names.namespaces", "Tell which namespaces there are, with counts.", "memmux namespaces"
            ),
            "tags": _entry("names.tags", "Tell which tags there are, with counts.", "memmux tags --all-namespaces"),
            "timeline": _entry(
                "timeline.timeline",
                "Tell what was stored, changed and deleted on each day.",
                "memmux timeline --when 'last week'",
                "memmux timeline --by tag --limit 5",
            ),
            "duplicates": _entry(
                "duplicates.duplicates",
                "List memories that say nearly the same.",
                "memmux duplicates --limit 5",
                "memmux duplicates --least 0.95 --all-namespaces",
            ),
        },
        "Files": {
            "ingest": _entry(
                "ingest.ingest",
                "Make memories of documents.",
                "memmux ingest ~/notes --tag notes",
                "memmux ingest manual.pdf --json",
            ),
            "export": _entry(
                "transfer.export_memories",
                "Write all memories to a file.",
                "memmux export memories.jsonl",
                "memmux export - | gzip > memories.jsonl.gz",
            ),
            "import": _entry(
                "transfer.import_memories",
                "Bring in the memories of a file.",
                "memmux import memories.jsonl",
                "memmux import ~/old/memories.db --dry-run",
                "zcat memories.jsonl.gz | memmux import -",
            ),
        },
        "Clients": {
            "install": _entry(
                "install.install",
                "Set up a client to start memmux.",
                "memmux install",
                "memmux install claude-code --dry-run",
                "memmux install --all",
            ),
            "mcp": _entry("mcp.mcp", "Speak MCP: what an MCP host is given to start.", "memmux mcp"),
            "uninstall": _entry(
                "uninstall.uninstall",
                "Remove what memmux made on this machine.",
                "memmux uninstall --dry-run",
                "memmux uninstall --data",
            ),
            "setup": _entry("setup.setup", "Get the embedding model, and make it ready.", "memmux setup"),
            "demo": _entry("demo.command.demo", "Show that it works, with many clients.", "memmux demo --clients 4"),
        },
        "Cluster": {
            "status": _entry(
                "cluster.status",
                "Show the state of the database's cluster.",
                "memmux status",
                "memmux --database ./project.db status --json",
            ),
            "clusters": _entry("clusters.clusters", "List the clusters of this machine.", "memmux clusters"),
            "top": _entry("top.command.top", "Watch the cluster at work.", "memmux top", "memmux top --once --json"),
            "tail": _entry(
                "tail.command.tail",
                "Show what the cluster's processes have logged.",
                "memmux tail -f --level warning",
                "memmux tail --since 10m --client claude-code",
            ),
            "settings": _entry(
                "settings.settings",
                "Show the settings, and where each comes from.",
                "memmux settings",
                "memmux settings readers log_level",
                "memmux settings --changed",
            ),
            "serve": _entry(
                "cluster.serve",
                "Serve the database in the foreground.",
                "memmux serve --log-level debug",
                'memmux serve --listen "tcp://*:7700"',
                "memmux serve --http",
            ),
            "web": _entry("web.web", "Open the page of the memory in a browser.", "memmux web", "memmux web --no-open"),
            "stop": _entry("cluster.stop", "Stop the cluster.", "memmux stop"),
            "restart": _entry(
                "cluster.restart",
                "Replace the cluster, while its clients go on.",
                "memmux restart",
                "memmux restart --readers 4",
            ),
            "service": _entry(
                "service.service",
                "Have systemd or launchd keep the cluster running.",
                "memmux service install --dry-run",
                "memmux service status",
            ),
        },
        "Safety": {
            "undo": _entry(
                "undo.undo",
                "Take changes of memories back.",
                "memmux undo --last",
                "memmux undo 1234-1240",
                'memmux undo --since "10 minutes ago"',
            ),
            "history": _entry("history.history", "Tell what happened to a memory.", "memmux history 019e1b6e"),
            "log": _entry(
                "log.log",
                "Tell who stored, changed and deleted what, and when.",
                "memmux log --client claude-code --since yesterday",
                "memmux log --kind deleted --limit 5",
                "memmux log --follow",
            ),
            "purge": _entry(
                "history.purge",
                "Remove deleted memories for good.",
                "memmux purge 019e1b6e",
                "memmux purge --deleted-before 2026-01-01",
            ),
            "backup": _entry(
                "maintenance.backup", "Make a backup, and check it.", "memmux backup", "memmux backup --to /mnt/disk"
            ),
            "restore": _entry(
                "maintenance.restore", "Put a backup in the place of the database.", "memmux restore --newest"
            ),
            "check": _entry("maintenance.check", "Check the database.", "memmux check", "memmux check --deep --repair"),
            "doctor": _entry("doctor.doctor", "Look for what is wrong, and say the remedy.", "memmux doctor"),
            "explain": _entry(
                "explain.explain", "Say what a code of an error or an event means.", "memmux explain model_missing"
            ),
            "docs": _entry("manual.docs", "Print the documents.", "memmux docs", "memmux docs operations"),
        },
        "Remote": {
            "key": _entry(
                "key.key",
                "Let clients of other machines in.",
                "memmux key add laptop --role write --endpoint tcp://desk.local:7700",
                "memmux key list",
                "memmux key revoke laptop",
            ),
            "connect": _entry(
                "connect.connect",
                "Use the memory of another machine.",
                "memmux connect laptop.memmux.json",
                "memmux connect --local",
            ),
        },
    }
)
"""Each group of the help, in its order, with its commands."""

COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {name: entry for commands in GROUPS.values() for name, entry in commands.items()}
)
"""Each command by its name."""
