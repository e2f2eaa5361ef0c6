from __future__ import annotations

import pytest

from workers.storage.postgres.engine import shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:secret@h1,h2:5433/memmux?sslpassword=x", "postgresql://ann@h1,h2:5433/memmux"),
        ("postgresql://h1/memmux?password=secret", "postgresql://h1/memmux"),
        ("postgresql://h1:1,h2:2/memmux", "postgresql://h1:1,h2:2/memmux"),
        ("postgresql://[", "postgresql://"),
    ],
)
def test_a_url_is_said_without_what_is_secret(url: str, said: str) -> None:
    assert shown(url) == said
