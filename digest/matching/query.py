"""What a reader wrote, understood: a small tree of phrases.

Today a query is one phrase: bare words with every tolerance, or "quoted" words without. What the full grammar will
use (AND, OR, NOT, field:word, word*, -word) is refused with its place, so that no keyword changes its meaning when
the grammar comes. Round brackets only group, and one phrase in brackets is that phrase: they are punctuation here.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from digest.errors import QueryError
from digest.matching.fold import BREAK, HYPHEN, NONE, SPACE, Words, joinable, words_of
from digest.matching.plural import singular

LONGEST = 200  # characters
MOST_WORDS = 20
Field = Literal["any", "title", "abstract"]

_QUOTE = re.compile('["\u201c\u201d\u201e\u00ab\u00bb]')  # phones write “ and ” for "
_DASHES = "-\u2010-\u2015\u2212"
_FIELDS = (
    r"(?:(?i:title|abstract|author|category|source)|ti|abs|au|cat|all|co|jr|rn|id|org|has"
    r"|submittedDate|lastUpdatedDate)"
)
_LATER = (
    (
        r"(?<!\S)\(*(?P<it>AND|OR|NOT|ANDNOT|\|\|?|&&)(?=\)*(?!\S)|\()",
        "operators",
        'quote the words or write "and" small',
    ),
    (
        rf"(?<![\w-])(?P<it>{_FIELDS}:)(?=\S)|\A[\s(]*(?P<at>{_FIELDS}\s*:)",
        "fields",
        "quote the words to search for them",
    ),
    (r"(?<!\w)(?P<it>upvotes\s*[<>=:])", "comparisons", "quote the words to search for them"),
    (rf"(?<!\S)\(*(?P<it>[{_DASHES}])(?=\w)", "exclusions", "quote the words, or put a blank behind the dash"),
)
_GRAMMAR = tuple((re.compile(pattern), name, advice) for pattern, name, advice in _LATER)
_STAR = re.compile(r"(?<![^\W_])[A-Za-z]\*|(?P<it>\*)")  # A* and Q* are names
_BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Phrase:
    """Words in this order, in one text. A leaf of the tree.

    Exact: `words` are as written but for case and accents, `joints` the gaps between them. Else `words` are keys
    with the joinable ones already joined (fine tuning: one word, finetuning), and a joint says what a text must
    have there: SPACE a gap, HYPHEN a gap or nothing, BREAK a gap that may hold punctuation. A lone capital letter
    is kept as such: the reader of R does not mean r.
    """

    words: tuple[str, ...]
    joints: tuple[str, ...]
    exact: bool = False
    field: Field = "any"

    @cached_property
    def key(self) -> str:
        """What the index knows it by."""
        if self.exact:
            return self.words[0] + "".join(
                joint + word for joint, word in zip(self.joints, self.words[1:], strict=True)
            )
        return "".join(self.words).lower() if self.capital else "".join(self.words)

    @property
    def capital(self) -> bool:
        return len(self.words) == len(self.words[0]) == 1 and self.words[0].isupper()

    @cached_property
    def canonical(self) -> str:
        """Equal for equal meanings, and itself a query of that meaning."""
        pairs = zip(self.joints, self.words[1:], strict=True)
        text = self.words[0] + "".join((", " if joint == BREAK else joint) + word for joint, word in pairs)
        return f'"{text}"' if self.exact else text


Node = Phrase  # the full grammar makes this a union: Phrase | Prefix | And | Or | Not | Listed


@dataclass(frozen=True)
class Query:
    """A keyword as written, and what it means."""

    text: str
    root: Node

    @property
    def canonical(self) -> str:
        return self.root.canonical

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """The leaves of the tree."""
        return (self.root,)


def parse(text: str) -> Query:
    """Read one keyword. Raises QueryError, which points at the place, for everything that is none."""
    line = _readable(text)
    quotes = [found.start() for found in _QUOTE.finditer(line)]
    if len(quotes) % 2:
        raise _refused("unclosed quote", quotes[-1], 'add a closing " or remove this one')
    masked = list(line)
    for start, end in zip(quotes[::2], quotes[1::2], strict=True):
        masked[start : end + 1] = "q" * (end + 1 - start)
    bare = "".join(masked)
    _refuse_grammar(bare)
    for found in _STAR.finditer(line):
        if found["it"]:
            raise _refused("star", found.start(), "beginnings of words (like pretrain*) are not understood yet")
    _check_brackets(bare)
    if not quotes:
        return Query(text.strip(), _tolerant(_words(line, 0)))
    _check_alone(bare, quotes)
    inside = line[quotes[0] + 1 : quotes[1]]
    words = _words(inside, quotes[0] + 1)
    return Query(text.strip(), _one_letter(words, exact=True) or _exact(words))


def _refused(what: str, index: int, advice: str) -> QueryError:
    return QueryError(f"{what} at character {index + 1}: {advice}", position=index + 1)


def _readable(text: str) -> str:
    """The text with tabs and line ends as blanks, as long as before: places stay right."""
    if not text.strip():
        raise QueryError("an empty keyword: write the words to look for", position=1)
    start = len(text) - len(text.lstrip())
    length = len(text.strip())
    if max(length, start) > LONGEST:
        raise _refused("too long", LONGEST, f"a keyword has at most {LONGEST} characters, this has {start + length}")
    line = "".join(" " if char.isspace() else char for char in text.rstrip())
    for index, char in enumerate(line):
        if unicodedata.category(char) in {"Cc", "Cs"} or char in _BIDI:
            raise _refused(f"invisible control character U+{ord(char):04X}", index, "remove it")
    return line


def _refuse_grammar(bare: str) -> None:
    for pattern, name, advice in _GRAMMAR:
        if found := pattern.search(bare):
            group = "it" if found["it"] else "at"
            raise _refused(f"{found[group]!r}", found.start(group), f"{name} are not understood yet; {advice}")


def _check_brackets(bare: str) -> None:
    opened: list[int] = []
    for index, char in enumerate(bare):
        if char == "(":
            opened.append(index)
        elif char == ")" and opened:
            opened.pop()
        elif char == ")":
            raise _refused("closing bracket", index, "there is none to close; remove it")
    if opened:
        raise _refused("unclosed bracket", opened[-1], "add a closing ) or remove this one")


def _check_alone(bare: str, quotes: list[int]) -> None:
    rest = bare[: quotes[0]] + " " * (quotes[1] + 1 - quotes[0]) + bare[quotes[1] + 1 :]
    if rest.strip():
        index = len(rest) - len(rest.lstrip())
        raise _refused("text beside a quoted phrase", index, "put each on a line of its own, or quote all of it")


def _words(line: str, offset: int) -> Words:
    words = words_of(line)
    if not words.keys:
        raise QueryError("no letter and no digit: write the words to look for", position=offset + 1)
    apart = [
        start for start, gap in zip(words.starts, words.gaps, strict=True) if gap != NONE or start == words.starts[0]
    ]
    if len(apart) > MOST_WORDS:
        raise _refused("too many words", offset + apart[MOST_WORDS], f"a keyword has at most {MOST_WORDS}")
    return words


def _one_letter(words: Words, *, exact: bool) -> Phrase | None:
    if len(words.keys) > 1 or not words.text[words.starts[0] : words.ends[0]].isupper():
        return None
    capital = words.keys[0].upper()
    return Phrase((capital,), (), exact) if len(capital) == 1 and capital.lower() == words.keys[0] else None


def _exact(words: Words) -> Phrase:
    return Phrase(tuple(words.exact), tuple(words.gaps[1:]), exact=True)


def _tolerant(words: Words) -> Phrase:
    return _one_letter(words, exact=False) or _joined(words)


def _joined(words: Words) -> Phrase:
    groups: list[str] = []
    joints: list[str] = []
    run = [words.keys[0]]
    for left, right, gap in zip(words.keys, words.keys[1:], words.gaps[1:], strict=False):
        if gap != BREAK and joinable(left, right, gap if right == "++" else SPACE):
            run.append(right)
            continue
        _close(run, groups, joints)
        joints.append(gap if gap == BREAK else HYPHEN if joinable(left, right, HYPHEN) and gap != SPACE else SPACE)
        run = [right]
    _close(run, groups, joints)
    return Phrase(tuple(groups), tuple(joints))


def _close(run: list[str], groups: list[str], joints: list[str]) -> None:
    """Add a run as one word; what would look like a plural then (use gps, usegps) keeps its last words apart."""
    whole = len(run)
    while whole > 1 and singular("".join(run[:whole])) != "".join(run[:whole]):
        whole -= 1
    groups.append("".join(run[:whole]))
    for word in run[whole:]:
        joints.append(HYPHEN)
        groups.append(word)
