"""Languages: those whose stems may be added to the words of memories; Snowball's names of them."""

from __future__ import annotations

from memmux.errors import SettingInvalidError

LANGUAGES = (
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "czech",
    "danish",
    "dutch",
    "esperanto",
    "estonian",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "persian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "sesotho",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
)


def named(value: object, source: str) -> tuple[str, ...]:
    """Return the languages that a setting lists, separated by commas; raise SettingInvalidError for one not known."""
    listed = value if isinstance(value, list | tuple) else str(value).replace(":", ",").split(",")
    found = tuple(dict.fromkeys(str(name).strip().lower() for name in listed if str(name).strip()))
    for name in found:
        if name not in LANGUAGES:
            raise SettingInvalidError(
                f"{source} names {name!r}; the languages are {', '.join(LANGUAGES)} (English is always there)"
            )
    return found
