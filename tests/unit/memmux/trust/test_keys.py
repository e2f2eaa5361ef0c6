from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from memmux.config.paths import Places
from memmux.config.settings import Settings
from memmux.errors import ArgumentInvalidError, KeyFileError, KeyNameTakenError, KeyNotFoundError, KeyRefusedError
from memmux.trust import keys, tokens
from memmux.trust.key import Key
from memmux.trust.keys import Keys
from memmux.wire.curve import KeyPair
from memmux.wire.grants import BUILT_IN, Grant
from memmux.wire.roles import Role
from tests.bounds import BOUND_S

NOW = 10.0


@pytest.fixture
def places(settings: Settings) -> Places:
    return Places(settings)


def add(places: Places, name: str, **bounds: int) -> str:
    """Add a key and return its public part."""
    public = KeyPair.make().public
    keys.add(places, Key(grant=Grant(name=name, role=Role.WRITE, **bounds), public=public, created=1.0))
    return public


def test_a_key_is_kept_with_what_it_allows_in_a_private_file(places: Places) -> None:
    public = KeyPair.make().public
    grant = Grant(name="ada", role=Role.READ, namespaces=("a", "b"), requests_s=2.5, in_flight=3, memories=10)
    added = keys.add(places, Key(grant=grant, public=public, created=5.0))
    assert keys.read(places) == added
    assert added.grant(public, NOW) == grant
    assert added.serial == 1
    assert places.keys.stat().st_mode & 0o777 == 0o600


def test_without_a_file_there_is_no_key_and_nobody_may_do_anything(places: Places) -> None:
    assert keys.read(places) == Keys()
    assert Keys().grant(KeyPair.make().public, NOW) is None
    assert Keys().grant("", NOW) is None


def test_a_revoked_key_allows_nothing_and_is_still_known(places: Places) -> None:
    public, other = add(places, "ada"), add(places, "ci")
    revoked = keys.revoke(places, "ada", 9.0)
    assert keys.read(places) == revoked
    assert revoked.serial == 3
    assert revoked.grant(public, NOW) is None
    assert revoked.grant(other, NOW) is not None
    found = revoked.find(public)
    assert found is not None
    assert (found.name, found.revoked) == ("ada", 9.0)


def test_a_name_is_given_once_and_again_after_it_was_revoked(places: Places) -> None:
    before = add(places, "ada")
    with pytest.raises(KeyNameTakenError, match="memmux key revoke ada"):
        add(places, "ada")
    keys.revoke(places, "ada", 9.0)
    after = add(places, "ada")
    known = keys.read(places)
    assert known.grant(before, NOW) is None
    assert known.grant(after, NOW) is not None


def test_revoking_what_is_not_there_names_what_is(places: Places) -> None:
    add(places, "ada")
    with pytest.raises(KeyNotFoundError, match="valid are: ada"):
        keys.revoke(places, "eve", 1.0)
    keys.revoke(places, "ada", 2.0)
    with pytest.raises(KeyNotFoundError, match="none"):
        keys.revoke(places, "ada", 3.0)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "../x", ".hidden", "ä", "x" * 65, "a\n"])
def test_a_name_that_could_be_no_files_is_refused(places: Places, name: str) -> None:
    with pytest.raises(ArgumentInvalidError, match="can't be the name of a key"):
        add(places, name)


