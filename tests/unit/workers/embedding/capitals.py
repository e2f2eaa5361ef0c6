"""A change of a model's files that changes what it makes of words."""

from __future__ import annotations

from pathlib import Path

import orjson


def tell_capitals(model: Path) -> None:
    """Have the model tell capitals from small letters, so that a word in capitals is unknown."""
    for name, field in (("tokenizer.json", "normalizer"), ("tokenizer_config.json", "")):
        fields = orjson.loads((model / name).read_bytes())
        of = fields[field] if field else fields
        of["lowercase" if field else "do_lower_case"] = False
        (model / name).write_bytes(orjson.dumps(fields))
