"""What one letter had to work out and the next one needs again: which keywords a paper matches, and where.

    papers, keywords of a batch ──learn──> matches ──paper──> LetterPaper, with its marks

Matching costs by the paper and hardly by the keyword. So where many letters are to come, papers are tried against all
the keywords of these at once; else, and for keywords that come later, against those that a letter needs. A paper with
its marks is kept by the keywords that matched, not by reader, and numbers them itself. Nothing here is of one reader.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from digest.matching import Matcher, PaperDocument, Query, bit_positions, explain, parse_canonical
from digest.rendering.contexts import PaperView

KEYWORDS = 20_000  # that are kept, as parsed queries


PAPERS = 4_000


SHOWN = 8_192  # papers with their marks


@dataclass(frozen=True, slots=True)
class PaperSnapshot:
    """A paper as it is kept: what matching looks at, and what a letter shows with nothing marked.

    `stamp` changes when anything of that does. `plain` has the machine's summary, for those who want it.
    """

    stamp: object
    document: PaperDocument
    plain: PaperView


@dataclass(slots=True)
class _Sheet:
    """What is known of one paper: it was tried against the first `tried` keywords, and against `also`."""

    stock: PaperSnapshot
    tried: int
    serial: int
    matched: set[str] = field(default_factory=set)
    also: set[str] = field(default_factory=set)


class MatchCache:
    """For one thread at a time. What becomes too much is forgotten and worked out again."""

    def __init__(self, *, keywords: int = KEYWORDS, papers: int = PAPERS, shown: int = SHOWN) -> None:
        self._most = (keywords, papers, shown)
        self._numbers: dict[str, int] = {}
        self._queries: list[Query] = []
        self._sheets: dict[int, _Sheet] = {}
        self._shown: dict[tuple[int, tuple[str, ...], bool, bool], PaperView] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._numbers) + len(self._sheets) + len(self._shown)

    def new(self, keywords: Iterable[str]) -> set[str]:
        """Those of these keywords, in canonical form, that were never met."""
        return set(keywords) - self._numbers.keys()

    def unknown(self, stamps: Mapping[int, object]) -> list[int]:
        """Papers, by number, that have to be given to `learn`: never met, or changed since."""
        keywords, papers, _ = self._most
        if len(self._numbers) > keywords or len(self._sheets) > papers:
            self._numbers, self._queries, self._sheets, self._shown = {}, [], {}, {}
        sheets = self._sheets
        return [
            number
            for number, stamp in stamps.items()
            if (sheet := sheets.get(number)) is None
            or (sheet.stock.stamp is not stamp and sheet.stock.stamp != stamp)  # nearly always it is that very one
        ]

    def update(
        self,
        fresh: Mapping[int, PaperSnapshot],
        letters: Iterable[tuple[Sequence[int], Sequence[str]]],
        ahead: Iterable[str] = (),
    ) -> None:
        """Take in `fresh` papers, and what letters need: the numbers of their papers, and the keywords to be tried.

        `ahead` are keywords that later letters will need: with them, every fresh paper is tried against all that is
        known. Raises QueryError for a keyword that is none.
        """
        later = list(ahead)
        needed = list(letters)
        for canonical in self.new([*(text for _, asked in needed for text in asked), *later]):
            self._queries.append(parse_canonical(canonical))
            self._numbers[canonical] = len(self._numbers)
        for number, stock in fresh.items():
            self._serial += 1
            self._sheets[number] = _Sheet(stock, len(self._numbers) if later else 0, self._serial)
        if later:
            self._try(list(self._numbers), list(fresh))
        late_keywords, late_papers = self._untried(needed)
        self._try(late_keywords, late_papers)
        for paper in late_papers:
            self._sheets[paper].also.update(late_keywords)

    def _untried(self, needed: Iterable[tuple[Sequence[int], Sequence[str]]]) -> tuple[list[str], list[int]]:
        keywords: set[str] = set()
        papers: set[int] = set()
        for carried, asked in needed:
            newest = max(map(self._numbers.__getitem__, asked), default=-1)
            for number in carried:
                sheet = self._sheets.get(number)
                if sheet is None or sheet.tried > newest:
                    continue
                missing = {each for each in asked if self._numbers[each] >= sheet.tried} - sheet.also
                if missing:
                    keywords |= missing
                    papers.add(number)
        return sorted(keywords), sorted(papers)

    def _try(self, keywords: Sequence[str], papers: Sequence[int]) -> None:
        if not papers or not keywords:
            return
        documents = [self._sheets[each].stock.document for each in papers]
        matcher = Matcher([self._queries[self._numbers[each]] for each in keywords], prefilter=False)
        found = matcher.match_bits(documents)
        for keyword, bits in zip(keywords, found, strict=True):
            for place in bit_positions(bits.matched) if bits.matched else ():
                self._sheets[papers[place]].matched.add(keyword)

    def matches(self, number: int, asked: Iterable[str]) -> set[str]:
        """Which of these keywords the paper matches. It must have been learnt."""
        return self._sheets[number].matched.intersection(asked)

    def listed_on(self, number: int) -> date:
        """The day on which a paper was first listed. It must have been learnt."""
        return self._sheets[number].stock.plain.listed_on

    def paper(
        self, number: int, asked: Mapping[str, int], *, late: bool, summary: bool
    ) -> tuple[PaperView, tuple[int, ...]]:
        """The paper with its marks, and for each number that its marks have the position in `asked` that it means.

        The keywords of a paper stand in alphabetical order, so that those who wrote them in another one can share it.
        """
        sheet = self._sheets[number]
        found = sheet.matched.intersection(asked)
        matched = tuple(sorted(found)) if found else ()
        key = (sheet.serial, matched, late, summary)
        shown = self._shown.get(key)
        if shown is None:
            while len(self._shown) >= self._most[2]:
                del self._shown[next(iter(self._shown))]
            queries = [self._queries[self._numbers[each]] for each in matched]
            shown = self._shown[key] = highlight_matches(sheet.stock, queries, late=late, summary=summary)
        return shown, tuple([asked[each] for each in matched]) if found else ()


def highlight_matches(
    stock: PaperSnapshot, queries: Sequence[Query], *, late: bool = False, summary: bool = False
) -> PaperView:
    """A paper with the words that these queries match. `summary`: with the machine's summary, if there is one."""
    plain = replace(stock.plain, late=late, summary=stock.plain.summary if summary else "", trending=not queries)
    if not queries:
        return plain
    why = explain(queries, stock.document)
    return replace(
        plain,
        title_spans=why.title,
        abstract_spans=why.abstract,
        where=tuple((number, why.describe_location(number)) for number in why.queries),
        trending=not why.queries,
    )
