"""Names of authors: Yejin Choi, Choi, Yejin, Y. Choi, Choi YJ and choi_y are compared as people mean them.

The given name stands first once a name is folded. A single letter is an initial: asked for, it is met by every word
that begins so; in a listing it meets only itself, for Y. Choi may be somebody else. Names between those asked for
may be missing (Geoffrey Hinton finds Geoffrey E. Hinton), and so may an initial between them in the listing.
"""

import re

from digest.matching.normalize import split_words

_INITIALS = re.compile(r"[A-Z]{1,3}")


def normalize_author(written: str) -> str:
    """The name in small letters without accents and dots, given name first; parts joined by a hyphen stay so."""
    family, comma, given = written.replace("_", " ").partition(",")
    if comma and given.strip() and "," not in given:
        initials = _INITIALS.fullmatch(given.strip()) and not family.isupper()
        return " ".join(_parts(f"{' '.join(given) if initials else given} {family}"))
    names = _parts(_letters_apart(written.replace("_", " ")))
    last = len(names)
    while last > 1 and _is_initial(names[last - 1]):
        last -= 1
    return " ".join(names if last == 1 and _is_initial(names[0]) else names[last:] + names[:last])


def name_variants(name: str) -> tuple[tuple[str, ...], ...]:
    """Its words, with hyphens as blanks and, where there are any, as nothing: Fei-Fei is Fei Fei and Feifei."""
    apart = tuple(name.replace("-", " ").split())
    return (apart, tuple(name.replace("-", "").split())) if "-" in name else (apart,)


def is_named(asked: tuple[str, ...], author: tuple[str, ...]) -> bool:
    """Whether the words asked for are this author's."""
    if _in_order(asked, author):
        return True
    full = (asked[0], *(word for word in asked[1:-1] if not _is_initial(word)), asked[-1])
    return len(full) < len(asked) and any(
        author[start : start + len(full)] == full for start in range(len(author) - len(full) + 1)
    )


def _in_order(asked: tuple[str, ...], author: tuple[str, ...]) -> bool:
    place = 0
    for word in asked:
        while place < len(author) and not (
            author[place] == word or (_is_initial(word) and author[place].startswith(word))
        ):
            place += 1
        if place == len(author):
            return False
        place += 1
    return True


def _is_initial(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def _letters_apart(written: str) -> str:
    """Choi YJ: capitals behind a name that is not all capitals are initials."""
    first, _, last = written.strip().rpartition(" ")
    if first and _INITIALS.fullmatch(last) and not first.isupper():
        return f"{first} {' '.join(last)}"
    return written


def _parts(written: str) -> list[str]:
    words = split_words(written)
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
