"""Names of authors, out of lists of every form.

    Ada Byron, Kurt Gödel and Sammy Davis, Jr.     arXiv, newspapers
    Kaur, M., Shukla, A.                           bioRxiv's feeds
    Byron, A. L.; Gödel, K.                        bioRxiv's API, Springer, Crossref
    Byron AL, Gödel K.                             PubMed, Europe PMC

They come out as "Ada Byron", "M. Kaur", "A. L. Byron": given names first, a suffix behind a comma. Groups stay as they
are written.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from digest.sources.text.cleaning import NAME_LENGTH, clean_text

MAX_AUTHORS, AUTHORS_LENGTH = 6_000, 200_000  # the largest collaborations sign with 5,000 names
_SUFFIX = re.compile(r"(?:(?P<generation>jr|sr)|(?P<roman>II|III|IV)|(?P<ordinal>2nd|3rd|4th))\.?", re.IGNORECASE)
_ROMAN = {"2nd": "II", "3rd": "III", "4th": "IV"}
_DEGREE = re.compile(
    r"(?:ph\.?d|m\.?d|m\.?p\.?h|m\.?sc|b\.?sc|dr\.?p\.?h|d\.?d\.?s|d\.?v\.?m|pharm\.?d|m\.?b\.?b\.?s|r\.?n|f\.?r\.?c\.?[sp])\.?",
    re.IGNORECASE,
)
# Initials with periods, or up to four capitals: "M.", "P.-L.", "A. J. H.", "JD", "A J".
_INITIALS = re.compile(r"(?:[^\W\d_]{1,2}\.[ -]?){1,6}|[^\W\d_a-z]{1,4}(?:[ -][^\W\d_a-z]){0,3}\.?")
_FAMILY_FIRST = re.compile(
    r"(?P<family>[^,]*[^\W\d_A-Z][^,]*?)\s+(?P<initials>[A-Z\u00c0-\u00de]{1,4}(?:-[A-Z\u00c0-\u00de]{1,2})?)"
    r"(?:\s+(?P<suffix>Jr|Sr|II|III|IV|2nd|3rd|4th))?\.?"
)
_AND = re.compile(r"\s+(?:and|&)\s+")
_ET_AL = re.compile(r"(?:and\s+)?(?:et\.? al\.?|others)", re.IGNORECASE)
_GROUP = re.compile(
    r"\b(?:agency|alliance|association|authority|board|bureau|cent(?:er|re)s?|college|collaborat(?:ion|ive|ors)|commission"
    r"|committee|consorti(?:um|a)|corporation|council|department|federation|foundation|groups?|hospital|initiative"
    r"|institutes?|investigators|ministry|network|office|organi[sz]ations?|panel|partnership|program(?:me)?|project"
    r"|service|society|staff|study|team|trialists|union|university|working|workshop)\b",
    re.IGNORECASE,
)
_BEHALF = re.compile(r"(?:and\s+)?(?:on behalf of|for)\s+(?=the\b|[A-Z])")
_ADDRESS = re.compile(r"\S{1,200}@\S{1,200}\s*(?:\((?P<name>[^()]{1,200})\))?")
MAX_NAME_WORDS = 5


def parse_authors(authors: str | Iterable[str]) -> tuple[str, ...]:
    r"""Return the names in a list, or in one line ("Ada Byron, Kurt G{\"o}del, Sammy Davis, Jr.")."""
    if not isinstance(authors, str):
        parts = [part[:AUTHORS_LENGTH] for part in islice(authors, MAX_AUTHORS)]
        if len(parts) != 1:
            return bound_names(_name_parts([_clean_part(part) for part in parts], is_line=False))
        authors = parts[0]  # a field that holds all of them
    line = authors[:AUTHORS_LENGTH]
    if "<" in line or "&" in line:
        line = clean_text(line, AUTHORS_LENGTH)
    by_semicolon = split_authors(line, ";")
    if len(by_semicolon) > 1:
        return bound_names(_name_parts([_clean_part(part) for part in by_semicolon], is_line=False))
    return bound_names(_name_parts(_separate_last([_clean_part(part) for part in split_authors(line)]), is_line=True))


def split_authors(line: str, separator: str = ",") -> list[str]:
    """Split a line of names at its commas, or at another separator.

    One within brackets belongs to an affiliation: "Ada Byron (London, UK), Kurt Gödel".
    """
    parts, depth, start = [], 0, 0
    for position, character in enumerate(line):
        if character in "({":
            depth += 1
        elif character in ")}":
            depth = max(0, depth - 1)
        elif character == separator and not depth:
            parts.append(line[start:position])
            start = position + 1
    parts.append(line[start:])
    return parts


def format_name(given: str, family: str, suffix: str = "") -> str:
    """Return a name whose parts are known: "Byron", "AL" and "3rd" are "A. L. Byron, III"."""
    given, family = clean_text(given, NAME_LENGTH), clean_text(family, NAME_LENGTH).strip(" ,;")
    if _INITIALS.fullmatch(given) and (given.isupper() or "." in given):
        given = _format_initials(given)
    name = f"{given} {family}".strip()
    return f"{name}, {_format_suffix(suffix)}" if suffix.strip() and name else name


def _clean_part(part: str) -> str:
    part = clean_text(part, NAME_LENGTH).strip(" ,;")
    if "@" in part and (address := _ADDRESS.fullmatch(part)):
        return address["name"] or ""
    return _BEHALF.sub("", part, count=1) if _GROUP.search(part) and _BEHALF.match(part) else part


def _separate_last(parts: Sequence[str]) -> list[str]:
    """Return the parts of a line, those at an "and" between two people, too."""
    separated: list[str] = []
    for part in parts:
        names = [name.removeprefix("and ").strip() for name in _AND.split(part.removeprefix("& "))]
        are_people = all(not name or _is_person(name) for name in names)
        separated += [name for name in names if name] if are_people else [part]
    return separated


def _is_person(name: str) -> bool:
    words = name.partition("(")[0].split()
    return 1 < len(words) <= MAX_NAME_WORDS and words[-1][:1].isupper() and not _GROUP.search(name)


def _name_parts(parts: Sequence[str], *, is_line: bool) -> list[str]:
    """Return the names that the parts of a list make up."""
    parts = [part for part in parts if any(map(str.isalpha, part)) and not _ET_AL.fullmatch(part)]
    people = [part for part in parts if not _GROUP.search(part) and not _SUFFIX.fullmatch(part)]
    if is_line and _has_initials_behind_commas(parts):
        return _pair_parts(parts)
    if _is_family_first(people, share=0.75 if is_line else 1.0):
        return [
            format_name(match["initials"], match["family"], match["suffix"] or "")
            if not _GROUP.search(part) and (match := _FAMILY_FIRST.fullmatch(part))
            else part.removesuffix(".")
            for part in parts
        ]
    names: list[str] = []
    is_turned = len(people) > 1 and all("," in part for part in people)
    for part in parts:
        if names and _SUFFIX.fullmatch(part):
            if len(names[-1]) < NAME_LENGTH:
                names[-1] = f"{names[-1]}, {_format_suffix(part)}"
        elif not _DEGREE.fullmatch(part):
            names.append(part if is_line else _turn_name(part, is_sure=is_turned))
    if is_line and len(names) == 2 and " " not in "".join(names) and len(parts) == 2:  # noqa: PLR2004  - Byron, Ada
        return [format_name(names[1], names[0])]
    return names


def _is_family_first(people: Sequence[str], share: float) -> bool:
    """Return whether names are written "Byron AL". "Malcolm X" alone is none, and some people have "Karthik S"."""
    found = [match for person in people if (match := _FAMILY_FIRST.fullmatch(person))]
    return bool(found) and len(found) >= share * len(people) and (len(people) > 1 or len(found[0]["initials"]) > 1)


def _has_initials_behind_commas(parts: Sequence[str]) -> bool:
    """Return whether a line is "Kaur, M., Shukla, A.": initials stand behind each name but those of groups."""
    initials = [bool(_INITIALS.fullmatch(part)) and not _DEGREE.fullmatch(part) for part in parts]
    families = len(parts) - sum(initials) - sum(bool(_SUFFIX.fullmatch(part) or _GROUP.search(part)) for part in parts)
    return any(initials) and not initials[0] and sum(initials) * 4 >= families * 3


def _pair_parts(parts: Sequence[str]) -> list[str]:
    names: list[str] = []
    is_paired = True
    for part in parts:
        if _SUFFIX.fullmatch(part) and names:
            names[-1] = f"{names[-1]}, {_format_suffix(part)}" if len(names[-1]) < NAME_LENGTH else names[-1]
        elif names and not is_paired and _INITIALS.fullmatch(part):
            names[-1] = format_name(part, names[-1])
            is_paired = True
        else:
            names.append(part)
            is_paired = bool(_GROUP.search(part))
    return names


def _turn_name(part: str, *, is_sure: bool) -> str:
    """Return "Byron, Ada" or "Davis, S., Jr." with the given names first; anything else as it is.

    Unless the whole list is written so, "Ada Byron, Kurt Ito" may be two people.
    """
    fields = [field.strip() for field in split_authors(part)]
    fields = [field for field in fields if field and not _DEGREE.fullmatch(field)]
    suffix = next((field for field in fields[1:] if _SUFFIX.fullmatch(field)), "")
    names = [field for field in fields if field != suffix]
    if len(names) == 2 and not _GROUP.search(part):  # noqa: PLR2004  - family and given names
        family, given = names
        is_sure = is_sure or " " not in family or " " not in given or bool(_INITIALS.fullmatch(given))
        if is_sure and max(len(family.split()), len(given.split())) <= MAX_NAME_WORDS:
            return format_name(given, family, suffix)
    return format_name("", names[0], suffix) if len(names) == 1 else part


def _format_initials(initials: str) -> str:
    """Return initials with periods and spaces: "JD" is "J. D.", "J.-P." stays."""
    if "." in initials:
        return " ".join(initials.replace(".", ". ").replace(". -", ".-").split())
    return " ".join(
        "-".join(f"{initial}." for initial in word.split("-"))
        if "-" in word
        else " ".join(f"{initial}." for initial in word)
        for word in initials.split()
    )


def _format_suffix(suffix: str) -> str:
    match = _SUFFIX.fullmatch(suffix.strip())
    if not match:
        return clean_text(suffix, NAME_LENGTH)
    if match["generation"]:
        return f"{match['generation'].capitalize()}."
    return match["roman"].upper() if match["roman"] else _ROMAN[match["ordinal"].lower()]


def bound_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names up to the bounds of a list."""
    bounded: list[str] = []
    length = 0
    for name in islice(names, MAX_AUTHORS):
        length += len(name)
        if length > AUTHORS_LENGTH:
            break
        bounded.append(name)
    return tuple(bounded)
