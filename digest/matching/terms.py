"""One term: a field and the text behind it, or a comparison, as a leaf."""

import re
from typing import Literal, cast

from digest.matching import phrases
from digest.matching.leaves import AuthorTerm, CategoryTerm, Field, HasCode, SourceTerm, Term, UpvotesTerm
from digest.matching.listing import normalize_category, source_name
from digest.matching.names import normalize_author
from digest.matching.phrases import refused

_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]+\*?")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")


def leaf(field: str, text: str, offset: int, *, quoted: bool) -> Term:
    """What a text means in a field. `offset` is the place of the text in the query."""
    plain = text.strip(" ()")
    if field == "author":
        return _author(plain, offset)
    if field == "category":
        name = normalize_category(plain) if _CATEGORY.fullmatch(plain) else ""
        if not name or len(plain) > phrases.MAX_PHRASE_LENGTH:
            raise refused("no category", offset, "write one like cs.CL, or cs.* for all of cs; OR joins several")
        return CategoryTerm(name)
    if field == "source":
        if not _SOURCE.fullmatch(plain) or len(plain) > phrases.MAX_PHRASE_LENGTH:
            raise refused("no source", offset, "write its name, as in source:arxiv")
        return SourceTerm(source_name(plain))
    if field == "has":
        if plain.lower() != "code":
            raise refused("unknown", offset, "only has:code can be asked for")
        return HasCode()
    read = phrases.quoted if quoted else phrases.bare
    return read(text, offset, cast("Field", field))


def _author(written: str, offset: int) -> AuthorTerm:
    if "*" in written:
        raise refused("star", offset + written.index("*"), "names have no star; one letter stands for an initial")
    name = normalize_author(written)
    if not name or max(len(name), len(written)) > phrases.MAX_PHRASE_LENGTH:
        raise refused("no name", offset, f"write an author's name, of {phrases.MAX_PHRASE_LENGTH} characters at most")
    return AuthorTerm(name, " ".join(written.replace("_", " ").split()))


def upvotes(comparison: str) -> UpvotesTerm:
    """A comparison that the tokens have checked, with one sign for each meaning: >20 is >=21."""
    sign, count = comparison.rstrip("0123456789"), int(comparison.lstrip("<>="))
    if sign in {">", "<="}:
        return UpvotesTerm(">=" if sign == ">" else "<", count + 1)
    return UpvotesTerm(cast('Literal[">=", "<", "="]', sign), count)
