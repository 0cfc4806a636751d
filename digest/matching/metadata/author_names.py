"""Author names: Yejin Choi, Choi, Yejin, Y. Choi, Choi YJ and choi_y are compared as people mean them.

The given name stands first once a name is normalized, and a suffix (Jr.) last. A single letter is an initial: in a
query it matches every word that begins so; in a listing it matches only itself, for Y. Choi may be somebody else.
Middle names may be missing from the query (Geoffrey Hinton finds Geoffrey E. Hinton), and middle initials from the
listing.
"""

import re

from digest.matching.normalize import split_words

_INITIALS = re.compile(r"[A-Z]{1,3}")
_INITIALS_FIRST = re.compile(r"([A-Z]{2,3}) (?=\w)")
_GROUP = re.compile(r"\b(?:collaboration|consortium|team|group|project|network)s?\b", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV|2nd|3rd)\.?", re.IGNORECASE)
_APOSTROPHES = str.maketrans("`\u00b4", "''")
_BLANK_APOSTROPHE = re.compile(r"(?<=\b[A-Za-z])' +(?=[A-Z])")  # D' Angelo
# Family names are written with these in one word and in several: Le Bon and LeBon, Van der Berg and Vanderberg.
_PARTICLES = frozenset(
    (
        *("al", "da", "das", "de", "del", "della", "den", "der", "des", "di", "do", "dos", "du", "el", "la", "le"),
        *("lo", "los", "mac", "mc", "san", "st", "ten", "ter", "van", "von", "zu", "zur"),
    )
)

# Between consonants; in Michael, Samuel and Noel, and in short names such as Baez and Yuen, no umlaut is meant.
_UMLAUT = re.compile(r"(?:(?<=[^aeiouqy])([aou])|^(o))e(?=[^aeiouy])(?!l$)")


def normalize_author(name: str) -> str:
    """Return a name in lower case without accents and periods, given name first, suffix last; hyphens stay."""
    name = _BLANK_APOSTROPHE.sub("'", name.replace("_", " ").translate(_APOSTROPHES))
    name, suffixes = _split_suffixes(name)
    family, comma, given = name.partition(",")
    if comma and given.strip() and "," not in given:
        initials = _INITIALS.fullmatch(given.strip()) and not family.isupper()
        return " ".join(_name_parts(f"{' '.join(given) if initials else given} {family}") + suffixes)
    name = name.strip()
    if not name.isupper() and not _GROUP.search(name) and (front := _INITIALS_FIRST.match(name)):  # JP Sorel
        name = f"{' '.join(front[1])} {name[front.end() :]}"
    words, _, last = name.rpartition(" ")
    if words and _INITIALS.fullmatch(last) and not words.isupper():  # Choi YJ
        last = " ".join(last)
    parts = _name_parts(f"{words} {last}")
    family_end = len(parts)
    while family_end > 1 and _is_initial(parts[family_end - 1]):
        family_end -= 1
    if family_end == 1 and _is_initial(parts[0]):
        return " ".join(parts + suffixes)
    return " ".join(parts[family_end:] + parts[:family_end] + suffixes)


def _split_suffixes(name: str) -> tuple[str, list[str]]:
    """Split off Jr., III and the like, wherever they stand: Sam Davis Jr.; Davis, Jr., Sam; Davis III, Sam."""
    rests: list[str] = []
    suffixes: list[str] = []
    for part in name.split(","):
        words = part.split()
        while words and (rests or len(words) > 1) and _SUFFIX.fullmatch(words[-1]):
            suffixes.insert(0, words.pop().rstrip(".").lower())
        rests += [" ".join(words)] if words else []
    return ", ".join(rests), suffixes


def name_variants(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of a normalized name as it may be written.

    Hyphens are blanks or nothing (Fei-Fei, Fei Fei, Feifei), leading initials apart or together (J P, JP), particles
    apart or joined with what follows (Le Bon, LeBon), umlauts without their dots or as ae, oe and ue (Muller, Mueller).
    """
    separated = tuple(name.replace("-", " ").split())
    variants = [separated, tuple(name.replace("-", "").split())]
    initials = next((n for n, word in enumerate(separated) if not _is_initial(word)), 0)
    if initials > 1:
        variants.append(("".join(separated[:initials]), *separated[initials:]))
    joined, is_open = list(separated[:1]), bool(separated) and separated[0] in _PARTICLES
    for word in separated[1:]:
        if is_open:
            joined[-1] += word
        else:
            joined.append(word)
        is_open = word in _PARTICLES
    variants.append(tuple(joined))
    without_umlauts = [
        tuple(_UMLAUT.sub(r"\1\2", word) if len(word) > len("yuen") else word for word in variant)
        for variant in variants
    ]
    return tuple(dict.fromkeys([*variants, *without_umlauts]))


def matches_author(requested: tuple[str, ...], author: tuple[str, ...]) -> bool:
    """Return whether the words of a query name this author."""
    position = 0
    for word in requested:
        while position < len(author) and not (
            author[position] == word or (_is_initial(word) and author[position].startswith(word))
        ):
            position += 1
        if position == len(author):
            break
        position += 1
    else:
        return True
    full = (requested[0], *(word for word in requested[1:-1] if not _is_initial(word)), requested[-1])
    return len(full) < len(requested) and any(
        author[start : start + len(full)] == full for start in range(len(author) - len(full) + 1)
    )


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def _name_parts(name: str) -> list[str]:
    words = split_words(name)
    parts: list[str] = []
    for word, gap in zip(words.exact, words.gaps, strict=True):
        plain = word.replace("'", "")
        if not plain:
            continue
        if gap == "-" and parts:
            parts[-1] += f"-{plain}"
        else:
            parts.append(plain)
    return parts
