"""The version of the words: an index and its readers agree on a text's words only where it is the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import Stemmer

from workers.words.cutting import words

_LANGUAGES = re.compile(r"\[([a-z,]*)\]$")
VERSION = 1  # to be raised with every change of what words a text has
# Of every kind that the modules here tell apart: what changes any of them changes some of their words.
EXAMPLES = (
    "The users' databases were backed up; don't panic, Peter’s dog",
    "getUserInfo get_user_info HTTPServer XMLHttpRequest2 e-mail ERR1234 E1234 sha256",
    "user.name+tag@example.co.uk /usr/local/bin/python3.11 C:\\Users\\Ada std::vector v1.2.3 C++ AT&T",
    "2026-11-28T03:15 10.0.0.5:5433 3f2a9bc1d4e5f607 550e8400-e29b-41d4-a716-446655440000 1/2 ½ Ⅲ",
    "重启nginx服务后端口5433生效 サーバーのIP ﾊﾞｯｸｱｯﾌﾟ 오류코드E1234는 ภาษาไทยง่าย ភាសាខ្មែរ",
    "Резервное копирование базы данных ёлка йод ΑΘΗΝΑ Αθήνας كلمة المرور احتياطيًا डेटाबेस का बैकअप שלום",
    "naïve café Zürich Straße İstanbul Łódź đêm co\xadoperate",
    "Die Datenbank wird jede Nacht um drei Uhr gesichert und geprüft",
    "où se trouve l'année dernière et les sauvegardes",
    "👨\u200d👩\u200d👧 🚀👍🏽 🇩🇪",
)


def version(languages: Sequence[str] = ()) -> str:
    """Return a text that is the same only where the same texts have the same words.

    It names the function's version, the stemmer's, and that of Unicode's data, and a hash over the words of examples.
    languages: whose stems words have beside the usual ones.
    """
    found = "\n".join(" ".join(words(example, languages=languages)) for example in EXAMPLES)
    digest = hashlib.sha256(found.encode()).hexdigest()[:16]
    also = ",".join(languages)
    return f"words {VERSION}, stemmer {Stemmer.version()}, unicode {unicodedata.unidata_version}, {digest} [{also}]"


def languages_of(written: str) -> tuple[str, ...]:
    """Return the languages that a version names."""
    found = _LANGUAGES.search(written)
    return tuple(name for name in found[1].split(",") if name) if found else ()
