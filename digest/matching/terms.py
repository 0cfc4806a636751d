"""One term: a field and the text behind it, or a comparison, as a leaf."""

import re
from typing import Literal, cast

from digest.matching import phrases
from digest.matching.leaves import Author, Category, Field, HasCode, Leaf, Source, Upvotes
from digest.matching.listing import category_name, source_name
from digest.matching.names import folded
from digest.matching.phrases import refused

_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]+\*?")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")


def leaf(field: str, text: str, offset: int, *, quoted: bool) -> Leaf:
    """What a text means in a field. `offset` is the place of the text in the query."""
    plain = text.strip(" ()")
    if field == "author":
        return _author(plain, offset)
    if field == "category":
        name = category_name(plain) if _CATEGORY.fullmatch(plain) else ""
        if not name or len(plain) > phrases.LONGEST:
            raise refused("no category", offset, "write one like cs.CL, or cs.* for all of cs; OR joins several")
        return Category(name)
    if field == "source":
        if not _SOURCE.fullmatch(plain) or len(plain) > phrases.LONGEST:
            raise refused("no source", offset, "write its name, as in source:arxiv")
        return Source(source_name(plain))
    if field == "has":
        if plain.lower() != "code":
            raise refused("unknown", offset, "only has:code can be asked for")
        return HasCode()
    read = phrases.quoted if quoted else phrases.bare
    return read(text, offset, cast("Field", field))


def _author(written: str, offset: int) -> Author:
    if "*" in written:
        raise refused("star", offset + written.index("*"), "names have no star; one letter stands for an initial")
    name = folded(written)
    if not name or max(len(name), len(written)) > phrases.LONGEST:
        raise refused("no name", offset, f"write an author's name, of {phrases.LONGEST} characters at most")
    return Author(name, " ".join(written.replace("_", " ").split()))


def upvotes(comparison: str) -> Upvotes:
    """A comparison that the tokens have checked, with one sign for each meaning: >20 is >=21."""
    sign, count = comparison.rstrip("0123456789"), int(comparison.lstrip("<>="))
    if sign in {">", "<="}:
        return Upvotes(">=" if sign == ">" else "<", count + 1)
    return Upvotes(cast('Literal[">=", "<", "="]', sign), count)
