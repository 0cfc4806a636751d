"""The index of recent papers is held in columns: a paper more costs a few bytes for each of its words."""

import random
import tracemalloc

from digest.matching import PaperDocument, Phrase, parse
from digest.papers import RecentPapersIndex
from digest.papers.recent.positional_index import PositionalIndex

WORDS = [f"w{number}" for number in range(1000)]


def documents(count: int) -> list[PaperDocument]:
    rng = random.Random(7)
    return [
        PaperDocument(number, "A vision transformer (VT)", f"{' '.join(rng.choices(WORDS, k=200))}. VT is a VT.")
        for number in range(count)
    ]


def test_papers_cost_a_few_bytes_for_each_word() -> None:
    papers, index = documents(400), PositionalIndex()
    query = parse("vision transformer").root
    assert isinstance(query, Phrase)
    index.add(papers[:200])
    index.find(query)
    tracemalloc.start()
    try:
        index.add(papers[200:])
        assert index.find(query)[0].bit_count() == 400
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    rows = 400 * 230  # of all papers: columns are made anew
    assert grown < 10 * rows


def test_a_word_is_found_in_the_papers_that_were_added_later() -> None:
    papers = documents(30)
    recent = RecentPapersIndex.from_documents(papers[:10])
    counts = recent.count_words(["vt", "w1"])
    recent._add(papers[10:])
    assert recent.count_words(["vt", "none"]) == {"vt": 3 * counts["vt"]}
