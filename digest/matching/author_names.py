"""Author names: Yejin Choi, Choi, Yejin, Y. Choi, Choi YJ and choi_y are compared as people mean them.

The given name stands first once a name is normalized. A single letter is an initial: in a query it matches every word
that begins so; in a listing it matches only itself, for Y. Choi may be somebody else. Middle names may be missing from
the query (Geoffrey Hinton finds Geoffrey E. Hinton), and middle initials from the listing.
"""

import re

from digest.matching.normalize import split_words

_INITIALS = re.compile(r"[A-Z]{1,3}")


def normalize_author(name: str) -> str:
    """Return a name in lower case without accents and periods, given name first; hyphens stay."""
    family, comma, given = name.replace("_", " ").partition(",")
    if comma and given.strip() and "," not in given:
        initials = _INITIALS.fullmatch(given.strip()) and not family.isupper()
        return " ".join(_name_parts(f"{' '.join(given) if initials else given} {family}"))
    words, _, last = name.replace("_", " ").strip().rpartition(" ")
    if words and _INITIALS.fullmatch(last) and not words.isupper():  # Choi YJ
        last = " ".join(last)
    parts = _name_parts(f"{words} {last}")
    family_end = len(parts)
    while family_end > 1 and _is_initial(parts[family_end - 1]):
        family_end -= 1
    if family_end == 1 and _is_initial(parts[0]):
        return " ".join(parts)
    return " ".join(parts[family_end:] + parts[:family_end])


def name_variants(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of a normalized name, with hyphens as blanks and as nothing: Fei-Fei is Fei Fei and Feifei."""
    separated = tuple(name.replace("-", " ").split())
    return (separated, tuple(name.replace("-", "").split())) if "-" in name else (separated,)


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
