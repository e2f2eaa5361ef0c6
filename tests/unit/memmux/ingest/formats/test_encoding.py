from __future__ import annotations

import os

import pytest

from memmux.errors import ArgumentInvalidError
from memmux.ingest.formats.encoding import decode


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Grüße aus München"),
        ("cp1252", "Das Café hat geöffnet. Wir treffen uns um fünf Uhr nachmittags."),
        ("cp1252", "Köszönöm"),
        ("cp1252", "“Smart quotes” – and dashes — cost €5…"),  # noqa: RUF001 - that is the point
        ("cp1252", "Ação e reação: não há dúvida de que são iguais."),
        ("gbk", "你好,世界"),
        ("gbk", "会议记录:项目进度正常,下周发布新版本。"),
        ("gbk", "我的笔记"),
        ("cp932", "こんにちは世界"),
        ("shift_jis", "今日は天気がいいので、公園を散歩しましょう。"),
        ("cp932", "会議の議事録:①プロジェクトは順調に進んでいます。"),
        ("cp932", "テスト"),
        ("euc-jp", "今日は天気がいいので、公園を散歩しましょう。"),
        ("cp949", "오늘은 날씨가 좋아서 공원을 산책합시다."),
        ("big5", "今天天氣很好,我們去公園散步吧。"),
        ("cp1251", "Съешь ещё этих мягких французских булок, да выпей чаю."),
        ("koi8-r", "Это короткий текст."),
        ("utf-16-le", "Hello world"),
        ("utf-16-be", "Grüße aus München"),
        ("utf-16-le", "今天天气很好,我们去公园散步吧。"),
    ],
)
def test_short_text_in_another_encoding_is_recognised(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "naïve résumé"),
        ("cp1252", "Meeting notes: budget is £500 – call José."),  # noqa: RUF001 - as above
        ("cp1252", "El niño comió piña mañana por la mañana."),
        ("cp1250", "Dobrý večer, jak se máte?"),
        ("cp1254", "İstanbul güzel bir şehir"),
        ("cp932", "x のオブジェクトは get_absolute_url() メソッドを持っていません"),
    ],
)
def test_where_it_is_not_sure_the_candidates_are_named_with_a_remedy(encoding: str, text: str) -> None:
    with pytest.raises(ArgumentInvalidError, match=r"not UTF-8 at byte \d+, .* whether it is .*`iconv -f .* -t UTF-8`"):
        decode(text.encode(encoding))


def test_longer_text_is_recognised_where_a_short_one_is_not() -> None:
    text = (
        "Muy cerca de la estación hay un café donde todavía sirven piña fresca por la mañana. Ayer comió allí mi "
        "hermano, que dijo que el dueño es un señor muy mayor y que habla de fútbol. Mañana iremos juntos, si "
        "no llueve; después podríamos visitar el museo, que está a la vuelta de la esquina y cierra a las seis."
    )
    assert decode(text.encode("cp1252")) == text


def test_what_does_not_show_at_the_start_is_seen() -> None:
    text = "plain words\n" * 40_000 + "Grüße aus München, schöne Straße, fünf Übungen\n" * 5
    assert decode(text.encode("cp1252")) == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00",
        b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00",
        b"PK\x03\x04\x14\x00\x08\x00",
        b"SQLite format 3\x00\x10\x00\x02\x02\x00@ \x00\x00",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x01",
        os.urandom(5000),
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(ArgumentInvalidError, match=r"no text|too little tells"):
        decode(data)


def test_damaged_utf_8_is_not_taken_for_another_encoding() -> None:
    for data in (("Grüße aus München, " * 5).encode()[:-3] + b"\xfc", "你好,世界".encode()[:-1]):
        with pytest.raises(ArgumentInvalidError, match="UTF-8 but for some bytes"):
            decode(data)


def test_encoding_that_a_page_names_is_heeded_but_no_codec_of_python() -> None:
    text = "Dobrý večer, jak se máte?"
    assert decode(text.encode("cp1250"), "Windows-1250") == text
    assert decode("£500".encode("cp1252"), "iso-8859-1") == "£500"
    for name in ("punycode", "unicode_escape", "zlib", "x" * 100):
        with pytest.raises(ArgumentInvalidError):
            decode(text.encode("cp1250"), name)
