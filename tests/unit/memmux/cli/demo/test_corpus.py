"""The texts of the demo."""

from __future__ import annotations

from memmux.cli.demo.corpus import documents


def test_corpus_is_the_same_each_time_and_large_enough() -> None:
    first, second = documents(300), documents(300)
    assert first == second
    assert len(first) == 300


def test_no_two_documents_share_their_name_text_or_summary() -> None:
    texts = documents(300)
    for values in ([d.name for d in texts], [d.text for d in texts], [d.summary for d in texts]):
        assert len(set(values)) == len(values)


def test_document_holds_its_signature_and_its_summary() -> None:
    document = next(document for document in documents(300) if document.name == "heapq.nlargest")
    assert document.text.startswith("heapq.nlargest(n, iterable, key=None)\n")
    assert document.summary == "Find the n largest elements in a dataset"
    assert document.summary in document.text
