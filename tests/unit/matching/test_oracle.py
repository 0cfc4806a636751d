"""Matching against independent implementations, over real papers: FTS5 of SQLite, and an evaluator of arXiv's syntax.

Every difference must be explained by a rule of ours.
"""

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

from digest import matching
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
            n, paper["title"], paper["abstract"], tuple(paper["authors"] or ()), arxiv_only(paper["categories"] or ())
        )
        for n, paper in enumerate(papers)
    )


def arxiv_only(categories: Iterable[str]) -> tuple[str, ...]:
    """Drop the classes of ACM and MSC, which stand among the categories."""
    return tuple(name for name in categories if re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", name))


def match_documents(queries: list[Query], documents: tuple[PaperDocument, ...]) -> list[set[int]]:
    return [{hit.document for hit in row} for row in Matcher(queries).match(documents)]


@lru_cache(maxsize=1 << 16)
def plain(text: str) -> str:
    """Return a text in lower case, without accents and marks."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def squeeze(text: str) -> str:
    """Return letters and digits alone, without those that plurals and spelling change: more tolerant than matching."""
    spelled = plain(text).replace("corpora", "corpus").replace("minima", "minimum")
    for number, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")):
        spelled = re.sub(rf"\b{word}s?\b", str(number), spelled)
    return re.sub(r"[\W_seiyuzl]", "", spelled)


def match_by_fts(keywords: list[str], documents: tuple[PaperDocument, ...]) -> Iterator[set[int]]:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE paper USING fts5(title, abstract, tokenize='unicode61 remove_diacritics 2')")
    rows = ((document.id, document.title, document.abstract) for document in documents)
    database.executemany("INSERT INTO paper(rowid, title, abstract) VALUES (?, ?, ?)", rows)
    for keyword in keywords:
        phrase = '"' + keyword.replace('"', " ") + '"'
        yield {number for (number,) in database.execute("SELECT rowid FROM paper WHERE paper MATCH ?", (phrase,))}
    database.close()


def why_only_fts(keyword: str, text: str) -> str:
    """Return the rule by which only FTS5 matches: it sees no signs and no punctuation between words."""
    words = re.findall(r"[^\W_]+", plain(keyword))
    expression = re.compile(r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])")
    matches = list(expression.finditer(plain(text)))
    if matches and all(re.search(r"[,.;:!?]|--|\s[-\u2013]\s|\n\s*\n|\u2014", match.group()) for match in matches):
        return "punctuation ends a phrase"
    if len(words) == 1 and len(words[0]) == 1:
        return "one letter must stand alone"
    if re.search(r"[+#*]", keyword):
        return "a sign belongs to the name"
    signs = re.compile(r"[A-Za-z](\+\+|[#*])|[0-9]\.[0-9]|['\u2019]")
    if matches and all(signs.search(plain(text)[max(0, match.start() - 3) : match.end() + 3]) for match in matches):
        return "a sign, a decimal or an apostrophe belongs to the word"
    if re.search(r"[A-Z]{2,}s\b|s\b", keyword):
        return "a plural written in capitals is none"
    return ""


def spell_out(text: str) -> str:
    """Return the words of a text in the singular, joined, with acronyms as what they stand for."""
    separate = re.sub(r"(?<=[a-z]{2})2(?=[a-z]{2})", " to ", plain(text))
    words = [word.removesuffix("s") for word in re.findall(r"[^\W_]+", separate)]
    return "".join(acronyms().get(word, word) for word in words).replace("is", "iz")


@lru_cache
def acronyms() -> dict[str, str]:
    lines = (Path(matching.__file__).parent / "acronyms/acronyms.txt").read_text(encoding="utf-8").lower().splitlines()
    pairs = [line.split(" ", 1) for line in lines]
    longs = ("".join(word.removesuffix("s") for word in re.findall(r"\w+", long)) for _, long in pairs)
    return {short.removesuffix("s"): long for (short, _), long in zip(pairs, longs, strict=True)}


def why_only_ours(keyword: str, text: str) -> str:
    """Return the rule by which only our matching finds a keyword."""
    requested, written = (spell_out(without) for without in (re.sub(r" \(.*\)", "", keyword), text))
    without_definitions = spell_out(re.sub(r"\([A-Za-z]+\)", "", text))
    if requested in written or requested in without_definitions:
        return "an acronym or its long form, 2 or to"
    if squeeze(keyword) in squeeze(text):
        return "plural, spelling, hyphen, blank or nothing between the words"
    return ""


def test_real_keywords_against_full_text_search() -> None:
    documents = corpus(2000)
    texts = [f"{document.title}\n\n{document.abstract}" for document in documents]
    keywords = [
        line
        for line in (REAL / "keywords/keywords.txt").read_text(encoding="utf-8").splitlines()
        if re.search(r"[^\W_]", line)
        and len(re.split(r"[\s,]+", line)) <= 20
        and not re.search(r"[^\x00-\u024f]", line)
        and not re.search(r"[,;]| or |[a-z] and .*\(|\(.* and ", line)  # lists in one line are refused
    ]
    ours = match_documents([parse(keyword) for keyword in keywords], documents)
    reasons: Counter[str] = Counter()
    unexplained = []
    for keyword, mine, theirs in zip(keywords, ours, match_by_fts(keywords, documents), strict=True):
        reasons["the same"] += len(mine & theirs)
        for number in mine ^ theirs:
            reason = (why_only_ours if number in mine else why_only_fts)(keyword, texts[number])
            reasons[reason] += 1
            if not reason:
                unexplained.append((keyword, number in mine, documents[number].title))
    assert unexplained == []
    assert reasons["the same"] > 15_000
    assert reasons["plural, spelling, hyphen, blank or nothing between the words"] > 200
    assert reasons["an acronym or its long form, 2 or to"] > 1000


class Evaluator:
    """Evaluator of arXiv's syntax: Dijkstra's shunting yard, and regular expressions without any tolerance."""

    RANK = {"OR": 1, "AND": 2, "ANDNOT": 2}  # noqa: RUF012 - a table

    def __init__(self, text: str) -> None:
        self.output: list[str] = []
        operators: list[str] = []
        for token in re.findall(r'\(|\)|\b(?:ANDNOT|AND|OR)\b|\w+:"[^"]*"|\w+:[^\s()]+', text):
            if token == "(":
                operators.append(token)
            elif token == ")":
                while operators[-1] != "(":
                    self.output.append(operators.pop())
                operators.pop()
            elif token in self.RANK:
                while operators and operators[-1] != "(" and self.RANK[operators[-1]] >= self.RANK[token]:
                    self.output.append(operators.pop())
                operators.append(token)
            else:
                self.output.append(token)
        self.output += reversed(operators)

    def __call__(self, paper: PaperDocument) -> bool:
        stack: list[bool] = []
        combine: dict[str, Callable[[bool, bool], bool]] = {
            "OR": lambda left, right: left or right,
            "AND": lambda left, right: left and right,
            "ANDNOT": lambda left, right: left and not right,
        }
        for token in self.output:
            if token in combine:
                right, left = stack.pop(), stack.pop()
                stack.append(combine[token](left, right))
            else:
                stack.append(self.holds(token, paper))
        return stack.pop()

    def holds(self, token: str, paper: PaperDocument) -> bool:
        field, value = token.split(":", 1)
        value = value.strip('"')
        if field == "cat":
            archive = value.removesuffix("*")
            return any(
                category.startswith(archive) if value.endswith("*") else category == value
                for category in paper.categories
            )
        words = re.findall(r"[^\W_]+", plain(value.replace("_", " ")))
        if field == "au":
            return any(is_author(words, author) for author in paper.authors)
        texts = {"ti": [paper.title], "abs": [paper.abstract], "all": [paper.title, paper.abstract]}[field]
        return any(contains(words, text) for text in texts)


def contains(words: list[str], text: str) -> bool:
    """Find words with blanks, line ends, quotes or parentheses between; 's makes another word of one."""
    phrase = r"[\s()\"/]+".join(map(re.escape, words))
    return re.search(rf"(?<![^\W_]){phrase}(?![^\W_]|['\u2019][a-z])", plain(text)) is not None


def is_author(words: list[str], author: str) -> bool:
    """Find names in this order, with others between; a single letter is an initial."""
    names = iter(re.findall(r"[^\W_]+", plain(author)))
    return all(any(name == word or (len(word) == 1 and name[0] == word) for name in names) for word in words)


def random_queries(documents: tuple[PaperDocument, ...], count: int) -> Iterator[str]:
    """Yield queries in arXiv's syntax about real words, authors and categories."""
    rng = random.Random(7)

    def term() -> str:
        paper = rng.choice(documents)
        kind = rng.randrange(6)
        if kind == 0 and paper.categories:
            return f"cat:{rng.choice(paper.categories)}"
        if kind == 1 and paper.authors:
            return f'au:"{rng.choice(paper.authors)}"'
        words = re.findall(r"(?<= )[a-z]{3,}(?: [a-z]{3,})?(?= )", paper.abstract)
        return f'{rng.choice(["ti", "abs", "all"])}:"{rng.choice(words or ["the"])}"'

    def tree(depth: int) -> str:
        if depth == 0 or rng.random() < 0.3:
            return term()
        parts = [tree(depth - 1) for _ in range(rng.choice((2, 2, 3)))]
        text = parts[0]
        for part in parts[1:]:
            text += f" {rng.choice(['AND', 'OR', 'OR', 'ANDNOT'])} {part}"
        return f"({text})" if depth < 3 else text

    for _ in range(count):
        yield tree(3)


@pytest.mark.parametrize("count", [50, pytest.param(150, marks=pytest.mark.long)])
def test_random_queries_against_a_plain_evaluator(count: int) -> None:
    documents = corpus(400)
    parsed = []
    for text in random_queries(documents, count):
        try:
            parsed.append((text, parse(text)))
        except QueryError as error:
            assert "Remove one of the two" in str(error)  # noqa: PT017
    assert len(parsed) >= 0.95 * count
    ours = match_documents([query for _, query in parsed], documents)
    same = 0
    for (text, _), mine in zip(parsed, ours, strict=True):
        evaluate = Evaluator(text)
        theirs = {number for number, paper in enumerate(documents) if evaluate(paper)}
        same += len(mine & theirs)
        assert mine == theirs, (text, [documents[number].title for number in mine ^ theirs])
    assert same > 12 * count
