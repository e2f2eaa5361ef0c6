"""From a sentence-transformers model to an onnx graph: the transformer, mean pooling and normalisation in one.

Only for models that are just that. torch's older exporter (TorchScript) makes graphs that are silently wrong for padded
batches, so this is the newer one, and its graph is verified before it is used.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from memmux.errors import ModelInvalidError
from workers.embedding.exports import GRAPH_DATA
from workers.embedding.torch_backend import max_tokens

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OPSET = 23  # the first with an operator for attention: half as many small ones, a tenth less time
_TINY = 1e-9  # keeps a text of no tokens from a division by zero


def write_graph(model: SentenceTransformer, path: Path) -> tuple[str, ...]:
    """Write the graph of `model` to `path`, its weights beside it, and return the names of its inputs.

    Each input is int64 of shape (texts, tokens), the output `vectors` float32 of shape (texts, dimensions).
    Raises ModelInvalidError when the model is more than a transformer with mean pooling.
    """
    transformer = check_pipeline(model)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it speaks of optional packages
    inputs = tuple(name for name in _INPUTS if name in model.tokenizer.model_input_names)
    example = model.tokenizer(["several words of an example", "fewer"], padding=True, return_tensors="pt")
    shape = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens", max=max_tokens(model))}
    program = torch.onnx.export(
        _Pooled(transformer, inputs).eval(),
        tuple(example[name] for name in inputs),
        dynamo=True,
        opset_version=_OPSET,
        verbose=False,
        input_names=list(inputs),
        output_names=["vectors"],
        dynamic_shapes=((shape,) * len(inputs),),
    )
    if program is None:
        raise ModelInvalidError("torch could not export its graph")
    program.save(path, external_data=True)
    if not path.with_name(GRAPH_DATA).is_file():
        raise ModelInvalidError("torch did not write its weights apart")
    return inputs


def check_pipeline(model: SentenceTransformer) -> torch.nn.Module:
    """Return the transformer of `model`; raise ModelInvalidError if more follows it than mean pooling and a norm."""
    kinds = [type(module).__name__ for module in model]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelInvalidError(f"its pipeline is {', '.join(kinds)}, not a transformer with mean pooling")
    if model[1].pooling_mode != "mean":
        raise ModelInvalidError(f"its pooling is {model[1].pooling_mode}, not the mean")
    if model[0].do_lower_case or model.default_prompt_name:
        raise ModelInvalidError("it changes texts before it reads them")
    transformer = model[0].auto_model
    assert isinstance(transformer, torch.nn.Module)
    return transformer


class _Pooled(torch.nn.Module):
    """The whole pipeline as one module."""

    def __init__(self, transformer: torch.nn.Module, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self._transformer = transformer
        self._inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        named = dict(zip(self._inputs, tensors, strict=True))
        hidden = self._transformer(**named)[0]
        mask = named["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=_TINY)
        return torch.nn.functional.normalize(mean, dim=1).float()
