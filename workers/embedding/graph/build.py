"""The graph of a model: the transformer, its pooling and the norm, over the weights as they lie in the model's file.

The tokens of all texts come one after the other, without padding: `input_ids`, their `positions` and the number of the
text that each is of, `texts`, int64 of shape (tokens); and `shares`, float32 of shape (texts, tokens), what each token
counts in the vector of each text. `vectors` leave, float32 of shape (texts, dimensions). A token sees those of its own
text. The products are plain Gemm over rows of tokens, since its weights may stay transposed as torch saves them, and
attention is the operator that opset 23 has for it: half as many small ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from memmux.errors import ModelInvalidError
from workers.embedding.graph import protobuf, tensors
from workers.embedding.graph.architecture import WEIGHTS, Architecture, unsupported
from workers.embedding.graph.protobuf import FLOAT, INT64
from workers.embedding.graph.tensors import Tensor

INPUTS = ("input_ids", "positions", "texts", "shares")
OUTPUT = "vectors"
_OPSET = 23
_LEAST_NORM = 1e-12
_PREFIXES = ("", "bert.", "roberta.")  # of names, where a model was saved with a head for another task
_ALIGNED = 4  # bytes of an element


def build(architecture: Architecture, folder: Path) -> tuple[bytes, Path]:
    """Return the onnx model of what is in `folder`, and the file that its weights are in.

    Raises ModelInvalidError, and ModelUnsupportedError if the weights are of another kind.
    """
    # A link, as the hub's cache has, leads out of the folder, which onnxruntime refuses.
    path = (folder / WEIGHTS).resolve()
    return _Graph(architecture, folder, tensors.read(path), path.name).model(), path


class _Graph:
    """A graph while it is made; each method adds operators, and returns the name of what they give."""

    def __init__(self, architecture: Architecture, folder: Path, found: Mapping[str, Tensor], location: str) -> None:
        self._of = architecture
        self._folder = folder
        self._found = found
        self._location = location
        word = "embeddings.word_embeddings.weight"
        self._prefix = next((prefix for prefix in _PREFIXES if prefix + word in found), "")
        self._nodes: list[bytes] = []
        self._tensors: list[bytes] = []
        self._known: set[str] = set()

    def model(self) -> bytes:
        """Return the whole model."""
        self._ints("axis_0", 0), self._ints("axis_1", 1), self._ints("rows", -1, self._of.hidden)
        self._add("Unsqueeze", ["texts", "axis_0"], "texts_across")
        self._add("Unsqueeze", ["texts", "axis_1"], "texts_down")
        self._add("Equal", ["texts_across", "texts_down"], "mask")
        rows = self._embeddings()
        for layer in range(self._of.layers):
            rows = self._layer(f"encoder.layer.{layer}.", rows)
        self._pooled(rows)
        of_tokens = [protobuf.value(name, INT64, ("tokens",)) for name in INPUTS[:-1]]
        return protobuf.model(
            _OPSET,
            self._nodes,
            self._tensors,
            [*of_tokens, protobuf.value(INPUTS[-1], FLOAT, ("texts", "tokens"))],
            [protobuf.value(OUTPUT, FLOAT, ("texts", self._of.hidden))],
        )

    def _embeddings(self) -> str:
        """Add words, positions, and the type that all tokens of a single text have; give rows of tokens."""
        hidden, name = self._of.hidden, "embeddings."
        words = self._weight(f"{name}word_embeddings.weight", None, hidden)
        self._add("Gather", [words, "input_ids"], "words", axis=0)
        places = self._weight(f"{name}position_embeddings.weight", self._of.positions, hidden)
        self._add("Gather", [places, "positions"], "places", axis=0)
        types = self._weight(f"{name}token_type_embeddings.weight", None, hidden)
        self._add("Gather", [types, "axis_0"], "type", axis=0)
        self._add("Add", ["words", "type"], "words_typed")
        self._add("Add", ["words_typed", "places"], "embedded")
        return self._norm(f"{name}LayerNorm", "embedded")

    def _layer(self, name: str, rows: str) -> str:
        hidden, heads = self._of.hidden, self._of.heads
        parts = []
        for part in ("query", "key", "value"):
            given = self._linear(f"{name}attention.self.{part}", rows, hidden, hidden)
            parts.append(self._add("Unsqueeze", [given, "axis_0"], f"{given}.batch"))
        attended = self._add(
            "Attention",
            [*parts, "mask"],
            f"{name}attended",
            q_num_heads=heads,
            kv_num_heads=heads,
            scale=(hidden / heads) ** -0.5,
        )
        attended = self._add("Reshape", [attended, "rows"], f"{attended}.rows")
        seen = self._linear(f"{name}attention.output.dense", attended, hidden, hidden)
        rows = self._norm(f"{name}attention.output.LayerNorm", self._add("Add", [seen, rows], f"{seen}.sum"))
        wide = self._linear(f"{name}intermediate.dense", rows, None, hidden)
        active = self._add("Gelu", [wide], f"{wide}.active")
        narrow = self._linear(f"{name}output.dense", active, hidden, None)
        return self._norm(f"{name}output.LayerNorm", self._add("Add", [narrow, rows], f"{narrow}.sum"))

    def _pooled(self, rows: str) -> None:
        pooled = self._add("MatMul", ["shares", rows], "pooled")
        self._add("ReduceL2", [pooled, "axis_1"], "norm", keepdims=1)
        self._add("Clip", ["norm", self._float("least_norm", _LEAST_NORM)], "norm_safe")
        self._add("Div", [pooled, "norm_safe"], OUTPUT)

    def _linear(self, name: str, rows: str, outputs: int | None, inputs: int | None) -> str:
        weight = self._weight(f"{name}.weight", outputs, inputs)
        bias = self._weight(f"{name}.bias", self._size(f"{name}.weight", 0))
        return self._add("Gemm", [rows, weight, bias], f"{name}.given", transB=1)

    def _norm(self, name: str, rows: str) -> str:
        parameters = [self._weight(f"{name}.{kind}", self._of.hidden) for kind in ("weight", "bias")]
        return self._add("LayerNormalization", [rows, *parameters], f"{name}.given", axis=-1, epsilon=self._of.epsilon)

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: float) -> str:
        self._nodes.append(protobuf.node(operator, inputs, output, **attributes))
        return output

    def _weight(self, name: str, *shape: int | None) -> str:
        """Add one of the model's tensors; None stands for a size that may be any."""
        tensor = self._tensor(name)
        if len(tensor.shape) != len(shape) or any(
            wanted not in (None, size) for wanted, size in zip(shape, tensor.shape, strict=True)
        ):
            raise ModelInvalidError(
                f"{name} has the shape {list(tensor.shape)} in the weights of {self._folder}, and config.json says "
                "otherwise; install the model again"
            )
        if tensor.type != "F32" or tensor.offset % _ALIGNED:
            raise unsupported(self._folder, f"its weights are {tensor.type}, not aligned float32")
        self._tensors.append(protobuf.external(name, tensor.shape, self._location, tensor.offset, tensor.length))
        return name

    def _size(self, name: str, axis: int) -> int:
        return self._tensor(name).shape[axis]

    def _tensor(self, name: str) -> Tensor:
        tensor = self._found.get(self._prefix + name)
        if tensor is None:
            raise unsupported(self._folder, f"its weights have no {name}")
        return tensor

    def _ints(self, name: str, *values: int) -> str:
        return self._constant(name, protobuf.constant(name, values))

    def _float(self, name: str, value: float) -> str:
        return self._constant(name, protobuf.constant(name, [value], FLOAT, scalar=True))

    def _constant(self, name: str, tensor: bytes) -> str:
        if name not in self._known:
            self._known.add(name)
            self._tensors.append(tensor)
        return name
