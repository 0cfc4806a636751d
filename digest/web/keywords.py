"""Keywords shown back: how each was understood, what it finds, and what else or what less might be wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from digest import db, papers
from digest.documents import documents
from digest.errors import QueryError
from digest.house import House
from digest.matching import Query, describe, parse, recall, suggest
from digest.matching.suggest import Lately
from digest.recent import Recent
from digest.subscribers import Saved

DAYS = 30  # list days that are looked at
SUGGESTED = 512  # lists of keywords whose suggestions are remembered
PAPERS = 1500  # of them at most, evenly spread: a share is then right within two in a hundred


@dataclass(frozen=True, slots=True)
class Narrower:
    """A phrase that would narrow a keyword, and the line that asks for both."""

    phrase: str
    line: str


@dataclass(frozen=True, slots=True)
class Understood:
    """A keyword as written and in our words. `papers` of those looked at match it, None where none were looked at.

    `broad`: the percentage of all recent papers that it finds, where that is too much.
    """

    keyword: str
    meaning: str
    papers: int | None = None
    broad: int | None = None
    narrower: tuple[Narrower, ...] = ()


@dataclass(slots=True)
class Shelf:
    """The papers of the last days made ready: once a process, and again when something was listed. `recent` has them
    too, and knows sooner what is in them.
    """

    recent: Recent
    _ready: tuple[int, Lately] | None = None
    _lock: Lock = field(default_factory=Lock)
    _suggested: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def suggested(self, lately: Lately, saved: Sequence[Saved]) -> tuple[str, ...]:
        """As the function of that name, worked out once while these papers are ready."""
        if not self._ready or self._ready[1] is not lately:
            return suggested(lately, saved)
        kept, key = self._suggested, tuple(each.canonical for each in saved)
        if key not in kept:
            if len(kept) >= SUGGESTED:
                kept.clear()
            kept[key] = suggested(lately, saved)
        return kept.get(key, ())

    def lately(self, house: House, top: int | None = None) -> Lately:
        """What is ready. While one request makes it anew the others go on with what there was.

        `top`: the number of the last listing, where it is known.
        """
        if top is None:
            with db.reading(house.engine) as session:
                top = papers.top_listing(session)
        ready = self._ready
        if ready and (ready[0] == top or not self._lock.acquire(blocking=False)):
            return ready[1]
        if not ready:
            self._lock.acquire()
        try:
            if not self._ready or self._ready[0] != top:
                self._suggested, self._ready = {}, (top, self._make_ready(house))
            return self._ready[1]
        finally:
            self._lock.release()

    def _make_ready(self, house: House) -> Lately:
        with db.reading(house.engine) as session:
            listed = papers.listed_lately(session, DAYS)
            found = papers.by_ids(session, listed[:: -(-len(listed) // PAPERS) or 1])
            read = documents(session, list(found.values()))
        ids = [each.id for each in read]
        known = suggest.lately(read, [each.ai_keywords for each in found.values()])
        return replace(known, ask=lambda leaf: self.recent.among(leaf, ids))


def understood(lately: Lately, saved: Sequence[Saved], counts: Sequence[int] | None = None) -> tuple[Understood, ...]:
    """Each keyword in words, with its warning. `counts` has the papers that each one finds, where they were counted."""
    numbers: Sequence[int | None] = [None] * len(saved) if counts is None else counts
    return tuple(_understood(lately, recall(each.written), n) for each, n in zip(saved, numbers, strict=True))


def _understood(lately: Lately, query: Query, count: int | None) -> Understood:
    share = lately.share(query)
    if share is None or not lately.is_too_broad(query):
        return Understood(query.text, describe(query), count)
    phrases = () if query.exclude else suggest.narrower(lately, query)
    lines = ((phrase, suggest.narrowed(query, phrase)) for phrase in phrases)
    narrower = tuple(Narrower(phrase, line) for phrase, line in lines if _is_readable(line))
    return Understood(query.text, describe(query), count, round(100 * share), narrower)


def _is_readable(line: str) -> bool:
    """A long keyword may have no room for one more phrase."""
    try:
        parse(line)
    except QueryError:
        return False
    return True


def suggested(lately: Lately, saved: Sequence[Saved]) -> tuple[str, ...]:
    """Phrases to add: what stands beside these keywords, or for none what is frequent."""
    queries = [recall(each.canonical) for each in saved]
    return suggest.beside(lately, queries) if queries else suggest.usual(lately)


def changed(text: str, add: str, narrow: str) -> str:
    """The field after a button: `add` as a line of its own, `narrow` in place of the line that it narrows."""
    lines = text.splitlines()
    if narrow:
        wider = [n for n, line in enumerate(lines) if line.strip() and narrow.startswith(_beginnings(line.strip()))]
        if wider:
            lines[wider[0]] = narrow
        elif narrow not in lines:
            lines.append(narrow)
    if add and add not in lines:
        lines = [*(line for line in lines if line.strip()), add]
    return "\n".join(lines)


def _beginnings(line: str) -> tuple[str, str]:
    return f"{line} AND ", f"({line}) AND "
