"""Pairs of keyword and text that other forms of words bring, judged by reading (see tests/data/matching/README)."""

import json
from pathlib import Path
from typing import Any

from digest.matching import Matcher, PaperDocument, parse

PAIRS = Path(__file__).parents[2] / "data/matching/judged_pairs.jsonl"
MIN_PAIRS = 200
MIN_PRECISION = 0.97
KINDS = {
    *("spelling", "Greek letter", "umlaut", "number word", "plural", "genus", "2 or to"),
    *("acronym alone", "acronym in a phrase", "acronym behind its long form"),
}


def is_matched(pair: dict[str, Any]) -> bool:
    return bool(Matcher([parse(pair["keyword"])], prefilter=False).match([PaperDocument(0, "", pair["text"])])[0])


def test_forms_find_what_was_judged_right_and_little_else() -> None:
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert len({(pair["keyword"], pair["text"]) for pair in pairs}) == len(pairs) >= MIN_PAIRS
    assert {pair["kind"] for pair in pairs} == KINDS
    assert all(pair["reason"] and pair["paper"] for pair in pairs)
    matched = [pair for pair in pairs if is_matched(pair)]
    right = [pair for pair in pairs if pair["is_right"]]
    known_errors = [pair for pair in pairs if pair.get("known_error")]
    assert [pair for pair in right if pair not in matched] == []
    assert [pair for pair in matched if not pair["is_right"]] == known_errors
    assert len(right) / len(matched) >= MIN_PRECISION
