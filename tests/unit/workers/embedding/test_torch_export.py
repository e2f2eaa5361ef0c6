"""Which pipelines can be exported. torch takes seconds to import: only the tests that are run pay for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from memmux.errors import ModelInvalidError
from workers.embedding.sources import Source

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@pytest.fixture
def model(source: Source) -> SentenceTransformer:
    from workers.embedding import torch_backend

    return torch_backend.load(source)


def check_pipeline(model: SentenceTransformer) -> Any:
    from workers.embedding import torch_export

    return torch_export.check_pipeline(model)


def test_the_default_model_can_be_exported(model: SentenceTransformer) -> None:
    from torch.nn import Module

    assert isinstance(check_pipeline(model), Module)


def test_a_model_without_normalisation_can_be_too(model: SentenceTransformer) -> None:
    del model[2]
    check_pipeline(model)


def test_another_pooling_is_refused(model: SentenceTransformer) -> None:
    model[1].pooling_mode = "cls"
    with pytest.raises(ModelInvalidError, match="pooling is cls"):
        check_pipeline(model)


def test_a_longer_pipeline_is_refused(model: SentenceTransformer) -> None:
    from torch.nn import Identity

    model.append(Identity())
    with pytest.raises(ModelInvalidError, match="Identity"):
        check_pipeline(model)


def test_a_model_that_puts_words_before_texts_is_refused(model: SentenceTransformer) -> None:
    model.prompts = {"query": "query: "}
    model.default_prompt_name = "query"
    with pytest.raises(ModelInvalidError, match="changes texts"):
        check_pipeline(model)
