"""Answers of sources that may be anybody's: whatever goes wrong is an error of that source alone."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from typing import Any, cast

import structlog

from digest.errors import MalformedAnswerError, SourceError, SourceUnavailableError
from digest.sources import messages
from digest.sources.base import ListedPaper, SourceAnswer

log = structlog.get_logger()

MAX_FETCH_SECONDS = 3600  # of one list day or window; the slowest one known takes some minutes


async def read_answer(
    call: Callable[[], Awaitable[SourceAnswer]], source: str, *, limit: float = MAX_FETCH_SECONDS
) -> SourceAnswer:
    """Call a source and return its answer, whose papers must be listed under the name `source`.

    Raises a SourceError: that of the source, or one in place of any other error, of an answer that is none, and of
    silence for `limit` seconds.
    """
    try:
        async with asyncio.timeout(limit):
            answer = await call()
        raise_for_error(answer, source)
    except SourceError:
        raise
    except TimeoutError as error:
        raise SourceUnavailableError(messages.not_finished(limit)) from error
    except Exception as error:
        log.exception("source.parser_failed", source=source)
        raise MalformedAnswerError(messages.invalid_response(type(error).__name__)) from error
    return answer


def raise_for_error(answer: Any, source: str) -> None:
    """Raise MalformedAnswerError for an answer that cannot be stored."""
    if fault := find_answer_error(answer, source):
        raise MalformedAnswerError(messages.no_answer(fault))


def find_answer_error(answer: Any, source: str) -> str:
    """Return what keeps an answer from being stored; empty where nothing does."""
    if not isinstance(answer, SourceAnswer):
        return messages.type_mismatch(type(answer).__name__)
    for part in cast("Iterable[Any]", answer.parts):
        if not all(isinstance(getattr(part, name, None), int) for name in ("promised", "received", "unreadable")):
            return messages.PART_WITHOUT_NUMBERS
    for paper in cast("Iterable[Any]", answer.papers):
        if not isinstance(paper, ListedPaper):
            return messages.not_a_paper(type(paper).__name__)
        texts = (paper.title, paper.abstract, paper.url, paper.source_id, *paper.authors)
        if not paper.title or not all(isinstance(text, str) for text in texts):
            return messages.PAPER_WITHOUT_TEXT
        facts: tuple[tuple[object, type], ...] = ((paper.list_day, date), (paper.rank, int))
        if not all(isinstance(value, kind) for value, kind in facts) or paper.source != source:
            return messages.paper_without_day(source)
    return ""
