from __future__ import annotations

from pathlib import Path

import pytest

from memmux.config import mms_database


def put(path: Path, text: str = "SQLite") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".local/share/mcp-memory"),
        ("darwin", "Library/Application Support/mcp-memory"),
        ("win32", "AppData/Local/mcp-memory"),
    ],
)
def test_it_is_found_where_it_is_by_default(home: Path, cwd: Path, platform: str, place: str) -> None:
    assert mms_database.find({}, cwd, home, platform=platform) is None
    there = put(home / place / "sqlite_vec.db")
    assert mms_database.find({"XDG_DATA_HOME": "/elsewhere"}, cwd, home, platform=platform) == there


def test_a_variable_wins_over_the_next_and_all_over_the_default(home: Path, cwd: Path, tmp_path: Path) -> None:
    put(home / ".local/share/mcp-memory/sqlite_vec.db")
    base = put(tmp_path / "base" / "sqlite_vec.db")
    first, second = put(tmp_path / "first.db"), put(cwd / "second.db")
    environment = {"MCP_MEMORY_BASE_DIR": str(base.parent)}
    assert mms_database.find(environment, cwd, home, platform="linux") == base
    environment["MCP_MEMORY_SQLITEVEC_PATH"] = "second.db"
    assert mms_database.find(environment, cwd, home, platform="linux") == second
    environment["MCP_MEMORY_SQLITE_PATH"] = str(first)
    assert mms_database.find(environment, cwd, home, platform="linux") == first


def test_what_a_variable_names_and_is_not_there_is_not_looked_for_elsewhere(home: Path, cwd: Path) -> None:
    put(home / ".local/share/mcp-memory/sqlite_vec.db")
    for name in ("MCP_MEMORY_SQLITE_PATH", "MCP_MEMORY_BASE_DIR"):
        assert mms_database.find({name: "/nowhere"}, cwd, home, platform="linux") is None


def test_a_file_that_was_only_begun_is_none(home: Path, cwd: Path) -> None:
    put(home / ".local/share/mcp-memory/sqlite_vec.db", "")
    assert mms_database.find({}, cwd, home, platform="linux") is None


def test_dotenv_files_count_and_override_nothing(home: Path, cwd: Path) -> None:
    at_home, here, named = put(home / "h.db"), put(home / "c.db"), put(cwd / "e.db")
    put(home / ".mcp-memory" / ".env", "MCP_MEMORY_SQLITE_PATH=~/h.db\nLOG_LEVEL=ERROR\nOTHER=1\n")
    assert mms_database.find({}, cwd, home) == at_home
    put(cwd / ".env", "# theirs\nexport MCP_MEMORY_SQLITE_PATH='~/c.db'\nLOG_LEVEL=DEBUG\n")
    assert mms_database.find({}, cwd, home) == here
    assert mms_database.find({"MCP_MEMORY_SQLITE_PATH": "e.db"}, cwd, home) == named
    known = mms_database.variables({"MCP_API_KEY": "", "PATH": "/bin"}, cwd, home)
    assert known == {"MCP_MEMORY_SQLITE_PATH": "~/c.db", "LOG_LEVEL": "ERROR"}


def test_a_dotenv_file_of_a_project_decides_nothing_but_where_the_memories_are(home: Path, cwd: Path) -> None:
    put(
        cwd / ".env",
        "MCP_HTTP_ENABLED=true\nMCP_EMBEDDING_MODEL=./m\nMCP_MEMORY_BACKUPS_PATH=./b\nMCP_BACKUP_ENABLED=false\n"
        "MCP_MEMORY_STORAGE_BACKEND=milvus\nMCP_API_KEY=known-to-a-stranger\nMCP_MEMORY_SQLITEVEC_PATH=~/h.db\n",
    )
    assert mms_database.variables({}, cwd, home) == {"MCP_MEMORY_SQLITEVEC_PATH": "~/h.db"}


@pytest.mark.parametrize("named", ["theirs.db", "./theirs.db", "../work/theirs.db", "link/theirs.db"])
def test_a_database_inside_a_project_is_not_adopted_by_its_dotenv_file(home: Path, cwd: Path, named: str) -> None:
    put(cwd / "theirs.db")
    (cwd / "link").symlink_to(cwd)
    put(cwd / ".env", f"MCP_MEMORY_SQLITE_PATH={named}\n")
    assert mms_database.find({}, cwd, home, platform="linux") is None
    usual = put(home / ".local/share/mcp-memory/sqlite_vec.db")
    assert mms_database.find({}, cwd, home, platform="linux") == usual
    assert mms_database.find({"MCP_MEMORY_SQLITE_PATH": named}, cwd, home) == cwd / named


def test_a_dotenv_file_in_the_home_folder_is_no_projects(home: Path) -> None:
    there = put(home / "theirs.db")
    put(home / ".env", "MCP_MEMORY_SQLITE_PATH=theirs.db\n")
    assert mms_database.find({}, home, home) == there


def test_a_dotenv_file_that_can_not_be_read_is_none(home: Path, cwd: Path) -> None:
    (cwd / ".env").write_bytes(b"\xff\xfe=\x00")
    assert mms_database.find({}, cwd, home) is None


@pytest.mark.parametrize("backend", ["cloudflare", "milvus"])
def test_a_backend_without_a_file_has_none(home: Path, cwd: Path, backend: str) -> None:
    put(home / ".local/share/mcp-memory/sqlite_vec.db")
    assert mms_database.find({"MCP_MEMORY_STORAGE_BACKEND": backend}, cwd, home, platform="linux") is None
