"""Forms of a phrase: with an acronym or what it stands for, with "to" or 2, joined words and separate ones."""

import re
from collections.abc import Iterator, Sequence
from itertools import product

from digest.matching.acronyms import DIGIT_WORDS, Acronym, AcronymTable
from digest.matching.forms import to_key
from digest.matching.normalize import BREAK, HYPHEN, SPACE, Words, can_join
from digest.matching.terms import ACRONYM_SIGN, Phrase, TextField

MAX_FORMS = 8  # of one phrase
_SIGNS = (ACRONYM_SIGN, 2 * ACRONYM_SIGN)  # the second one begins another long form
_WITH_DIGIT = re.compile(r"([a-z]{2,})([24])([a-z]{2,})")  # Text2SQL, AI4Science; neither H2O nor GPT-4o
_DIGITS = {word: digit for digit, word in DIGIT_WORDS.items()}

Part = str | Acronym


def split_forms(words: Words, acronyms: AcronymTable | None) -> tuple[list[Part], list[str]]:
    """Return the keys of a text, with its acronyms in either form as one part, and the gap before each part.

    Text2SQL is three words. `acronyms`: None for a canonical text, which names the long forms itself.
    """
    parts: list[Part] = []
    gaps: list[str] = []
    position, count = 0, len(words.keys)
    while position < count:
        key, gap, end = words.keys[position], words.gaps[position], position + 1
        acronym: Acronym | None = None
        longs: list[list[str]] = []
        while end < count and (sign := words.text[words.ends[end - 1] : words.starts[end]]) in _SIGNS:
            if not longs or sign != ACRONYM_SIGN:
                longs.append([])
            longs[-1].append(words.keys[end])
            end += 1
        if longs:
            acronym = Acronym(key, tuple(map(tuple, longs)))
        elif found := acronyms.find_at(words.keys, words.gaps, position) if acronyms else None:
            acronym, end = found
        if acronym:
            parts.append(acronym)
            gaps.append(gap)
        elif match := _WITH_DIGIT.fullmatch(key):
            by_short = acronyms.by_short if acronyms else {}
            left, right = to_key(match[1]), to_key(match[3])
            parts += [by_short.get(left, left), DIGIT_WORDS[match[2]], by_short.get(right, right)]
            gaps += [gap, SPACE, SPACE]
        else:
            parts.append(key)
            gaps.append(gap)
        position = end
    return parts, gaps


def build_phrase(parts: Sequence[Part], gaps: Sequence[str], field: TextField, source_text: str) -> Phrase:
    """Return the phrase of these parts, with its forms if it has several."""
    has_acronym = any(isinstance(part, Acronym) for part in parts)
    if not has_acronym and _DIGITS.keys().isdisjoint(parts):
        return Phrase(*join_keys(parts, gaps), False, field, source_text=source_text)  # type: ignore[arg-type]
    forms: dict[str, Phrase] = {}
    choices: list[tuple[str | tuple[str, ...], ...]] = [
        (part,) if isinstance(part, str) else (*part.longs, (part.short,)) for part in parts
    ]
    for choice in product(*choices):
        for form in _plain_forms(choice, parts, gaps):
            if len(forms) < MAX_FORMS:
                forms.setdefault(form.spelling, form)
    words, separators = _canonical_words(parts, gaps)
    return Phrase(words, separators, False, field, source_text=source_text, forms=tuple(forms.values()))


def _plain_forms(
    choice: Sequence[str | tuple[str, ...]], parts: Sequence[Part], gaps: Sequence[str]
) -> Iterator[Phrase]:
    keys: list[str] = []
    key_gaps: list[str] = []
    acronyms: list[Acronym] = []
    unbroken: set[int] = set()
    for number, (chosen, part, gap) in enumerate(zip(choice, parts, gaps, strict=True)):
        is_beside_acronym = isinstance(part, Acronym) or (number and isinstance(parts[number - 1], Acronym))
        key_gaps.append(SPACE if is_beside_acronym and gap != BREAK else gap)
        if isinstance(part, Acronym) and chosen == (part.short,):
            acronyms.append(part)
            offset = sum(map(len, keys))
            unbroken.update(range(offset + 1, offset + len(part.short)))
        added = (chosen,) if isinstance(chosen, str) else chosen
        keys += added
        key_gaps += [SPACE] * (len(added) - 1)
    yield Phrase(*join_keys(keys, key_gaps), acronyms=tuple(acronyms), unbroken=frozenset(unbroken))
    with_digits = [
        _DIGITS[key] if key in _DIGITS and 0 < n < len(keys) - 1 and _may_join(keys, key_gaps, n) else key
        for n, key in enumerate(keys)
    ]
    if with_digits != keys:
        yield Phrase(*join_keys(with_digits, key_gaps), acronyms=tuple(acronyms))


def _may_join(keys: Sequence[str], gaps: Sequence[str], position: int) -> bool:
    """Return whether the word at a position may be a digit that joins its neighbors."""
    neighbors = keys[position - 1], keys[position + 1]
    return BREAK not in gaps[position : position + 2] and all(len(key) > 1 and key.isalpha() for key in neighbors)


def _canonical_words(parts: Sequence[Part], gaps: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return words and separators, with each acronym and its long form as a word of its own."""
    words: list[str] = []
    separators: list[str] = []
    run: list[str] = []
    run_gaps: list[str] = []

    def end_run() -> None:
        if run:
            joined, inner = join_keys(run, run_gaps)
            words.extend(joined)
            separators.extend(inner)
            run.clear()
            run_gaps.clear()

    for number, (part, gap) in enumerate(zip(parts, gaps, strict=True)):
        if number and (isinstance(part, Acronym) or isinstance(parts[number - 1], Acronym)):
            end_run()
            separators.append(gap if gap == BREAK else HYPHEN)
        if isinstance(part, Acronym):
            longs = (2 * ACRONYM_SIGN).join(map(ACRONYM_SIGN.join, part.longs))
            words.append(f"{part.short}{ACRONYM_SIGN}{longs}")
        else:
            run.append(part)
            run_gaps.append(gap)
    end_run()
    return tuple(words), tuple(separators)


def join_keys(
    keys: Sequence[str], gaps: Sequence[str], *, is_prefix: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words with joinable ones joined, and the separators between them. `gaps[n]` precedes key n.

    What would be another word when joined (use gps, usegps; ab 2cd) keeps its last words separate. `is_prefix`: the
    last word is only a beginning.
    """
    joined: list[str] = []
    separators: list[str] = []
    group = [keys[0]]
    pairs = zip(keys, keys[1:], gaps[1:], strict=False)
    for left, right, gap in [*pairs, ("", "", "")]:
        if right and gap != BREAK and can_join(left, right, gap if right == "++" else SPACE):
            group.append(right)
            continue
        size = len(group)
        if right or not is_prefix:
            while size > 1 and not _stays("".join(group[:size])):
                size -= 1
        joined.append("".join(group[:size]))
        joined += group[size:]
        separators += [HYPHEN] * (len(group) - size)
        if right:
            hyphenated = gap != SPACE and can_join(left, right, HYPHEN)
            separators.append(gap if gap == BREAK else HYPHEN if hyphenated else SPACE)
            group = [right]
    return tuple(joined), tuple(separators)


def _stays(word: str) -> bool:
    """Return whether a word is read as itself."""
    return to_key(word) == word and not _WITH_DIGIT.fullmatch(word)
