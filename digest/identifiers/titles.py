"""Keys by which titles and first authors are compared, and what kind a title speaks of."""

import re
import unicodedata
from enum import StrEnum
from html import unescape

MIN_CHARACTERS, MIN_WORDS = 30, 4  # of a title that may tell a paper: "Correction" and "Soil Ecology" are many
MAX_KEY_LENGTH = 400
MAX_TITLE_LENGTH = 4000

_MARK = re.compile(r"^\s*(?:\[(?:ASAP|Graphical abstract added)\]\s*)+", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_TEX_COMMAND = re.compile(r"\\[a-zA-Z]+")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "mph", "msc"})
_INITIALS = re.compile(r"(?:[A-Z]\.?-?){1,3}")


class PaperKind(StrEnum):
    """What an entry is. Only papers are mailed; editorials to those who ask for them; matter is not stored.

    EDITORIAL: editorials, news, obituaries; CONCERN: an expression of concern; MATTER: cover, board, contents.
    A paper that is itself marked as retracted or withdrawn is a RETRACTION, too.
    """

    PAPER = "paper"
    EDITORIAL = "editorial"
    CORRECTION = "correction"
    RETRACTION = "retraction"
    CONCERN = "concern"
    MATTER = "matter"


# Beginnings that only notices have: "Correction of motion artifacts" and "News recommendation" are papers. Typographic
# quotes and dashes are plain ones before they are compared.
_BEGINNINGS: dict[PaperKind, tuple[str, ...]] = {
    PaperKind.RETRACTION: (
        r"(?:retraction|withdrawal)(?: notice| note)?(?: to\b|:| for\b|$)",
        r"\[?(?:retracted|withdrawn)(?: article)?(?::|\])",
        r"removal notice(?: to\b|:|$)",
        r"notice of (?:retraction|withdrawal)\b",
    ),
    PaperKind.CORRECTION: (
        r"(?:\w+ )?(?:corrections?|corrigend(?:um|a)|errat(?:um|a)|addend(?:um|a))(?::| to[: ]| for[: ][\"']|$| - )",
    ),
    PaperKind.CONCERN: (r"(?:editorial )?expression of concern\b",),
    PaperKind.MATTER: (
        r"(?:inside |outside )?(?:front |back )?cover(?: feature| picture| image| profile| art)?s?(?::|$)",
        r"editorial (?:advisory )?board(?: members)?(?:[:,(]| and\b| page|$)",
        r"issue (?:information|highlights)(?:[:,-]|$)",
        r"(?:table of )?contents(?: list| pages?)?(?: \(.*\))?$",
        r"(?:masthead|author index|subject index|front matter|back matter|title page|publication information)$",
        r"(?:information|instructions) for authors$",
        r"graphical abstracts?(?::|$)",
        r"full issue pdf\b",
        r"list of reviewers\b",
        r"reviewer acknowledge?ments?\b",
    ),
    PaperKind.EDITORIAL: (
        r"editorial(?::|\.|$| - | comment(?:ary)?\b| introduction\b| note\b)",
        r"(?:guest|special issue) editorial\b",
        r"editor(?:s|'s|s')? (?:note|choice|picks?)\b",
        r"from the editors?\b",
        r"obituar(?:y|ies)\b",
        r"in memoriam\b",
        r"news in brief\b",
        r"news (?:and|&) views\b",
        r"foreword(?::|$)",
        r"preface(?::|$| to\b)",
    ),
}
_KINDS = tuple((kind, re.compile("|".join(patterns), re.IGNORECASE)) for kind, patterns in _BEGINNINGS.items())
_PLAIN_SIGNS = str.maketrans(
    dict.fromkeys("\u2018\u2019", "'") | dict.fromkeys("\u201c\u201d", '"') | dict.fromkeys("\u2013\u2014", "-")
)


def title_key(title: str) -> str | None:
    """Return the letters and digits of a title, None for one too short to tell a paper by."""
    words = title_words(title)
    key = "".join(words)
    if len(words) < MIN_WORDS or sum(char.isalpha() for char in key) < MIN_CHARACTERS:
        return None
    return key[:MAX_KEY_LENGTH]


def title_words(title: str) -> list[str]:
    """Return the words of a title, folded; markup, TeX commands and marks of publishers are gone."""
    text = _MARK.sub("", unescape(title[:MAX_TITLE_LENGTH]))
    return _fold(_TEX_COMMAND.sub(" ", _TAG.sub("", text)).replace("$", "").replace("{", "").replace("}", "")).split()


def author_key(name: str) -> str:
    """Return the last word of a surname, folded: "Moreau, A.", "Moreau A" and "Ada Moreau" are equal."""
    surname, comma, _ = name.partition(",")
    words = surname.split()
    while len(words) > 1 and (
        _fold(words[-1]).strip() in _SUFFIXES or (not comma and _INITIALS.fullmatch(words[-1]) and len(words[0]) > 1)
    ):
        words.pop()
    return _fold(words[-1]).replace(" ", "") if words else ""


def kind_of_title(title: str) -> PaperKind:
    """Return what an entry is by the beginning of its title, where its source does not say."""
    text = " ".join(_TAG.sub("", _MARK.sub("", title[:MAX_TITLE_LENGTH])).translate(_PLAIN_SIGNS).split())
    return next((kind for kind, pattern in _KINDS if pattern.match(text)), PaperKind.PAPER)


def _fold(text: str) -> str:
    """Return letters and digits in lower case without accents; all else is a blank."""
    text = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char if char.isalnum() else " " for char in text if not unicodedata.combining(char))
