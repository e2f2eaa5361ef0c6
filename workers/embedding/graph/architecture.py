"""What a model is made of, as its files say: the kinds for which a graph can be built, and a refusal of all others.

sentence-transformers is the authority. What is not known here to have no part in its vectors is refused by name, so
that no model gets other vectors than it would give them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from memmux.errors import ModelInvalidError, ModelUnsupportedError
from memmux.installation import adding
from workers.embedding import weights

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
_PADDING = {"bert": 0, "roberta": 1, "xlm-roberta": 1}  # the token that fills up, of a config that does not say
_SIZES = ("num_hidden_layers", "num_attention_heads", "hidden_size", "max_position_embeddings")
_KINDS = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_HOUSE = "sentence_transformers."  # whose classes alone are known
_TEXT = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
# What the transformer's own settings may be; whatever else has a value there is refused.
_HARMLESS: Mapping[str, Sequence[object]] = {
    "transformer_task": ("feature-extraction",),
    "modality_config": (_TEXT,),
    "module_output_name": ("token_embeddings",),
    "unpad_inputs": (True,),
}
_OWN_TOKENIZER = ("PreTrainedTokenizerFast", "TokenizersBackend")  # read tokenizer.json as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A transformer of the BERT family with its pooling.

    shifted: positions count from `padding` + 1 and leave out that token, as RoBERTa's do. padding: the token that fills
    up where texts are padded. positions: how many it has. pooling: mean or cls. max_tokens: what it reads of one text,
    special ones included.
    """

    shifted: bool
    layers: int
    heads: int
    hidden: int
    epsilon: float
    padding: int
    positions: int
    pooling: str
    max_tokens: int

    def places(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the position of each token of a text."""
        if not self.shifted:
            return np.arange(len(tokens))
        counts = tokens != self.padding
        places: NDArray[np.int64] = np.cumsum(counts) * counts + self.padding
        return places


def read(folder: Path) -> Architecture:
    """Return what the model in `folder` is; raise ModelUnsupportedError if a graph of it can't be built.

    Raises ModelInvalidError when its files can't be read.
    """
    try:
        return _read(folder)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # what is no object where one belongs, …
        raise unsupported(folder, "its files are not of a form that is known") from None


def _read(folder: Path) -> Architecture:
    config = _json(folder / "config.json")
    kind = config.get("model_type")
    if kind not in _PADDING:
        raise unsupported(folder, f"its type is {kind}")
    _refuse_options(folder, config)
    if [path.name for path in weights.files(folder)] != [WEIGHTS]:
        raise unsupported(folder, f"its weights are not the one file {WEIGHTS}")
    pooling = _pooling(folder)
    layers, heads, hidden, positions = sizes = [config.get(name) for name in _SIZES]
    epsilon, padding = config.get("layer_norm_eps"), config.get("pad_token_id", _PADDING[kind])
    if {type(size) for size in (*sizes, padding)} != {int} or min(*sizes, padding + 1) < 1 or hidden % heads:
        raise unsupported(folder, "config.json does not say its sizes")
    if not isinstance(epsilon, float):
        raise unsupported(folder, f"its layer_norm_eps is {epsilon}")
    shifted = kind != "bert"
    most = positions - padding - 1 if shifted else positions
    max_tokens = min(_max_tokens(folder, positions), most)
    if max_tokens < 1:
        raise unsupported(folder, "it reads no tokens")
    return Architecture(
        shifted=shifted,
        layers=layers,
        heads=heads,
        hidden=hidden,
        epsilon=epsilon,
        padding=padding,
        positions=positions,
        pooling=pooling,
        max_tokens=max_tokens,
    )


def unsupported(folder: Path, why: str) -> ModelUnsupportedError:
    """Return the refusal of the model in `folder`, with what helps."""
    return ModelUnsupportedError(
        f"{folder.name} can't run on onnxruntime: {why}; `{adding('memmux[models]')}` brings torch, which runs it"
    )


def _refuse_options(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse what changes a transformer's vectors and has no place in the graph."""
    wanted: Mapping[str, Sequence[object]] = {
        "hidden_act": ("gelu",),
        "position_embedding_type": (None, "absolute"),
        "is_decoder": (None, False),
        "add_cross_attention": (None, False),
        "pruned_heads": (None, {}),
        "quantization_config": (None,),
        "auto_map": (None,),
        "embedding_size": (None,),
        "dtype": (None, "float32"),
        "torch_dtype": (None, "float32"),
    }
    for name, values in wanted.items():
        if (found := config.get(name)) not in values:
            raise unsupported(folder, f"its {name} is {found}")
    if (folder / "adapter_config.json").exists():
        raise unsupported(folder, "it has an adapter")
    settings = _json(folder / "config_sentence_transformers.json", {})
    if prompt := settings.get("default_prompt_name"):
        raise unsupported(folder, f"it puts the prompt {prompt} before texts")
    if (model := settings.get("model_type", "SentenceTransformer")) != "SentenceTransformer":
        raise unsupported(folder, f"it is a {model}")


def _pooling(folder: Path) -> str:
    """Return how the vectors of tokens become one; refuse a pipeline of more, or of others."""
    modules = _json(folder / "modules.json", [])
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    ours = all(str(module["type"]).startswith(_HOUSE) and not module.get("kwargs") for module in modules)
    if kinds not in _KINDS or not ours or modules[0].get("path"):
        found = ", ".join(kinds) or "not told by modules.json"
        raise unsupported(folder, f"its pipeline is {found}")
    if len(modules) > 2:  # noqa: PLR2004  # the third is the norm
        norm = _json(folder / str(modules[2].get("path")) / "config.json", {})
        if {*norm.values()} - {"sentence_embedding", None}:
            raise unsupported(folder, "it normalizes something else than its vectors")
    config = _json(folder / str(modules[1].get("path")) / "config.json")
    told = config.get("pooling_mode") or [mode for name, mode in _POOLINGS.items() if config.get(name)] or ["mean"]
    modes = told if isinstance(told, list) else [told]
    if modes not in (["mean"], ["cls"]):
        raise unsupported(folder, f"its pooling is {', '.join(map(str, modes))}")
    return str(modes[0])


def _max_tokens(folder: Path, positions: int) -> int:
    """Return how many tokens of a text the model reads; refuse what changes texts before they are tokens."""
    names = sorted(path.name for path in folder.glob("sentence_*_config.json"))
    if names not in ([], ["sentence_bert_config.json"]):
        raise unsupported(folder, f"its settings are in {names[0]}")
    settings = _json(folder / "sentence_bert_config.json", {})
    for name, found in settings.items():
        if found and name != "max_seq_length" and found not in _HARMLESS.get(name, ()):
            raise unsupported(folder, f"its {name} is {found}")
    tokenizer = _json(folder / "tokenizer_config.json", {})
    _refuse_tokenizer(folder, tokenizer)
    length = settings.get("max_seq_length") or min(tokenizer.get("model_max_length") or positions, positions)
    if type(length) is not int:
        raise unsupported(folder, f"its max_seq_length is {length}")
    return length


def _refuse_tokenizer(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a tokenizer that is not in one file, or of which sentence-transformers would make another.

    transformers builds those of its own classes anew, from the vocabulary in the file and these settings.
    """
    if not (folder / TOKENIZER).is_file():
        raise unsupported(folder, f"it has no {TOKENIZER}")
    if settings.get("padding_side", "right") != "right":
        raise unsupported(folder, "it fills up texts on the left")
    tokenizer = _json(folder / TOKENIZER)
    if settings.get("tokenizer_class") in _OWN_TOKENIZER:
        return
    normalizer, splitter = tokenizer.get("normalizer") or {}, tokenizer.get("pre_tokenizer") or {}
    same = bool(tokenizer.get("post_processor"))
    if normalizer.get("type") == "BertNormalizer":
        same &= (
            normalizer.get("clean_text") is True
            and normalizer.get("lowercase") == settings.get("do_lower_case", True)
            and normalizer.get("strip_accents") == settings.get("strip_accents")
            and normalizer.get("handle_chinese_chars") == settings.get("tokenize_chinese_chars", True)
        )
    if splitter.get("type") == "ByteLevel":
        same &= splitter.get("add_prefix_space") == settings.get("add_prefix_space", False)
    if not same:
        raise unsupported(folder, f"{TOKENIZER} is not what tokenizer_config.json says")


def _json(path: Path, missing: Any = None) -> Any:
    """Return the content of a file; of one that is not there, `missing` if there is any."""
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        if missing is not None:
            return missing
        raise ModelInvalidError(f"the model has no {path}; install it again") from None
    except (OSError, ValueError) as error:
        raise ModelInvalidError(f"{path} can't be read: {error}; install the model again") from None
    if not isinstance(content, list if isinstance(missing, list) else dict):
        raise ModelInvalidError(f"{path} is not what it should be; install the model again")
    return content
