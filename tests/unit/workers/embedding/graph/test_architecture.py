from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from memmux.config.settings import Settings
from memmux.errors import ModelInvalidError, ModelUnsupportedError
from workers.embedding import sources
from workers.embedding.graph import architecture, build
from workers.embedding.graph.architecture import Architecture

Edit = Callable[[str, object], None]
DEFAULT = Architecture(
    shifted=False,
    layers=6,
    heads=12,
    hidden=384,
    epsilon=1e-12,
    padding=0,
    positions=512,
    pooling="mean",
    max_tokens=256,
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model's files, whose weights are checked once: that reads all of them."""
    return sources.find(Settings(cache_dir=tmp_path_factory.mktemp("cache"))).folder


@pytest.fixture
def folder(found: Path, tmp_path: Path) -> Path:
    """A copy of them, which a test may change; the weights are a link, as in the hub's cache."""
    copied = tmp_path / "model"
    shutil.copytree(found, copied, ignore=shutil.ignore_patterns("model.safetensors"))
    (copied / "model.safetensors").symlink_to(found / "model.safetensors")
    return copied


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Give a file's object other values; a list takes the file's place."""

    def change(name: str, values: object) -> None:
        path = folder / name
        old = orjson.loads(path.read_bytes()) if path.exists() else {}
        path.write_bytes(orjson.dumps(old | values if isinstance(values, dict) else values))

    return change


def pipeline(*names: str, house: str = "sentence_transformers.models.") -> list[dict[str, object]]:
    paths = {"Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    return [
        {"idx": index, "name": str(index), "path": paths.get(name, ""), "type": house + name}
        for index, name in enumerate(names)
    ]


def test_the_default_model_is_known(folder: Path) -> None:
    assert architecture.read(folder) == DEFAULT


def test_the_weights_behind_a_link_are_named_where_they_are(folder: Path) -> None:
    _, path = build.build(DEFAULT, folder)
    assert path == (folder / "model.safetensors").resolve()
    assert path.parent != folder


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("config.json", {"model_type": "mpnet"}, "its type is mpnet"),
        ("config.json", {"model_type": "distilbert"}, "its type is distilbert"),
        ("config.json", {"model_type": None}, "its type is None"),
        ("config.json", {"hidden_act": "gelu_new"}, "its hidden_act is gelu_new"),
        ("config.json", {"position_embedding_type": "relative_key"}, "its position_embedding_type is relative_key"),
        ("config.json", {"dtype": "float16"}, "its dtype is float16"),
        ("config.json", {"torch_dtype": "bfloat16"}, "its torch_dtype is bfloat16"),
        ("config.json", {"is_decoder": True}, "its is_decoder is True"),
        ("config.json", {"auto_map": {"AutoModel": "code.py"}}, "its auto_map is"),
        ("config.json", {"quantization_config": {}}, "its quantization_config is"),
        ("config.json", {"pruned_heads": {"0": [1]}}, "its pruned_heads is"),
        ("config.json", {"num_attention_heads": 7}, "does not say its sizes"),
        ("config.json", {"hidden_size": "384"} | {"num_hidden_layers": 0}, "does not say its sizes"),
        ("config.json", {"layer_norm_eps": None}, "its layer_norm_eps is None"),
        ("config.json", {"max_position_embeddings": None}, "does not say its sizes"),
        ("tokenizer.json", {"normalizer": 5}, "not of a form"),
        ("adapter_config.json", {}, "it has an adapter"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "it puts the prompt query"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "it is a SparseEncoder"),
        ("sentence_bert_config.json", {"do_lower_case": True}, "its do_lower_case is True"),
        ("sentence_bert_config.json", {"query_length": 32}, "its query_length is 32"),
        ("sentence_bert_config.json", {"max_seq_length": "long"}, "its max_seq_length is long"),
        ("sentence_bert_config.json", {"modality_config": {"image": {}}}, "its modality_config is"),
        ("sentence_roberta_config.json", {}, "its settings are in"),
        ("modules.json", pipeline("Transformer", "Pooling", "Dense"), "its pipeline is Transformer, Pooling, Dense"),
        ("modules.json", pipeline("Transformer"), "its pipeline is Transformer"),
        ("modules.json", pipeline("Transformer", "Pooling", house="custom."), "its pipeline is"),
        ("modules.json", [], "its pipeline is not told"),
        ("2_Normalize/config.json", {"module_input_name": "token_embeddings"}, "it normalizes something else"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "its pooling is cls, mean"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, "its pooling is mean, max"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "its pooling is lasttoken"),
        ("tokenizer_config.json", {"padding_side": "left"}, "on the left"),
        ("tokenizer_config.json", {"do_lower_case": False}, "is not what tokenizer_config.json says"),
        ("tokenizer_config.json", {"strip_accents": False}, "is not what tokenizer_config.json says"),
        ("tokenizer.json", {"post_processor": None}, "is not what tokenizer_config.json says"),
    ],
)
def test_what_has_no_place_in_the_graph_is_refused_by_name(
    folder: Path, edit: Edit, name: str, values: object, why: str
) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    edit(name, values)
    with pytest.raises(ModelUnsupportedError, match=f"model can't run on onnxruntime: .*{why}.*; `.* install"):
        architecture.read(folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "mean", "include_prompt": True}),
        ("modules.json", pipeline("Transformer", "Pooling")),
        ("modules.json", pipeline("Transformer", "Pooling", house="sentence_transformers.any.modules.")),
        ("config.json", {"dtype": "float32", "use_cache": False, "position_embedding_type": None}),
        ("config_sentence_transformers.json", {"prompts": {"query": "q: "}, "default_prompt_name": None}),
        ("sentence_bert_config.json", {"transformer_task": "feature-extraction", "unpad_inputs": None}),
        ("tokenizer_config.json", {"do_lower_case": False, "tokenizer_class": "PreTrainedTokenizerFast"}),
    ],
)
def test_what_has_no_part_in_the_vectors_is_not(folder: Path, edit: Edit, name: str, values: object) -> None:
    edit(name, values)
    assert architecture.read(folder) == DEFAULT


def test_other_weights_are_refused_by_name(folder: Path) -> None:
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"")
    with pytest.raises(ModelUnsupportedError, match="not the one file"):
        architecture.read(folder)


def test_a_tokenizer_in_other_files_is_refused_by_name(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelUnsupportedError, match=r"no tokenizer\.json"):
        architecture.read(folder)


@pytest.mark.parametrize("length", [None, 0])
def test_a_length_that_is_not_told_is_the_tokenizers(folder: Path, edit: Edit, length: int | None) -> None:
    edit("sentence_bert_config.json", {"max_seq_length": length})
    assert architecture.read(folder).max_tokens == 512
    edit("tokenizer_config.json", {"model_max_length": 100})
    assert architecture.read(folder).max_tokens == 100


def test_a_length_beyond_the_positions_is_cut(folder: Path, edit: Edit) -> None:
    edit("sentence_bert_config.json", {"max_seq_length": 10_000})
    assert architecture.read(folder).max_tokens == 512


@pytest.mark.parametrize("name", ["config.json", "modules.json", "1_Pooling/config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"\xff", b"1", b'"text"', b"{"])
def test_a_file_that_is_not_what_it_should_be_is_invalid(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(ModelInvalidError, match="install"):
        architecture.read(folder)


@pytest.mark.parametrize("modules", [[1], [None], [{}], [{"type": 5}, {"type": None}]])
def test_modules_that_are_none_are_no_crash(folder: Path, edit: Edit, modules: object) -> None:
    edit("modules.json", modules)
    with pytest.raises(ModelUnsupportedError):
        architecture.read(folder)


def test_sizes_that_are_not_those_of_the_weights_are_invalid(folder: Path) -> None:
    for wrong in (replace(DEFAULT, hidden=96), replace(DEFAULT, positions=100)):
        with pytest.raises(ModelInvalidError, match=r"config\.json says otherwise"):
            build.build(wrong, folder)
    with pytest.raises(ModelUnsupportedError, match=r"have no encoder\.layer\.6\."):
        build.build(replace(DEFAULT, layers=7), folder)


@pytest.mark.slow
def test_weights_of_another_type_are_refused_by_name(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes().replace(b'"dtype":"F32"', b'"dtype":"F16"')
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ModelUnsupportedError, match="its weights are F16"):
        build.build(DEFAULT, folder)
