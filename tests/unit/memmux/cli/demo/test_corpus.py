"""The texts of the demo."""

from __future__ import annotations

import pytest

from memmux.cli.demo.corpus import Document, documents


@pytest.fixture(scope="module")
def texts() -> list[Document]:
    """As many documents as a demo has, read once: that takes a second."""
    return documents(300)


@pytest.mark.slow
def test_corpus_is_the_same_each_time_and_large_enough(texts: list[Document]) -> None:
    assert documents(30) == documents(30)
    assert len(texts) == 300


@pytest.mark.slow
def test_no_two_documents_share_their_name_text_or_summary(texts: list[Document]) -> None:
    for values in ([d.name for d in texts], [d.text for d in texts], [d.summary for d in texts]):
        assert len(set(values)) == len(values)


def test_document_holds_its_signature_and_its_summary(texts: list[Document]) -> None:
    document = next(document for document in texts if document.name == "heapq.nlargest")
    assert document.text.startswith("heapq.nlargest(n, iterable, key=None)\n")
    assert document.summary == "Find the n largest elements in a dataset"
    assert document.summary in document.text
