from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from memmux.errors import ArgumentInvalidError, ClientFileError, ReplacementNeededError, ServerNameTakenError
from memmux.hosts import install as plans
from memmux.hosts.catalogue import HOSTS, Host
from memmux.hosts.config_file import Document
from memmux.hosts.entry import Entry, parse
from memmux.hosts.install import Plan, Status
from memmux.hosts.machine import Machine
from tests.unit.memmux.hosts.home import apply, others

ENTRY = Entry("/venv/bin/memmux", ("mcp",), {"MEMMUX_DATABASE": "/data/m.db"})
PLATFORMS = ("linux", "darwin", "win32")

Read = Callable[..., Document]


def _no_shadows(_: str) -> bool:
    return False


def _install(document: Document, entry: Entry = ENTRY, name: str | None = None, *, replace: bool = False) -> Plan:
    return plans.install(document, entry, _no_shadows, name=name, replace=replace)


def _uninstall(document: Document, name: str | None = None) -> Plan:
    return plans.uninstall(document, _no_shadows, name=name)


def _cursor(machine: Machine, text: str) -> Document:
    file = HOSTS["cursor"].user_file(machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return Document.of(HOSTS["cursor"], file)


def _servers(document: Document) -> Mapping[str, object]:
    servers = document.value[document.client.servers]
    assert isinstance(servers, Mapping)
    return servers


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", HOSTS)
def test_a_client_without_a_file_gets_one_and_loses_it_again(name: str, platform: str, tmp_path: Path) -> None:
    client = HOSTS[name]
    file = client.user_file(Machine(tmp_path / "a home", platform, {}))
    plan = _install(Document.of(client, file))
    assert plan.status is Status.INSTALLED
    assert apply(plan) is None
    installed = Document.of(client, file)
    raw = installed.value[client.servers]["memory"]
    assert parse(raw) == ENTRY
    assert raw.get("type") == client.shape.get("type")
    assert list(installed.value) == [client.servers]
    assert installed.text.endswith("\n")
    backup = apply(_uninstall(installed))
    assert not file.exists()
    assert backup is not None
    assert backup.read_bytes() == installed.content


def test_other_servers_and_comments_stay_and_a_removal_restores_every_byte(client: Host, document: Read) -> None:
    before = document(others(client))
    plan = _install(before)
    backup = apply(plan)
    assert backup is not None
    assert backup.read_bytes() == before.content
    after = document()
    assert "keep" in after.text
    assert "mine" in after.text
    assert dict(_servers(after)).keys() == {"docs", "memory"}
    removed = _uninstall(after)
    assert removed.status is Status.REMOVED
    apply(removed)
    assert document().content == before.content


@pytest.mark.parametrize("line", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "text", ["", "{}", "{ }", '{\n  "mcpServers": {\n  }\n}', '{"mcpServers": {}, "a": 1}', "// none\n"]
)
def test_a_removal_restores_what_the_installation_had_to_make_room_in(text: str, line: str, machine: Machine) -> None:
    before = _cursor(machine, text.replace("\n", line))
    apply(_install(before))
    apply(_uninstall(Document.of(before.client, before.file)))
    assert before.file.read_bytes() == before.content


def test_a_removal_after_other_changes_leaves_those(client: Host, document: Read) -> None:
    apply(_install(document(others(client))))
    changed = document(document().text.replace("npx", "bunx"))
    apply(_uninstall(changed))
    assert document().text == others(client).replace("npx", "bunx")


def test_a_second_installation_finds_the_first_and_writes_nothing(client: Host, document: Read) -> None:
    apply(_install(document(others(client))))
    file = document().file
    listed = sorted(file.parent.iterdir())
    plan = _install(document())
    assert plan.status is Status.UNCHANGED
    assert plan.diff() == ""
    assert apply(plan) is None
    assert sorted(file.parent.iterdir()) == listed


def test_the_only_server_of_a_file_that_somebody_wrote_goes_and_what_is_about_the_rest_stays(machine: Machine) -> None:
    file = HOSTS["codex"].user_file(machine)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[mcp_servers.memory]\ncommand = "memmux"\n\n# about tui\n[tui]\nx = 1\n')
    apply(_uninstall(Document.of(HOSTS["codex"], file)))
    assert file.read_text() == "# about tui\n[tui]\nx = 1\n"


def test_a_removal_where_nothing_is_writes_nothing(client: Host, document: Read) -> None:
    plan = _uninstall(document(others(client)))
    assert plan.status is Status.ABSENT
    assert apply(plan) is None
    assert document().text == others(client)


def test_a_plan_alone_writes_nothing_and_its_diff_is_the_whole_change(client: Host, document: Read) -> None:
    before = document(others(client))
    listed = list(before.file.parent.iterdir())
    plan = _install(before)
    diff = plan.diff()
    assert before.file.read_bytes() == before.content
    assert list(before.file.parent.iterdir()) == listed
    assert diff.startswith(f"--- {before.file}\n+++ {before.file}\n@@ ")
    assert "/venv/bin/memmux" in diff
    assert not [line for line in diff.splitlines()[2:] if line.startswith("-")]


def test_an_entry_with_an_old_path_is_brought_up_to_date_and_keeps_what_the_user_added(
    client: Host, document: Read
) -> None:
    apply(_install(document(others(client)), Entry("/gone/bin/memmux", ("mcp",), {"MEMMUX_TOOLS": "full"})))
    text = document().text
    plan = _install(document())
    assert plan.status is Status.UPDATED
    apply(plan)
    entry = parse(_servers(document())["memory"])
    assert entry == Entry(ENTRY.command, ENTRY.args, {"MEMMUX_TOOLS": "full", **(ENTRY.env or {})})
    assert document().text.replace("/venv", "/gone").startswith(text[: text.index("/gone")])


def test_keys_that_only_the_client_knows_stay(machine: Machine) -> None:
    document = _cursor(
        machine,
        '{"mcpServers": {"memory": {"command": "memmux", /* mine */ "args": ["mcp"], "disabled": true, "cwd": "/x"}}}',
    )
    apply(_install(document, Entry("/venv/bin/memmux", ("mcp",))))
    assert document.file.read_text() == document.text.replace('"memmux"', '"/venv/bin/memmux"')


def test_memmux_keeps_the_name_that_it_has(machine: Machine) -> None:
    document = _cursor(machine, '{"mcpServers": {"mux": {"command": "/gone/memmux", "args": ["mcp"]}}}')
    plan = _install(document)
    assert (plan.name, plan.status) == ("mux", Status.UPDATED)
    assert list(json.loads(plan.after or b"")["mcpServers"]) == ["mux"]


def test_several_of_ours_stay_apart_by_name(machine: Machine) -> None:
    document = _cursor(machine, "{}")
    apply(_install(document, name="work"))
    again = Document.of(document.client, document.file)
    apply(_install(again, Entry("/venv/bin/memmux", ("mcp",)), name="home"))
    both = Document.of(document.client, document.file)
    assert list(_servers(both)) == ["work", "home"]
    with pytest.raises(ArgumentInvalidError, match="work, home; say which with --name"):
        _uninstall(both)
    apply(_uninstall(both, "work"))
    assert list(_servers(Document.of(document.client, document.file))) == ["home"]


def test_another_server_of_the_name_is_left_alone(machine: Machine) -> None:
    text = '{"mcpServers": {"memory": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-memory"]}}}'
    document = _cursor(machine, text)
    for attempt in (lambda: _install(document, replace=True), lambda: _uninstall(document, "memory")):
        with pytest.raises(ServerNameTakenError, match=r"server-memory.*--name"):
            attempt()
    assert document.file.read_text() == text
    assert _install(document, name="memmux").status is Status.INSTALLED


# in the place of mcp-memory-service

THEIRS = {
    "json": """{{
  "{servers}": {{
    "memory": {{ // since 2025
      "command": "uv",
      "args": [
        "--directory",
        "/src/mcp-memory-service",
        "run",
        "memory"
      ],
      "cwd": "/src",
      "env": {{
        "MCP_MEMORY_SQLITE_PATH": "/data/theirs.db", // here
        "PYTHONPATH": "/src"
      }},
      "timeout": 30
    }},
    "docs": {{"command": "npx"}}
  }}
}}
""",
    "toml": """[{servers}.memory] # since 2025
command = "uv"
args = ["--directory", "/src/mcp-memory-service", "run", "memory"]
cwd = "/src"
timeout = 30

[{servers}.memory.env]
MCP_MEMORY_SQLITE_PATH = "/data/theirs.db" # here
PYTHONPATH = "/src"

[{servers}.docs]
command = "npx"
""",
}


def theirs_of(client: Host) -> str:
    """A file of this client with mcp-memory-service."""
    text = THEIRS[client.format].format(servers=client.servers)
    if client.one_list:
        text = text.replace('"command": "uv",\n      "args": [', '"command": [\n        "uv",')
    return text.replace('"env"', f'"{client.env}"')


def test_their_entry_is_not_replaced_unless_that_is_said(client: Host, document: Read) -> None:
    theirs = document(theirs_of(client))
    for name in (None, "memory"):
        with pytest.raises(ReplacementNeededError, match="--replace"):
            _install(theirs, name=name)
    beside = _install(theirs, name="memmux")
    assert beside.status is Status.INSTALLED
    apply(beside)
    assert list(_servers(document())) == ["memory", "docs", "memmux"]


def test_replacing_their_entry_keeps_its_name_its_place_and_its_variables(client: Host, document: Read) -> None:
    theirs = document(theirs_of(client))
    plan = _install(theirs, replace=True)
    assert (plan.name, plan.status) == ("memory", Status.REPLACED)
    assert plan.notes == ("PYTHONPATH was meant for another Python and is left out",)
    backup = apply(plan)
    assert backup is not None
    assert backup.read_bytes() == theirs.content
    servers = _servers(document())
    assert list(servers) == ["memory", "docs"]
    memory = servers["memory"]
    assert isinstance(memory, Mapping)
    assert parse(memory) == Entry(
        ENTRY.command, ENTRY.args, {"MCP_MEMORY_SQLITE_PATH": "/data/theirs.db", "MEMMUX_DATABASE": "/data/m.db"}
    )
    assert memory["timeout"] == 30
    assert "cwd" not in memory
    assert "since 2025" in document().text
    assert "here" in document().text
    assert _install(document(), replace=True).status is Status.UNCHANGED
    removed = _uninstall(document())
    assert list(json.loads(json.dumps(Document.parse(client, theirs.file, removed.after).value))[client.servers]) == [
        "docs"
    ]


def test_what_a_user_made_of_an_entry_stays_and_what_is_another_clients_goes(machine: Machine) -> None:
    for name, text, wanted in (
        (
            "copilot",
            '{"mcpServers": {"memory": {"type": "local", "tools": ["get"], "command": "memmux", "args": ["mcp"]}}}',
            {"type": "local", "tools": ["get"], "command": ENTRY.command, "args": ["mcp"], "env": ENTRY.env},
        ),
        (
            "opencode",
            '{"mcp": {"memory": {"command": "memmux", "args": ["mcp"], "enabled": false}}}',
            {
                "type": "local",
                "command": [ENTRY.command, "mcp"],
                "enabled": False,
                "environment": ENTRY.env,
            },
        ),
    ):
        client = HOSTS[name]
        document = Document.parse(client, client.user_file(machine), text.encode())
        said = json.loads(_install(document).after or b"")
        assert said[client.servers]["memory"] == wanted


def test_only_the_users_file_of_claude_code_is_made_private(machine: Machine) -> None:
    client = HOSTS["claude-code"]
    assert _install(Document.of(client, client.user_file(machine))).private
    assert not _install(Document.of(client, client.project_file(machine.home))).private
    assert not _install(Document.of(HOSTS["cursor"], HOSTS["cursor"].user_file(machine))).private


def test_their_entry_moves_to_another_name_if_one_is_given(machine: Machine) -> None:
    document = _cursor(machine, '{"mcpServers": {"mms": {"command": "memory", "args": ["server"], "env": {"A": "1"}}}}')
    plan = _install(document, name="memory", replace=True)
    assert json.loads(plan.after or b"")["mcpServers"] == {
        "memory": {
            "command": ENTRY.command,
            "args": ["mcp"],
            "env": {"MEMMUX_TOOLS": "full", "A": "1", "MEMMUX_DATABASE": "/data/m.db"},
        }
    }


def test_what_is_ours_already_wins_over_what_is_taken_from_theirs(machine: Machine) -> None:
    document = _cursor(
        machine,
        '{"mcpServers": {"memmux": {"command": "memmux", "args": ["mcp"], "env": {"A": "ours"}},'
        ' "memory": {"command": "memory", "args": ["server"], "env": {"A": "theirs", "B": "2"}}}}',
    )
    plan = _install(document, Entry("/venv/bin/memmux", ("mcp",)), replace=True)
    servers = json.loads(plan.after or b"")["mcpServers"]
    assert list(servers) == ["memmux"]
    assert servers["memmux"]["env"] == {"MEMMUX_TOOLS": "full", "A": "ours", "B": "2"}


@pytest.mark.parametrize(
    ("theirs", "tools"),
    [({}, "full"), ({"MEMMUX_TOOLS": "core"}, "core"), ({"MCP_AGENT_ID": "ada"}, None)],  # of which the server knows
)
def test_users_of_theirs_get_all_tools(theirs: dict[str, str], tools: str | None, machine: Machine) -> None:
    server = {"command": "memory", "args": ["server"], "env": theirs}
    plan = _install(_cursor(machine, json.dumps({"mcpServers": {"memory": server}})), replace=True)
    assert plan.entry is not None
    assert (plan.entry.env or {}).get("MEMMUX_TOOLS") == tools


def test_entries_that_claude_code_has_for_single_projects_are_replaced_too(machine: Machine) -> None:
    client = HOSTS["claude-code"]
    file = client.user_file(machine)
    file.parent.mkdir(parents=True)
    theirs = {"type": "stdio", "command": "memory", "args": ["server"], "env": {"MCP_AGENT_ID": "ada"}}
    file.write_text(json.dumps({"projects": {"/work": {"mcpServers": {"memory": theirs, "x": {}}, "n": 1}}}, indent=2))
    document = Document.of(client, file)
    with pytest.raises(ReplacementNeededError):
        _install(document)
    said = json.loads(_install(document, replace=True).after or b"")
    assert said["projects"] == {"/work": {"mcpServers": {"x": {}}, "n": 1}}
    assert said["mcpServers"]["memory"]["env"]["MCP_AGENT_ID"] == "ada"


# files that are left alone


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"mcpServers": 5}',
        b'{"mcpServers": []}',
        b"[]",
        b'{"mcpServers": {}',
        b'\xff\xfe{"a": 1}',
        b"mcpServers = {}",
    ],
)
def test_a_file_that_can_not_be_understood_is_refused_and_left_alone(content: bytes, machine: Machine) -> None:
    file = HOSTS["cursor"].user_file(machine)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(ClientFileError, match=r"mcp\.json can't be understood and was left as it is: .*; correct it"):
        Document.of(HOSTS["cursor"], file)
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_a_broken_toml_file_is_refused_with_its_line(machine: Machine) -> None:
    file = HOSTS["codex"].user_file(machine)
    file.parent.mkdir(parents=True)
    file.write_text('model = "o3"\n[mcp_servers\n')
    with pytest.raises(ClientFileError, match=r"line 2"):
        Document.of(HOSTS["codex"], file)


def test_a_file_that_changed_since_it_was_read_is_left_alone(machine: Machine) -> None:
    document = _cursor(machine, "{}")
    plan = _install(document)
    document.file.write_text('{"mcpServers": {"new": {}}}')
    with pytest.raises(ClientFileError, match="changed meanwhile"):
        apply(plan)
    assert document.file.read_text() == '{"mcpServers": {"new": {}}}'
    assert list(document.file.parent.iterdir()) == [document.file]
