"""What `digest match` says beside the papers: what was probably meant, what to add, and whether a keyword is broad."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from digest.cli import messages
from digest.context import AppContext
from digest.database import read_session
from digest.matching import PaperDocument, Query
from digest.papers import KeywordSuggester, RecentPapersIndex, recent_paper_ids
from digest.subscribers import Preferences

MAX_DAYS = 30
MAX_PAPERS = 2000  # that are read for it, at about a millisecond each: those of the latest days
NARROW_SHARES = (1 / 20, 1 / 2)  # of an e-mail, for a narrowed keyword


def suggest_from_store(ctx: AppContext, query: Query) -> Iterator[str]:
    """Yield sentences about a keyword from the papers of the last list days, as many as are read in seconds."""
    with read_session(ctx.engine) as session:
        days = 1
        while days < MAX_DAYS and len(recent_paper_ids(session, days + 1)) <= MAX_PAPERS:
            days += 1
        recent = RecentPapersIndex(days)
        recent.refresh(session)
        suggester = KeywordSuggester(recent)
        suggester.load_phrases(session)
    yield from _suggest(recent, suggester, query)


def suggest_from_documents(documents: Sequence[PaperDocument], query: Query) -> Iterator[str]:
    """Do the same with some papers of a file, without what asks for days."""
    latest = [replace(document, id=place) for place, document in enumerate(documents[-MAX_PAPERS:])]
    recent = RecentPapersIndex.from_documents(latest)
    suggester = KeywordSuggester(recent)
    suggester.load_phrases_of({document.id: document.title for document in latest})
    yield from _suggest(recent, suggester, query)


def _suggest(recent: RecentPapersIndex, suggester: KeywordSuggester, query: Query) -> Iterator[str]:
    corrections = suggester.correct([query]).get(query.text, ())
    if corrections and corrections[0].is_spelling:
        yield messages.probable_keyword(corrections[0].text)
    elif corrections:
        yield messages.wider_keywords([correction.text for correction in corrections])
    cap, matches = Preferences().cap, recent.find_matches([query])
    if matches and recent.days and not query.exclude and len(matches[0]) >= cap * recent.days:
        lowest, highest = (share * cap * recent.days for share in NARROW_SHARES)
        yield messages.broad_keyword(cap, [line for _, line in suggester.narrow(query, lowest, highest)])
    suggested = suggester.suggest([query])
    if suggested.close:
        yield messages.close_keywords(suggested.close)
    if suggested.related:
        yield messages.related_keywords(suggested.related)
