from __future__ import annotations

import pytest

from memmux.hosts import toml_edit

ENTRY = {"command": "/bin/memmux", "args": ["mcp"], "env": {"MEMMUX_TOOLS": "full"}}
PATH = ("mcp_servers", "memory")
FILES = {
    "servers": '# mine\nmodel = "o3"\n\n'
    '[mcp_servers.docs]\ncommand = "npx" # docs\nargs = [\n  "-y",\n]\n\n[tui]\nx = 1\n',
    "no servers": 'model = "o3"   # the best\n\n[profiles.fast]\nmodel = "mini"\n',
    "nothing": "",
    "a comment": 'model = "o3"\n# last words\n',
    "servers apart": '[mcp_servers.a]\ncommand="x"\n\n[tui]\nx = 1\n\n[mcp_servers.b]\ncommand="y"\n',
    "an inline server": '[mcp_servers]\ndocs = { command = "npx" } # hm\n\n[tui]\nx = 1\n',
    "windows": 'model = "o3"\r\n\r\n[mcp_servers.docs]\r\ncommand = "npx"\r\n\r\n[tui]\r\nx = 1\r\n',
    "no end of line": '[tui]\nx = "y"',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_new_table_is_one_piece_and_every_other_byte_is_as_it_was(text: str) -> None:
    changed = toml_edit.put(text, PATH, ENTRY)
    before = toml_edit.read(text)
    servers = {**before.get("mcp_servers", {}), "memory": ENTRY}
    assert toml_edit.read(changed) == {**before, "mcp_servers": servers}
    start = next((at for at, pair in enumerate(zip(text, changed, strict=False)) if len(set(pair)) > 1), len(text))
    assert changed.endswith(text[start:]), "what is new is no one piece"
    assert "\n[mcp_servers.memory]" in f"\n{changed}".replace("\r", "")
    assert changed.count("\r\n") == (changed.count("\n") if "\r" in text else 0)


def test_a_table_looks_as_people_write_them() -> None:
    assert toml_edit.put(FILES["servers"], PATH, ENTRY) == (
        '# mine\nmodel = "o3"\n\n[mcp_servers.docs]\ncommand = "npx" # docs\nargs = [\n  "-y",\n]\n\n'
        '[mcp_servers.memory]\ncommand = "/bin/memmux"\nargs = ["mcp"]\nenv = {MEMMUX_TOOLS = "full"}\n\n'
        "[tui]\nx = 1\n"
    )


def test_an_inline_table_gets_an_inline_one() -> None:
    changed = toml_edit.put('mcp_servers = { docs = { command = "npx" } } # all\n', PATH, ENTRY)
    assert toml_edit.read(changed)["mcp_servers"] == {"docs": {"command": "npx"}, "memory": ENTRY}
    assert changed.endswith("# all\n")
    assert changed.count("\n") == 1


def test_one_value_of_a_table_changes_with_the_comments_of_all() -> None:
    text = '[mcp_servers.memory] # ours\ncommand = "old" # here\n# two\nargs = ["mcp"]\n\n'
    text += '[mcp_servers.memory.env]\nA = "1"\n'
    changed = toml_edit.put(toml_edit.put(text, (*PATH, "command"), "new"), (*PATH, "env", "B"), "2")
    assert changed == text.replace('"old"', '"new"') + 'B = "2"\n'


@pytest.mark.parametrize("name", ["servers", "servers apart", "an inline server", "windows", "a comment"])
def test_dropping_what_was_put_gives_the_old_text(name: str) -> None:
    text = FILES[name]
    assert toml_edit.drop(toml_edit.put(text, PATH, ENTRY), PATH) == text


@pytest.mark.parametrize("before", ["", "# mine\nx = 1\n\n"])
@pytest.mark.parametrize("own", ["", "\n[mcp_servers.memory.env] # more\nA = 1\n# of ours\nB = 2\n"])
@pytest.mark.parametrize("after", ["[mcp_servers.other]\nx = 1\n", "[tui]\nx = 1\n", "[[tui]]\nx = 1\n", ""])
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_comment_behind_a_table_is_of_what_follows_and_stays(before: str, own: str, after: str, eol: str) -> None:
    kept = f"# about other\n# more of it\n\n# and\n{after}"
    text = f'{before}[mcp_servers.memory]\ncommand = "x"\n# here\nargs = []\n{own}\n{kept}'
    dropped = toml_edit.drop(text.replace("\n", eol), PATH)
    assert dropped == (before + kept).replace("\n", eol)
    assert "memory" not in toml_edit.read(dropped).get("mcp_servers", {})


@pytest.mark.parametrize(
    "text",
    [
        "[[mcp_servers]]\nx = 1\n[mcp_servers.memory]\nx = 1\n",
        '[mcp_servers]\nx = """\n[mcp_servers.memory]\n"""\n',
    ],
)
def test_what_only_looks_like_the_table_stays(text: str) -> None:
    assert toml_edit.drop(text, PATH) == text


def test_dropping_what_is_not_there_changes_nothing() -> None:
    assert toml_edit.drop(FILES["servers"], PATH) == FILES["servers"]
    assert toml_edit.drop("mcp_servers = 5\n", PATH) == "mcp_servers = 5\n"


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        toml_edit.read("[mcp_servers\n")
    for change in (lambda text: toml_edit.put(text, PATH, ENTRY), lambda text: toml_edit.drop(text, PATH)):
        with pytest.raises(ValueError, match=r"."):
            change("[mcp_servers\n")


def test_what_stands_in_the_way_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="mcp_servers is no table"):
        toml_edit.put("mcp_servers = 5\n", PATH, ENTRY)


