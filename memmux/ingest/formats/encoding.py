"""Bytes as text: UTF-8, what a byte order mark or the document says, or what is sure to be another encoding.

chardet says how well each encoding fits. On real texts of 35 languages, of 15 to 1500 characters each, its best guess
was wrong now and then where another fitted almost as well, and was never wrong with the margins below; without a margin
there is a refusal that names the candidates. (charset-normalizer took 40 % of the same texts for something else.)
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator

from memmux.errors import ArgumentInvalidError

# UTF-32 first: its mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What browsers take these names for, https://encoding.spec.whatwg.org/#names-and-labels; others mean what they say.
_MEANT = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "latin1": "cp1252",
    "iso-8859-1": "cp1252",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "big5": "big5hkscs",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "macintosh": "mac_roman",
}
# The others that a document may name: a name must not choose from all of Python's codecs.
_NAMES = re.compile(r"utf-8|gb18030|euc-jp|iso-2022-jp|koi8-[ru]|windows-125\d|iso-8859-1?\d")
SHORT = 256  # bytes: shorter ones are less sure
MARGINS = (3.0, 1.2)  # how much better than the next a guess must fit, of a short text and of a longer one
DAMAGED = 8  # characters that are UTF-8 for one that is not: then that is damage, and no other encoding is meant
LEAST = 0.01  # how well it must fit at all, as chardet counts
CANDIDATES = 3  # that a refusal names
SAMPLE_BYTES = 200_000
SAMPLE_CHARACTERS = 5000  # that are looked at for words of two scripts
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z]")
_SCRIPTS = frozenset({"CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"})  # that no word shares with Latin letters
# Controls that no text has, and the lines and blocks that KOI8 has where others have letters.
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2500-\u259f]")


def decode(data: bytes, declared: str = "") -> str:
    """Return bytes as text; declared: the encoding that the document itself names.

    Raises ArgumentInvalidError for what is no text, and where it is not sure which encoding it has.
    """
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if marked is not None:
        try:
            return data.decode(marked)
        except UnicodeDecodeError as error:
            raise ArgumentInvalidError(
                f"it is not {marked.upper()} at byte {error.start}, as its first bytes say; {_remedy('')}"
            ) from None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return _declared(data, declared) or _guessed(data, error.start, cut=error.end == len(data))
    return text if "\0" not in text else _guessed(data, text.index("\0"))


def _declared(data: bytes, name: str) -> str | None:
    name = name.strip().lower()
    meant = _MEANT.get(name) or (name if _NAMES.fullmatch(name) else None)
    if meant is None:
        return None
    try:
        return data.decode(meant)
    except UnicodeDecodeError:
        return None


def _guessed(data: bytes, wrong: int, *, cut: bool = False) -> str:
    """Return the text if it is sure which encoding it has.

    wrong: the first byte that is not UTF-8. cut: only the last character is wrong.
    """
    sample = _sample(data, wrong)
    if b"\0" not in data and _utf8(sample) >= (1 if cut else DAMAGED):
        raise ArgumentInvalidError(f"it is UTF-8 but for some bytes, the first of them byte {wrong}; correct these")
    fitting = list(_fitting(sample))
    if not fitting:
        if b"\0" in data:
            raise ArgumentInvalidError("it holds NUL bytes, as a binary file does, and is no text; leave it out")
        raise ArgumentInvalidError(
            f"it is no text: byte {wrong} is not UTF-8, and no other encoding fits; if it is one, {_remedy('')}"
        )
    (best, encoding, text), *others = fitting
    rivals = [(score, name) for score, name, other in others if other != text]
    if best < LEAST or (rivals and best < rivals[0][0] * MARGINS[len(sample) >= SHORT]):
        names = " or ".join([encoding, *(name for _, name in rivals)][:CANDIDATES])
        raise ArgumentInvalidError(
            f"it is not UTF-8 at byte {wrong}, and too little tells whether it is {names}; {_remedy(encoding)}"
        )
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ArgumentInvalidError(
            f"it begins as {encoding}, which it is not at byte {error.start}; {_remedy(encoding)}"
        ) from None


def _sample(data: bytes, wrong: int) -> bytes:
    """Return the bytes that are looked at: the line that is not UTF-8 and what follows."""
    if len(data) <= SAMPLE_BYTES or b"\0" in data:  # where a character has two bytes, they count from the start
        return data[:SAMPLE_BYTES]
    start = data.rfind(b"\n", 0, wrong) + 1
    return data[start if wrong - start < SAMPLE_BYTES // 2 else 0 :][:SAMPLE_BYTES]


def _utf8(data: bytes) -> float:
    """Return how many characters beyond ASCII are UTF-8 for each that is not; chance makes two, but not many."""
    text = data.decode(errors="replace")
    wrong = text.count("\ufffd")
    return (sum(1 for character in text if character > "\x7f") - wrong) / max(wrong, 1)


def _fitting(data: bytes) -> Iterator[tuple[float, str, str]]:
    """Yield how well encodings fit, their names and the texts that they make of it, the best first."""
    import chardet  # costs 30 ms and its models 200 ms, and most files are UTF-8

    for found in chardet.detect_all(
        data, ignore_threshold=True, encoding_era=chardet.EncodingEra.MODERN_WEB, prefer_superset=True
    ):
        name = found["encoding"]
        if name is None:
            continue
        try:
            text = codecs.getincrementaldecoder(name)().decode(data)  # its last character may be cut
        except (UnicodeDecodeError, LookupError):
            continue
        if not _NO_TEXT.search(text) and not _is_mixed(text[:SAMPLE_CHARACTERS]):
            yield found["confidence"], name, text


def _is_mixed(text: str) -> bool:
    """Return whether words are of two scripts, as "Crиme" for "Crème"; the wrong code page makes many such."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    mixed = sum(1 for word in words if _LATIN.search(word) and any(_script(each) in _SCRIPTS for each in word))
    return 3 * mixed > len(words)


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _remedy(encoding: str) -> str:
    return f"save it as UTF-8, as `iconv -f {encoding.upper() or 'ITS-ENCODING'} -t UTF-8` does"
