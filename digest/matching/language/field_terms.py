"""Terms that a text means in a field: title:, author:, journal: and so on."""

import re
from collections.abc import Callable, Mapping
from typing import Literal, cast

from digest.identifiers import normalize_identifier
from digest.matching import messages
from digest.matching.acronyms import AcronymTable
from digest.matching.metadata import (
    is_misspelled_category,
    normalize_author,
    normalize_category,
    normalize_doi,
    normalize_journal,
    normalize_source,
)
from digest.matching.phrases import MAX_PHRASE_LENGTH, parse_phrase, syntax_error
from digest.matching.terms import (
    AuthorTerm,
    CategoryTerm,
    DoiTerm,
    HasCodeTerm,
    JournalTerm,
    KindTerm,
    LikeTerm,
    SourceTerm,
    Term,
    TextField,
    UpvotesTerm,
)

_CATEGORY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]+\*?")
_DOI_BEGINNING = re.compile(
    r"(?:https?://[^\s/]+/(?:[^\s]*/)?|info:doi/|doi:)?(?P<prefix>10\.\d{4,9}(?:\.\d+)*)(?P<rest>/\S*)?", re.IGNORECASE
)
MAX_LIKE_WORDS = 60
_LIKE_WORD = re.compile(r"(?P<word>[^^;]+)\^(?P<weight>\d{1,4})")
_LIKE_SIGNS = frozenset('"^; ')  # of the canonical text; no identifier and no word of a paper has them
_SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")


def create_term(field: str, text: str, offset: int, *, quoted: bool, acronyms: AcronymTable | None) -> Term:
    """Return the term that a text in a field means. `offset` is the position of the text in the query."""
    if field in {"journal", "doi", "like"}:  # they may end with a parenthesis
        inside = text.strip()
        return _CREATE_TERM[field](inside[1:-1].strip() if inside[0] == "(" else inside, offset)
    if field in _CREATE_TERM:
        return _CREATE_TERM[field](text.strip(" ()"), offset)
    return parse_phrase(text, offset, cast("TextField", field), quoted=quoted, acronyms=acronyms)


def _create_author_term(text: str, offset: int) -> AuthorTerm:
    if "*" in text:
        raise syntax_error(messages.STAR_IN_AUTHOR, offset + text.index("*"))
    name = normalize_author(text)
    if not name or max(len(name), len(text)) > MAX_PHRASE_LENGTH:
        raise syntax_error(messages.no_author(MAX_PHRASE_LENGTH), offset)
    return AuthorTerm(name, " ".join(text.replace("_", " ").split()))


def _create_category_term(text: str, offset: int) -> CategoryTerm:
    name = normalize_category(text) if _CATEGORY_NAME.fullmatch(text) else ""
    if not name or len(text) > MAX_PHRASE_LENGTH or is_misspelled_category(name):
        raise syntax_error(messages.NO_CATEGORY, offset)
    return CategoryTerm(name)


def _create_source_term(text: str, offset: int) -> SourceTerm:
    if not _SOURCE_NAME.fullmatch(text) or len(text) > MAX_PHRASE_LENGTH:
        raise syntax_error(messages.NO_SOURCE, offset)
    return SourceTerm(normalize_source(text))


def _create_has_term(text: str, offset: int) -> HasCodeTerm:
    if text.lower() != "code":
        raise syntax_error(messages.UNKNOWN_HAS, offset)
    return HasCodeTerm()


def _create_journal_term(text: str, offset: int) -> JournalTerm:
    beginning = text.removesuffix("*").rstrip()
    name = normalize_journal(beginning)
    if not name or "*" in beginning or max(len(name), len(text)) > MAX_PHRASE_LENGTH:
        raise syntax_error(messages.no_journal(MAX_PHRASE_LENGTH), offset)
    return JournalTerm(f"{name}*" if text.endswith("*") else name, " ".join(text.split()))


def _create_doi_term(text: str, offset: int) -> DoiTerm:
    """Return the term of a DOI, of all of a publisher (10.1038, 10.1038/*), or of all that begin so (10.1038/s4*)."""
    match = _DOI_BEGINNING.fullmatch(text)
    if match and match["rest"] in {None, "/", "/*"}:
        name = match["prefix"]
    elif match and text.endswith("*"):
        name = f"{match['prefix']}{match['rest']}".lower()
    else:
        name = normalize_doi(text) if match else ""
    if not name or "*" in name[:-1] or len(name) > MAX_PHRASE_LENGTH:
        raise syntax_error(messages.NO_DOI, offset)
    return DoiTerm(name)


def _create_kind_term(text: str, offset: int) -> KindTerm:
    kind = text.lower().removesuffix("s")
    if kind not in {"paper", "editorial"}:
        raise syntax_error(messages.UNKNOWN_KIND, offset)
    return KindTerm(cast('Literal["paper", "editorial"]', kind))


def _create_like_term(text: str, offset: int) -> LikeTerm:
    """Return the term of papers like one, with its words where a canonical text names them."""
    name, _, rest = text.partition(" ")
    identifier = normalize_identifier(name)
    words = [_LIKE_WORD.fullmatch(part) for part in rest.split(";")] if rest else []
    if identifier is None or set(str(identifier)) & _LIKE_SIGNS or None in words or len(words) > MAX_LIKE_WORDS:
        raise syntax_error(messages.NO_LIKE, offset)
    weights = {match["word"]: int(match["weight"]) for match in words if match}
    return describe_like_term(LikeTerm(str(identifier)), weights)


def describe_like_term(term: LikeTerm, weights: Mapping[str, float]) -> LikeTerm:
    """Return the term with the words of its paper. Words that mean something else alone are left out."""
    phrases = {}
    for word in weights:
        phrase = parse_phrase(word, 0)
        if not (phrase.exact or phrase.prefix or phrase.is_single_capital) and not set(word) & (_LIKE_SIGNS - {" "}):
            phrases[word] = phrase
    words = tuple((word, max(1, round(weights[word]))) for word in phrases)
    return LikeTerm(term.name, words, tuple(phrases.values()))


_CREATE_TERM: dict[str, Callable[[str, int], Term]] = {
    "author": _create_author_term,
    "category": _create_category_term,
    "source": _create_source_term,
    "journal": _create_journal_term,
    "doi": _create_doi_term,
    "kind": _create_kind_term,
    "has": _create_has_term,
    "like": _create_like_term,
}


def create_upvotes_term(comparison: str) -> UpvotesTerm:
    """Return the term of a valid comparison, with one sign for each meaning: >20 is >=21."""
    sign, count = comparison.rstrip("0123456789"), int(comparison.lstrip("<>="))
    if sign in {">", "<="}:
        return UpvotesTerm(">=" if sign == ">" else "<", count + 1)
    return UpvotesTerm(cast('Literal[">=", "<", "="]', sign), count)
