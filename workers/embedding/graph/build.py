"""The graph of a model: the transformer, its pooling and the norm, over the weights as they lie in the model's file.

Texts come as two inputs, `input_ids` and `attention_mask`, int64 of shape (texts, tokens), and leave as `vectors`,
float32 of shape (texts, dimensions). The products are plain Gemm over rows of tokens, since its weights may stay
transposed as torch saves them, and attention is the operator that opset 23 has for it: half as many small ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from memmux.errors import ModelInvalidError
from workers.embedding.graph import protobuf, tensors
from workers.embedding.graph.architecture import WEIGHTS, Architecture, unsupported
from workers.embedding.graph.protobuf import BOOL, FLOAT, INT64
from workers.embedding.graph.tensors import Tensor

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "vectors"
_OPSET = 23
_TINY = 1e-9  # keeps a text of no tokens from a division by zero
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
        rows = self._embeddings()
        self._add("Cast", ["attention_mask"], "mask_bool", to=BOOL)
        self._add("Unsqueeze", ["mask_bool", self._ints("axes_1_2", 1, 2)], "mask_one_row")
        # onnxruntime wants a row for each token: (texts, 1, tokens, tokens).
        self._add("Shape", ["input_ids"], "shape")
        self._add("Slice", ["shape", self._ints("zero", 0), self._ints("one", 1)], "texts")
        self._add("Slice", ["shape", "one", self._ints("two", 2)], "tokens")
        self._add("Concat", ["texts", "one", "tokens", "tokens"], "mask_shape", axis=0)
        self._add("Expand", ["mask_one_row", "mask_shape"], "mask")
        self._add("Concat", ["shape", self._ints("all", -1)], "by_text", axis=0)
        self._ints("by_token", -1, self._of.hidden)
        for layer in range(self._of.layers):
            rows = self._layer(f"encoder.layer.{layer}.", rows)
        self._pooled(self._add("Reshape", [rows, "by_text"], "hidden"))
        shapes = ("texts", "tokens")
        return protobuf.model(
            _OPSET,
            self._nodes,
            self._tensors,
            [protobuf.value(name, INT64, shapes) for name in INPUTS],
            [protobuf.value(OUTPUT, FLOAT, ("texts", self._of.hidden))],
        )

    def _embeddings(self) -> str:
        """Add words, positions, and the type that all tokens of a single text have; give rows of tokens."""
        hidden, name = self._of.hidden, "embeddings."
        words = self._weight(f"{name}word_embeddings.weight", None, hidden)
        self._add("Gather", [words, "input_ids"], "words", axis=0)
        places = self._weight(f"{name}position_embeddings.weight", self._of.positions, hidden)
        self._add("Gather", [places, self._positions()], "places", axis=0)
        types = self._weight(f"{name}token_type_embeddings.weight", None, hidden)
        self._add("Gather", [types, self._ints("first", 0)], "type", axis=0)
        self._add("Add", ["words", "type"], "words_typed")
        self._add("Add", ["words_typed", "places"], "embedded")
        self._add("Reshape", ["embedded", self._ints("by_token", -1, hidden)], "embedded_rows")
        return self._norm(f"{name}LayerNorm", "embedded_rows")

    def _positions(self) -> str:
        """Give each token its position."""
        if not self._of.shifted:
            self._add("Shape", ["input_ids"], "length", start=1, end=2)
            self._add("Squeeze", ["length"], "length_scalar")
            return self._add("Range", [self._int("from", 0), "length_scalar", self._int("step", 1)], "positions")
        padding = self._int("padding", self._of.padding)
        self._add("Equal", ["input_ids", padding], "is_padding")
        self._add("Not", ["is_padding"], "is_token")
        self._add("Cast", ["is_token"], "counts", to=INT64)
        self._add("CumSum", ["counts", self._int("along_tokens", 1)], "counted")
        self._add("Mul", ["counted", "counts"], "numbered")
        return self._add("Add", ["numbered", padding], "positions")

    def _layer(self, name: str, rows: str) -> str:
        hidden, heads = self._of.hidden, self._of.heads
        parts = []
        for part in ("query", "key", "value"):
            given = self._linear(f"{name}attention.self.{part}", rows, hidden, hidden)
            parts.append(self._add("Reshape", [given, "by_text"], f"{given}.by_text"))
        attended = self._add(
            "Attention",
            [*parts, "mask"],
            f"{name}attended",
            q_num_heads=heads,
            kv_num_heads=heads,
            scale=(hidden / heads) ** -0.5,
        )
        attended = self._add("Reshape", [attended, "by_token"], f"{attended}.rows")
        seen = self._linear(f"{name}attention.output.dense", attended, hidden, hidden)
        rows = self._norm(f"{name}attention.output.LayerNorm", self._add("Add", [seen, rows], f"{seen}.sum"))
        wide = self._linear(f"{name}intermediate.dense", rows, None, hidden)
        active = self._add("Gelu", [wide], f"{wide}.active")
        narrow = self._linear(f"{name}output.dense", active, hidden, None)
        return self._norm(f"{name}output.LayerNorm", self._add("Add", [narrow, rows], f"{narrow}.sum"))

    def _pooled(self, hidden: str) -> None:
        if self._of.pooling == "cls":
            pooled = self._add("Gather", [hidden, self._int("first_token", 0)], "pooled", axis=1)
        else:
            self._add("Cast", ["attention_mask"], "mask_float", to=FLOAT)
            self._add("Unsqueeze", ["mask_float", self._ints("axis_2", 2)], "weights")
            self._add("Mul", [hidden, "weights"], "weighted")
            self._add("ReduceSum", ["weighted", "one"], "sum", keepdims=0)
            self._add("ReduceSum", ["weights", "one"], "count", keepdims=0)
            self._add("Clip", ["count", self._float("tiny", _TINY)], "count_safe")
            pooled = self._add("Div", ["sum", "count_safe"], "pooled")
        self._add("ReduceL2", [pooled, "one"], "norm", keepdims=1)
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

    def _int(self, name: str, value: int) -> str:
        return self._constant(name, protobuf.constant(name, [value], scalar=True))

    def _float(self, name: str, value: float) -> str:
        return self._constant(name, protobuf.constant(name, [value], FLOAT, scalar=True))

    def _constant(self, name: str, tensor: bytes) -> str:
        if name not in self._known:
            self._known.add(name)
            self._tensors.append(tensor)
        return name
