"""Our matching against others that know nothing of it, over real papers: SQLite's FTS5, and a plain evaluator of
arXiv's syntax written here. Every difference must be explained by a rule of ours."""

import gzip
import json
import random
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from digest.errors import QueryError
from digest.matching import Matcher, PaperDocument, Query, parse

REAL = Path(__file__).parents[4] / "shared/data"
pytestmark = pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")


@lru_cache
def corpus(size: int) -> tuple[PaperDocument, ...]:
    with gzip.open(REAL / "corpus/arxiv_papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for _, line in zip(range(size), lines, strict=False)]
    return tuple(
        PaperDocument(
            n, each["title"], each["abstract"], tuple(each["authors"] or ()), _arxiv(each["categories"] or ())
        )
        for n, each in enumerate(papers)
    )


def _arxiv(categories: Iterable[str]) -> tuple[str, ...]:
    """Those of arXiv; the ACM's and MSC's classes stand in the same place."""
    return tuple(each for each in categories if re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", each))


def found_by_us(queries: list[Query], documents: tuple[PaperDocument, ...]) -> list[set[int]]:
    return [{hit.document for hit in row} for row in Matcher(queries).match(documents)]


@lru_cache(maxsize=1 << 16)
def plain(text: str) -> str:
    """Small, without accents and marks."""
    spelt = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in spelt if not unicodedata.combining(char))


def squeezed(text: str) -> str:
    """Letters and digits alone, without those that plurals change: tolerance driven too far."""
    return re.sub(r"[\W_seiy]", "", plain(text).replace("corpora", "corpus").replace("minima", "minimum"))


def found_by_fts(keywords: list[str], documents: tuple[PaperDocument, ...]) -> Iterator[set[int]]:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE paper USING fts5(title, abstract, tokenize='unicode61 remove_diacritics 2')")
    rows = ((each.id, each.title, each.abstract) for each in documents)
    database.executemany("INSERT INTO paper(rowid, title, abstract) VALUES (?, ?, ?)", rows)
    for keyword in keywords:
        phrase = '"' + keyword.replace('"', " ") + '"'
        yield {number for (number,) in database.execute("SELECT rowid FROM paper WHERE paper MATCH ?", (phrase,))}
    database.close()


def why_only_fts(keyword: str, text: str) -> str:
    """FTS5 sees words only: no signs, no punctuation between them. Ours is stricter there, by rule."""
    words = re.findall(r"[^\W_]+", plain(keyword))
    apart = re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])")
    places = list(apart.finditer(plain(text)))
    if places and all(re.search(r"[,.;:!?]|--|\s[-\u2013]\s|\n\s*\n|\u2014", each.group()) for each in places):
        return "punctuation ends a phrase"
    if len(words) == 1 and len(words[0]) == 1:
        return "one letter must stand alone"
    if re.search(r"[+#*]", keyword):
        return "a sign belongs to the name"
    beside = re.compile(r"[A-Za-z](\+\+|[#*])|[0-9]\.[0-9]|['\u2019]")
    if places and all(beside.search(plain(text)[max(0, each.start() - 3) : each.end() + 3]) for each in places):
        return "a sign, a decimal or an apostrophe belongs to the word"
    if re.search(r"[A-Z]{2,}s\b|s\b", keyword):
        return "a plural written in capitals is none"
    return ""


def why_only_ours(keyword: str, text: str) -> str:
    if squeezed(keyword) in squeezed(text):
        return "plural, hyphen, blank or nothing between the words"
    return ""


def test_real_keywords_against_full_text_search() -> None:
    documents = corpus(2000)
    texts = [f"{each.title}\n\n{each.abstract}" for each in documents]
    keywords = [
        line
        for line in (REAL / "keywords/keywords.txt").read_text(encoding="utf-8").splitlines()
        if re.search(r"[^\W_]", line)
        and len(re.split(r"[\s,]+", line)) <= 20
        and not re.search(r"[^\x00-\u024f]", line)
    ]
    ours = found_by_us([parse(keyword) for keyword in keywords], documents)
    reasons: Counter[str] = Counter()
    unexplained = []
    for keyword, mine, theirs in zip(keywords, ours, found_by_fts(keywords, documents), strict=True):
        reasons["the same"] += len(mine & theirs)
        for number in mine ^ theirs:
            reason = (why_only_ours if number in mine else why_only_fts)(keyword, texts[number])
            reasons[reason] += 1
            if not reason:
                unexplained.append((keyword, number in mine, documents[number].title))
    assert unexplained == []
    assert reasons["the same"] > 15_000
    assert reasons["plural, hyphen, blank or nothing between the words"] > 1000


