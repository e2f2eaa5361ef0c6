"""The shapes of what each command prints with `--json`: answers, and dictionaries that commands make.

`memmux.cli.docs.schema` makes the JSON Schema from them, and a test holds the commands to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from memmux.cli.docs.printed.clusters import (
    Clusters,
    Demo,
    Examined,
    LoggedOut,
    Restarted,
    Settings,
    Stopped,
    Web,
)
from memmux.cli.docs.printed.failures import NoCluster
from memmux.cli.docs.printed.files import (
    Backup,
    Checked,
    Exported,
    Given,
    Restored,
    Taken,
    TakenFiles,
    TakenLines,
    TakenOthers,
)
from memmux.cli.docs.printed.hosts import (
    InstalledClient,
    InstalledClients,
    Scripts,
    ServiceDone,
    ServicePlan,
    ServiceStatus,
)
from memmux.cli.docs.printed.keys import Connected, Keys, NewKey, NewToken, Revoked
from memmux.cli.docs.printed.memories import (
    Duplicates,
    Log,
    LoggedChange,
    Namespaces,
    Purged,
    Tags,
    UndoneChanges,
)
from memmux.cli.docs.printed.program import DocsPage, Explained, Model, Pages, Uninstalled
from memmux.cli.top.figures import View
from memmux.ingest.report import Ingested
from memmux.wire.answers import (
    Deleted,
    Forgotten,
    History,
    Memory,
    Page,
    SearchResult,
    Status,
    Stored,
    Timeline,
    Undone,
    Updated,
)

SHAPES: Mapping[str, tuple[type[Any], ...]] = MappingProxyType(
    {
        "store": (Stored,),
        "search": (SearchResult,),
        "get": (Memory,),
        "list": (Page,),
        "update": (Updated,),
        "delete": (Deleted,),
        "forget": (Forgotten,),
        "namespaces": (Namespaces,),
        "tags": (Tags,),
        "timeline": (Timeline,),
        "duplicates": (Duplicates,),
        "ingest": (Ingested,),
        "export": (Exported, Given),
        "import": (TakenLines, TakenOthers, Taken, TakenFiles),
        "install": (InstalledClient, InstalledClients, Scripts),
        "setup": (Model,),
        "demo": (Demo,),
        "status": (Status, NoCluster),
        "clusters": (Clusters,),
        "top": (View, NoCluster),
        "settings": (Settings,),
        "stop": (Stopped,),
        "restart": (Restarted,),
        "web": (Web, LoggedOut),
        "service": (ServiceStatus, ServiceDone, ServicePlan),
        "undo": (Undone, UndoneChanges),
        "history": (History,),
        "log": (Log, LoggedChange),
        "purge": (Purged,),
        "backup": (Backup,),
        "restore": (Restored,),
        "check": (Checked,),
        "doctor": (Examined,),
        "explain": (Explained,),
        "docs": (Pages, DocsPage),
        "uninstall": (Uninstalled,),
        "key add": (NewKey, NewToken),
        "key list": (Keys,),
        "key revoke": (Revoked,),
        "connect": (Connected,),
    }
)
"""What each command prints, one of these."""

ASKED_FOR: Mapping[str, frozenset[str]] = MappingProxyType(
    {"Hit": frozenset({"why", "before", "after"}), "SearchResult": frozenset({"short"}), "Page": frozenset({"short"})}
)
"""The fields of dataclasses that are left out where they were not asked for."""
