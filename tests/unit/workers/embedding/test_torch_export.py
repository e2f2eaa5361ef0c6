from __future__ import annotations

import pytest
import torch
from sentence_transformers import SentenceTransformer

from memmux.errors import ModelInvalidError
from workers.embedding import torch_backend
from workers.embedding.sources import Source
from workers.embedding.torch_export import check_pipeline


@pytest.fixture
def model(source: Source) -> SentenceTransformer:
    return torch_backend.load(source)


def test_the_default_model_can_be_exported(model: SentenceTransformer) -> None:
    assert isinstance(check_pipeline(model), torch.nn.Module)


def test_a_model_without_normalisation_can_be_too(model: SentenceTransformer) -> None:
    del model[2]
    check_pipeline(model)


def test_another_pooling_is_refused(model: SentenceTransformer) -> None:
    model[1].pooling_mode = "cls"
    with pytest.raises(ModelInvalidError, match="pooling is cls"):
        check_pipeline(model)


def test_a_longer_pipeline_is_refused(model: SentenceTransformer) -> None:
    model.append(torch.nn.Identity())
    with pytest.raises(ModelInvalidError, match="Identity"):
        check_pipeline(model)


def test_a_model_that_puts_words_before_texts_is_refused(model: SentenceTransformer) -> None:
    model.prompts = {"query": "query: "}
    model.default_prompt_name = "query"
    with pytest.raises(ModelInvalidError, match="changes texts"):
        check_pipeline(model)
