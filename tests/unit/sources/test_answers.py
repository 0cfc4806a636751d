"""Answers of sources that may be anybody's: what cannot be stored is an error of that source alone."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from digest.errors import MalformedAnswerError, NotListedError, SourceUnavailableError
from digest.sources import AnswerPart, ListedPaper, SourceAnswer, read_answer

PAPER = ListedPaper(source="lab", list_day=date(2026, 1, 6), rank=1, title="T", url="https://e.org", doi="10.1000/1")
ANSWER = SourceAnswer(papers=(PAPER,), endpoint="api", parts=(AnswerPart(1, 1),))


def read(answer: Any, limit: float = 60) -> SourceAnswer:
    async def call() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return await answer if asyncio.iscoroutine(answer) else answer

    return asyncio.run(read_answer(call, "lab", limit=limit))


def test_a_sound_answer_is_returned_and_own_errors_are_raised() -> None:
    assert read(ANSWER) is ANSWER
    with pytest.raises(NotListedError, match="no list"):
        read(NotListedError("no list"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "its type is NoneType"),
        ([PAPER], "its type is list"),
        (replace(ANSWER, papers=("T",)), "it has a str"),  # type: ignore[arg-type]
        (replace(ANSWER, papers=(replace(PAPER, title=""),)), "a paper in it has no title"),
        (replace(ANSWER, papers=(replace(PAPER, abstract=None),)), "texts that are not strings"),  # type: ignore[arg-type]
        (replace(ANSWER, papers=(replace(PAPER, authors=(7,)),)), "texts that are not strings"),  # type: ignore[arg-type]
        (replace(ANSWER, papers=(replace(PAPER, list_day="today"),)), "no day or rank"),  # type: ignore[arg-type]
        (replace(ANSWER, papers=(replace(PAPER, source="arxiv"),)), "not listed under the name lab"),
        (replace(ANSWER, parts=(AnswerPart("1", 1),)), "a part of it has no numbers"),  # type: ignore[arg-type]
        (replace(ANSWER, papers=7), "TypeError"),  # type: ignore[arg-type]
        (ZeroDivisionError(), "ZeroDivisionError: please report this"),
    ],
)
def test_what_cannot_be_stored_is_a_malformed_answer(answer: Any, reason: str) -> None:
    with pytest.raises(MalformedAnswerError, match=reason):
        read(answer)


def test_a_source_that_never_ends_is_given_up() -> None:
    with pytest.raises(SourceUnavailableError, match="did not finish within 0 minutes"):
        read(asyncio.Event().wait(), limit=0.01)