def test_keys_that_are_added_at_once_are_all_kept(places: Places) -> None:
    names = [f"key-{number}" for number in range(16)]
    threads = [threading.Thread(target=add, args=(places, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    known = keys.read(places)
    assert sorted(key.name for key in known.all) == sorted(names)
    assert known.serial == 16


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("nonsense", "line 3"),
        ("[]", "no JSON object"),
        ('{"name":"eve","role":"king","public":"%s","created":1}', "king"),
        ('{"name":"eve","role":"read","created":1}', "'public' is no CURVE key"),
        ('{"name":"eve","role":"read","public":"short","created":1}', "'public' is no CURVE key"),
        ('{"name":"eve","role":"read","public":"%s"}', "seconds since 1970"),
        ('{"name":"eve","role":"read","public":"%s","created":1,"more":1}', "more"),
        ('{"name":"e/e","role":"read","public":"%s","created":1}', "e/e"),
        ('{"name":"eve","role":"read","public":"%s","created":1,"in_flight":"many"}', "in_flight"),
        ('{"name":"eve","role":"read","public":"%s","created":1,"namespaces":"all"}', "namespaces"),
    ],
)
def test_a_line_that_is_wrong_is_named_with_the_remedy(places: Places, line: str, what: str) -> None:
    add(places, "ada")
    with places.keys.open("a") as file:
        file.write(line.replace("%s", KeyPair.make().public) + "\n")
    with pytest.raises(KeyFileError, match=r"line 3: .*memmux key add") as raised:
        keys.read(places)
    assert what in raised.value.message


@pytest.mark.parametrize("head", ["", "{}", '{"format":"memmux-keys","version":3,"serial":1}', '{"format":"x"}'])
def test_a_file_that_begins_otherwise_is_refused(places: Places, head: str) -> None:
    add(places, "ada")
    lines = places.keys.read_text().splitlines()
    places.keys.write_text("\n".join([head, *lines[1:]]))
    with pytest.raises(KeyFileError, match="line 1"):
        keys.read(places)


def test_the_same_key_or_name_twice_is_refused(places: Places) -> None:
    add(places, "ada")
    head, line = places.keys.read_text().splitlines()
    again = json.dumps({**json.loads(line), "name": "eve"})
    for twice in (again, line.replace(json.loads(line)["public"], KeyPair.make().public)):
        places.keys.write_text(f"{head}\n{line}\n{twice}")
        with pytest.raises(KeyFileError, match="twice"):
            keys.read(places)


def test_a_file_that_others_may_read_is_refused(places: Places) -> None:
    add(places, "ada")
    places.keys.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        keys.read(places)
    with pytest.raises(KeyFileError, match="chmod 600"):
        add(places, "eve")


def test_the_pair_of_the_cluster_is_made_once_and_kept_private(places: Places) -> None:
    pair = keys.pair(places)
    assert keys.pair(places) == pair
    assert places.curve.stat().st_mode & 0o777 == 0o600
    assert pair.secret not in repr(pair)


@pytest.mark.parametrize("content", ["", "{}", '{"public": "x", "secret": "y"}', "[]"])
def test_a_broken_pair_is_not_replaced_silently(places: Places, content: str) -> None:
    keys.pair(places)
    places.curve.write_text(content)
    with pytest.raises(KeyFileError, match="holds no key pair"):
        keys.pair(places)
    assert places.curve.read_text() == content


def test_no_secret_of_a_client_is_kept(places: Places, tmp_path: Path) -> None:
    del tmp_path
    own = KeyPair.make()
    keys.add(places, Key(grant=Grant(name="ada", role=Role.READ), public=own.public, created=1.0))
    assert own.secret not in places.keys.read_text()


def test_a_key_with_a_token_is_found_by_it_and_the_token_is_kept_nowhere(places: Places) -> None:
    token = tokens.make()
    added = keys.add(places, Key(grant=Grant(name="laptop"), token=tokens.digest(token), created=1.0))
    assert keys.read(places) == added
    found = added.of_token(token)
    assert found is not None
    assert found.name == "laptop"
    assert added.of_token(token[:-1]) is None
    assert added.of_token("") is None
    assert added.of_token("\ud83d") is None
    assert token.removeprefix(tokens.PREFIX).encode() not in places.keys.read_bytes()
    assert added.grant("", NOW) is None  # it is no way in over tcp


def test_a_token_has_256_random_bits() -> None:
    made = {tokens.make() for _ in range(64)}
    assert len(made) == 64
    assert {len(token) for token in made} == {len(tokens.PREFIX) + 43}


def test_a_key_expires_and_says_when(places: Places) -> None:
    public = KeyPair.make().public
    known = keys.add(places, Key(grant=Grant(name="ada"), public=public, created=1.0, expires=86400.0))
    assert keys.read(places) == known
    assert known.grant(public, 86399.0) == known.grant_of("ada", 86399.0)
    assert known.grant(public, 86400.0) is None
    assert known.valid(86400.0) == ()
    with pytest.raises(KeyRefusedError, match="expired on 1970-01-02 00:00 UTC"):
        known.grant_of("ada", 86400.0)


def test_a_name_means_the_key_that_is_not_revoked(places: Places) -> None:
    add(places, "ada")
    keys.revoke(places, "ada", 2.0)
    with pytest.raises(KeyRefusedError, match="revoked"):
        keys.read(places).grant_of("ada", NOW)
    add(places, "ada", memories=3)
    assert keys.read(places).grant_of("ada", NOW).memories == 3
    with pytest.raises(KeyRefusedError, match="'eve' is unknown"):
        keys.read(places).grant_of("eve", NOW)


@pytest.mark.parametrize("name", ["web", "api-key"])
def test_names_of_the_clusters_own_are_given_to_nobody_and_mean_what_they_do(places: Places, name: str) -> None:
    with pytest.raises(KeyNameTakenError, match="the cluster's own"):
        add(places, name)
    assert Keys().grant_of(name, NOW) == BUILT_IN[name]


def test_a_file_is_of_the_old_version_until_there_is_what_that_does_not_know(places: Places) -> None:
    add(places, "ada")
    assert json.loads(places.keys.read_bytes().splitlines()[0])["version"] == 1
    keys.add(places, Key(grant=Grant(name="laptop"), token=tokens.digest("x"), created=1.0))
    assert json.loads(places.keys.read_bytes().splitlines()[0])["version"] == 2


@pytest.mark.parametrize(
    "fields",
    [
        '"token":"short"',
        '"token":5',
        '"token":"%s","public":"p"',
        '"public":"%p","expires":"soon"',
        '"public":"%p","expires":1e300',
        '"public":"%p","expires":-1',
        '"public":"%p","expires":true',
    ],
)
def test_a_token_or_an_end_that_makes_no_sense_is_refused(places: Places, fields: str) -> None:
    add(places, "ada")
    said = fields.replace("%s", tokens.digest("x")).replace("%p", KeyPair.make().public)
    with places.keys.open("a") as file:
        file.write(f'{{"name":"eve","role":"read","created":1,{said}}}\n')
    with pytest.raises(KeyFileError, match=r"line 3: .*memmux key add"):
        keys.read(places)
