"""Tiny models with random weights, as sentence-transformers saves them; each takes a moment to make."""

from __future__ import annotations

from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel

KINDS = ("bert", "roberta", "xlm-roberta")
MAX_TOKENS = 256
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_LETTERS = "abcdefghijklmnopqrstuvwxyzéß0123456789.,!?記憶"
_SIZES = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": MAX_TOKENS + 2,
    "initializer_range": 0.4,  # so that attention and positions count
}


def make(folder: Path, kind: str, pooling: str, *, normalize: bool, **config: object) -> Path:
    """Save a model of this kind in `folder`, and return it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    torch.manual_seed(7)
    transformer = folder.with_name(f"{folder.name}-transformer")
    model, tokenizer = _parts(kind, config)
    for parameter in model.parameters():
        if parameter.dim() == 1:  # biases are zero, and norms are one, in a new model
            torch.nn.init.normal_(parameter, mean=0.5, std=0.3)
    model.save_pretrained(transformer)
    tokenizer.save_pretrained(transformer)
    modules = [Transformer(str(transformer), max_seq_length=MAX_TOKENS), Pooling(_SIZES["hidden_size"], pooling)]
    SentenceTransformer(modules=[*modules, *([Normalize()] if normalize else [])]).save(str(folder))
    return folder


def _parts(kind: str, config: dict[str, object]) -> tuple:
    import transformers

    if kind == "bert":
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
        tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(words)})
        sizes = transformers.BertConfig(vocab_size=len(words), **(_SIZES | config))
        return transformers.BertModel(sizes, add_pooling_layer=False), tokenizer
    if kind == "roberta":
        words = [*_SPECIAL, *sorted(ByteLevel.alphabet())]
        tokenizer = transformers.RobertaTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])
        sizes = transformers.RobertaConfig(vocab_size=len(words), type_vocab_size=1, **(_SIZES | config))
        return transformers.RobertaModel(sizes, add_pooling_layer=False), tokenizer
    pieces = [(word, 0.0) for word in _SPECIAL] + [(letter, -2.0) for letter in ("▁", *_LETTERS)]
    tokenizer = transformers.XLMRobertaTokenizer(vocab=pieces)
    sizes = transformers.XLMRobertaConfig(vocab_size=len(pieces), type_vocab_size=1, **(_SIZES | config))
    return transformers.XLMRobertaModel(sizes, add_pooling_layer=False), tokenizer