class Evaluator:
    """arXiv's syntax, read by Dijkstra's shunting yard and looked up by regular expressions. No tolerance at all."""

    RANK = {"OR": 1, "AND": 2, "ANDNOT": 2}  # noqa: RUF012 - a table

    def __init__(self, text: str) -> None:
        self.output: list[str] = []
        waiting: list[str] = []
        for token in re.findall(r'\(|\)|\b(?:ANDNOT|AND|OR)\b|\w+:"[^"]*"|\w+:[^\s()]+', text):
            if token == "(":
                waiting.append(token)
            elif token == ")":
                while waiting[-1] != "(":
                    self.output.append(waiting.pop())
                waiting.pop()
            elif token in self.RANK:
                while waiting and waiting[-1] != "(" and self.RANK[waiting[-1]] >= self.RANK[token]:
                    self.output.append(waiting.pop())
                waiting.append(token)
            else:
                self.output.append(token)
        self.output += reversed(waiting)

    def __call__(self, paper: PaperDocument) -> bool:
        stack: list[bool] = []
        joined: dict[str, Callable[[bool, bool], bool]] = {
            "OR": lambda left, right: left or right,
            "AND": lambda left, right: left and right,
            "ANDNOT": lambda left, right: left and not right,
        }
        for token in self.output:
            if token in joined:
                right, left = stack.pop(), stack.pop()
                stack.append(joined[token](left, right))
            else:
                stack.append(self.holds(token, paper))
        return stack.pop()

    def holds(self, token: str, paper: PaperDocument) -> bool:
        field, value = token.split(":", 1)
        value = value.strip('"')
        if field == "cat":
            archive = value.removesuffix("*")
            return any(each.startswith(archive) if value.endswith("*") else each == value for each in paper.categories)
        words = re.findall(r"[^\W_]+", plain(value.replace("_", " ")))
        if field == "au":
            return any(named(words, each) for each in paper.authors)
        texts = {"ti": [paper.title], "abs": [paper.abstract], "all": [paper.title, paper.abstract]}[field]
        return any(stands(words, each) for each in texts)


def stands(words: list[str], text: str) -> bool:
    """These words, with a blank, a line's end, a quote or a bracket between; 's makes another word of one."""
    between = r"[\s()\"/]+".join(map(re.escape, words))
    return re.search(rf"(?<![^\W_]){between}(?![^\W_]|['\u2019][a-z])", plain(text)) is not None


def named(words: list[str], author: str) -> bool:
    """These names in this order, others between; one letter is an initial."""
    names = iter(re.findall(r"[^\W_]+", plain(author)))
    return all(any(name == word or (len(word) == 1 and name[0] == word) for name in names) for word in words)


def invented(documents: tuple[PaperDocument, ...], count: int) -> Iterator[str]:
    """Queries in arXiv's syntax about real words, authors and categories."""
    chance = random.Random(7)

    def term() -> str:
        paper = chance.choice(documents)
        kind = chance.randrange(6)
        if kind == 0 and paper.categories:
            return f"cat:{chance.choice(paper.categories)}"
        if kind == 1 and paper.authors:
            return f'au:"{chance.choice(paper.authors)}"'
        words = [each for each in re.findall(r"(?<= )[a-z]{3,}(?: [a-z]{3,})?(?= )", paper.abstract)]  # noqa: C416
        return f'{chance.choice(["ti", "abs", "all"])}:"{chance.choice(words or ["the"])}"'

    def tree(depth: int) -> str:
        if depth == 0 or chance.random() < 0.3:
            return term()
        parts = [tree(depth - 1) for _ in range(chance.choice((2, 2, 3)))]
        joined = parts[0]
        for part in parts[1:]:
            joined += f" {chance.choice(['AND', 'OR', 'OR', 'ANDNOT'])} {part}"
        return f"({joined})" if depth < 3 else joined

    for _ in range(count):
        yield tree(3)


def test_invented_queries_against_a_plain_evaluator() -> None:
    documents = corpus(400)
    understood = []
    for text in invented(documents, 150):
        try:
            understood.append((text, parse(text)))
        except QueryError as error:
            assert "opposite" in str(error)  # noqa: PT017
    assert len(understood) > 145
    ours = found_by_us([query for _, query in understood], documents)
    same = 0
    for (text, _), mine in zip(understood, ours, strict=True):
        evaluate = Evaluator(text)
        theirs = {number for number, paper in enumerate(documents) if evaluate(paper)}
        same += len(mine & theirs)
        assert mine == theirs, (text, [documents[number].title for number in mine ^ theirs])
    assert same > 2_000
