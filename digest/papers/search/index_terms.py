"""Terms of the full-text index: of a paper, and of a query. Pure.

A keyword finds fine-tuning, fine tuning and finetuning alike: for matching, a phrase is the string of its normalized
words joined, wherever a text has its gaps. An index of words alone would miss such matches, so a paper has the terms

    finetuning      each word, normalized as in matching (and as written, for quoted words and prefixes)
    |fine|tuning    each word with the beginning of what follows, joined: TAIL_LENGTH characters
    @hinton         each word of an author's name
    %cs.cl          each category
    #disease        each word of a subject or category, and #|alzheimer|diseas as above
    ~naturemedicine its journal, joined
    ^10.1038/x      its DOIs
    $arxiv          each source that lists it
    =editorial      its kind, unless it is a paper

and a phrase is searched as one word, or as any first word with the rest of the phrase behind it. Every paper that
matching finds has these terms, but not the other way round: the index yields candidates only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from re import split

from digest.matching import (
    CLOSE_SHARE,
    NO_GAP,
    And,
    AuthorTerm,
    CategoryTerm,
    DoiTerm,
    JournalTerm,
    KindTerm,
    LikeTerm,
    Node,
    Not,
    Or,
    PaperDocument,
    Phrase,
    SourceTerm,
    Term,
    Words,
    find_definitions,
    name_variants,
    normalize_author,
    normalize_category,
    normalize_journal,
    normalize_source,
    split_words,
    to_key,
    window_without,
)

INDEXED_COLUMNS = frozenset(PaperDocument.columns()) - {"id", "organization", "upvotes", "code_url"}
NOTHING = "="  # a term that no paper has
TAIL_LENGTH = 6  # characters; with 6 the index is about as large as the texts, and few candidates do not match


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """Term of the index, or with `is_prefix` every term that begins with `text`."""

    text: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conjunction of expressions."""

    parts: tuple["SearchExpression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Disjunction of expressions."""

    parts: tuple["SearchExpression", ...]


SearchExpression = SearchTerm | AllOf | AnyOf


def index_terms(document: PaperDocument) -> set[str]:
    """Return all terms of a paper."""
    terms = {f"%{normalize_category(category).lower()}" for category in document.categories}
    for author in document.authors:
        for name in name_variants(normalize_author(author)):
            terms.update(f"@{word}" for word in name)
    terms.update(f"${normalize_source(source)}" for source in document.sources)
    terms.update(f"^{doi}" for doi in document.dois)
    if document.journal:
        terms.add(f"~{_join_name(document.journal)}")
    if document.kind != "paper":
        terms.add(f"={document.kind}")
    for text in document.all_subjects:
        terms.update(f"#{term}" for term in _text_terms(text))
    for text in (document.title, document.abstract):
        terms.update(_text_terms(text))
    return terms


def _join_name(name: str) -> str:
    return normalize_journal(name).replace(" ", "")


def _text_terms(text: str) -> Iterator[str]:
    words = split_words(text)
    yield from words.keys
    yield from words.exact
    yield from (word.replace("'", "") for word in words.exact)
    around_acronyms = (window_without(words, definition.acronym) for definition in find_definitions(words))
    for part in (words, *around_acronyms):
        for position in range(len(part.keys) - 1):
            yield from _pair_terms(part, position)


def _pair_terms(words: Words, position: int) -> Iterator[str]:
    """Yield the word at `position` with what follows it, also as a keyword ending in a prefix would spell it."""
    tail, following = "", position + 1
    while len(tail) < TAIL_LENGTH and following < len(words.keys):
        exact = words.exact[following].replace("'", "")
        if exact != words.keys[following]:
            yield f"|{words.keys[position]}|{(tail + exact)[:TAIL_LENGTH]}"
        tail += words.keys[following]
        following += 1
    yield f"|{words.keys[position]}|{tail[:TAIL_LENGTH]}"
    tail, following = "", position + 1
    while len(tail) < TAIL_LENGTH and following < len(words.keys) and words.gaps[following] == NO_GAP:
        tail += words.exact[following]
        following += 1
    if tail:  # in quotes, words without a gap such as $k$means count as one word too
        yield f"|{words.exact[position]}|{tail[:TAIL_LENGTH]}"


def search_expression(node: Node) -> SearchExpression | None:
    """Return what every paper that matches has; None where it can be any paper (NOT survey, upvotes>20)."""
    if isinstance(node, Not):
        return None
    if isinstance(node, And | Or):
        parts = [search_expression(operand) for operand in node.operands]
        constraints = [part for part in parts if part is not None]
        if isinstance(node, And):
            return _combine(AllOf, constraints) if constraints else None
        return _combine(AnyOf, constraints) if len(constraints) == len(parts) else None
    return _term_expression(node)


def _combine(operator: type[AllOf | AnyOf], parts: Sequence[SearchExpression]) -> SearchExpression:
    """Join expressions, flattened and without duplicates."""
    flat: dict[SearchExpression, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, operator) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else operator(tuple(flat))


def _term_expression(term: Term) -> SearchExpression | None:
    if not isinstance(term, Phrase):
        return _metadata_expression(term)
    if term.field == "org":
        return None
    if term.exact:
        expression = _quoted_expression([word for word in split("[ ,-]", term.key.lower()) if word])
    else:
        expression = _combine(AnyOf, [_form_expression(form) for form in term.alternatives])
    return _of_subjects(expression) if term.field == "subject" else expression


def _metadata_expression(term: Term) -> SearchExpression | None:
    expression: SearchExpression | None = None
    match term:
        case LikeTerm():
            expression = _like_expression(term)
        case AuthorTerm():
            names = [[SearchTerm(f"@{word}") for word in name if len(word) > 1] for name in name_variants(term.name)]
            expression = _combine(AnyOf, [_combine(AllOf, name) for name in names]) if all(names) else None
        case CategoryTerm():
            category = term.name.lower()
            if category.endswith("*"):
                expression = SearchTerm(f"%{category[:-1]}", is_prefix=True)
            else:
                expression = AnyOf((SearchTerm(f"%{category}"), SearchTerm(f"%{category}.", is_prefix=True)))
        case JournalTerm():
            expression = SearchTerm(f"~{_join_name(term.name.removesuffix('*'))}", is_prefix=term.is_prefix)
        case DoiTerm():
            expression = SearchTerm(f"^{term.beginning or term.name}", is_prefix=bool(term.beginning))
        case SourceTerm():
            expression = SearchTerm(f"${term.name}")
        case KindTerm(kind="editorial"):
            expression = SearchTerm("=editorial")
    return expression


def _like_expression(term: LikeTerm) -> SearchExpression:
    """Require words of a paper, so many that the others alone are too light: two of them, or one that is so heavy.

    A word that a paper writes apart, which no other does, is not looked for.
    """
    total = sum(weight for _, weight in term.words)
    heaviest = max((weight for _, weight in term.words), default=0)
    is_enough = heaviest >= CLOSE_SHARE * total
    required: list[SearchExpression] = []
    remaining = total
    for word, weight in sorted(term.words, key=lambda pair: -pair[1]):
        if remaining + (0 if is_enough else heaviest) < CLOSE_SHARE * total:
            break
        remaining -= weight
        first, _, second = word.partition(" ")
        parts = [SearchTerm(first + second), *([_pair_term(first, second)] if second else [])]
        required.append(_combine(AnyOf, parts))
    if is_enough or not required[1:]:
        return _combine(AnyOf, required) if required else SearchTerm(NOTHING)
    return _combine(
        AnyOf,
        [AllOf((one, _combine(AnyOf, required[n + 1 :]))) for n, one in enumerate(required[:-1])],
    )


def _of_subjects(expression: SearchExpression) -> SearchExpression:
    """Search the terms of subjects and categories in place of those of the texts."""
    if isinstance(expression, SearchTerm):
        return replace(expression, text=f"#{expression.text}")
    return replace(expression, parts=tuple(map(_of_subjects, expression.parts)))


def _form_expression(form: Phrase) -> SearchExpression:
    expression = _combine(AnyOf, [SearchTerm(form.key, is_prefix=form.prefix), *_split_terms(form.key)])
    return _combine(AllOf, [expression, _form_expression(form.tail)]) if form.tail else expression


def _quoted_expression(words: Sequence[str]) -> SearchExpression:
    """Require each word, whole or split without a gap, and each pair of neighbors."""
    required: list[SearchExpression] = [_combine(AnyOf, [SearchTerm(word), *_split_terms(word)]) for word in words]
    for word, neighbor in pairwise(words):
        exact = neighbor.replace("'", "")
        tails = [*([exact] if exact else []), *filter(None, _normalized_forms(neighbor))]
        pairs = [_pair_term(form, tail) for tail in tails for form in _normalized_forms(word)]
        required.append(_combine(AnyOf, [*pairs, *_split_terms(word), *_split_terms(neighbor)]))
    return _combine(AllOf, required)


def _split_terms(key: str) -> Iterator[SearchTerm]:
    """Yield the key as a first word and what follows, for every end of the first word."""
    return (_pair_term(key[:end], key[end:]) for end in range(1, len(key)))


def _pair_term(word: str, tail: str) -> SearchTerm:
    return SearchTerm(f"|{word}|{tail[:TAIL_LENGTH]}", is_prefix=len(tail) < TAIL_LENGTH)


def _normalized_forms(word: str) -> list[str]:
    """Return what a quoted word may be normalized to: GPS stays as it is, GPs is the plural of GP."""
    usual = to_key(word.removesuffix("'s").replace("'", ""))
    return list(dict.fromkeys([usual, to_key(word[:-1])] if word.endswith("s") else [usual]))