DOTTED = {
    "others": 'x = 1\nmcp_servers.docs.command = "npx" # docs\nmcp_servers.docs.args = [\n  "-y",\n]\n\n[tui]\nx = 1\n',
    "one of ours": 'mcp_servers.memory.command = "old"\nmcp_servers.memory.env.B = "2"\nlast = 1 # word\n[tui]\n',
    "in a table": '[mcp_servers]\ndocs.command = "npx"\nmemory.command = "old"\n\n[[tui]]\nmemory.command = "x"\n',
    "inline": 'mcp_servers.docs = { command = "npx" }\nmcp_servers.memory = { command = "old" }\n\n[tui]\nx = 1\n',
    "quoted": '"mcp_servers"."docs".command = "npx"\n',
    "windows": 'mcp_servers.docs.command = "npx"\r\nmcp_servers.docs.x = 1\r\n\r\n[tui]\r\nx = 1\r\n',
    "no end of line": 'mcp_servers.docs.x = 1\nmcp_servers.docs.command = "npx"',
}


@pytest.mark.parametrize("text", DOTTED.values(), ids=DOTTED)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "with a mark"])
def test_dotted_keys_mean_what_they_did_and_what_is_new_besides(text: str, mark: str) -> None:
    for path, value in (
        (("mcp_servers", "new"), ENTRY),
        (("mcp_servers", "memory", "command"), "new"),
        (("mcp_servers", "memory", "env", "A.B"), "1"),
    ):
        changed = toml_edit.put(mark + text, path, value)
        expected = toml_edit.read(text)
        holder = expected
        for key in path[:-1]:
            holder = holder.setdefault(key, {})
        holder[path[-1]] = value
        assert toml_edit.read(changed) == expected
        assert changed.startswith(mark)
        assert changed.count("\r\n") == (changed.count("\n") if "\r" in text else 0)
        assert [line for line in text.splitlines() if "#" in line] == [
            line for line in changed.splitlines() if "#" in line
        ]
    assert "memory" not in toml_edit.read(toml_edit.drop(mark + text, PATH)).get("mcp_servers", {})


def test_a_mark_at_the_start_stays_and_is_no_key() -> None:
    for text in FILES.values():
        marked = toml_edit.put(f"\ufeff{text}", PATH, ENTRY)
        assert marked == "\ufeff" + toml_edit.put(text, PATH, ENTRY)
        assert toml_edit.drop(marked, PATH) == "\ufeff" + toml_edit.drop(toml_edit.put(text, PATH, ENTRY), PATH)
