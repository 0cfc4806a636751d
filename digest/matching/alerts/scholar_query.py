"""One query of Google Scholar as a keyword.

There all words must occur, in any order; OR and | bind closer than the blank between words; a hyphen excludes. A phrase
loses its quotation marks here, so that its plural is found too.
"""

import re

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.normalize import FUNCTION_WORDS

_QUOTES = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb", '"""""')
_FIELDS = {"intitle": "title", "allintitle": "title", "author": "author", "inauthor": "author", "source": "journal"}
_LEFT_OUT = ("site", "filetype", "after", "before", "related", "cites")
_TOKEN = re.compile(
    r"(?P<open>-?\()|(?P<close>\))|(?P<or>\||\bOR\b)|(?P<near>\bAROUND\(\d+\))"
    rf"|(?P<minus>-)?(?:(?P<field>(?i:{'|'.join((*_FIELDS, *_LEFT_OUT))})):\s*)?"
    r'(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s()|"]+))'
)
_PLAIN = re.compile(r"[^\W_]+(?:[ '-][^\W_]+)*")
_MAX_DEPTH = 20


def convert_query(query: str) -> tuple[str, tuple[str, ...]]:
    """Return the keyword that a query means, and the conditions in it that cannot be asked here.

    The keyword is not parsed yet. Raises QueryError for a query that asks for nothing.
    """
    left_out: list[str] = []
    tokens = [match for match in _TOKEN.finditer(query.translate(_QUOTES)) if not match["near"]]
    keyword, _ = _convert_group(tokens, 0, left_out, 0)
    if not keyword:
        raise QueryError(messages.EMPTY, position=1)
    return keyword, tuple(left_out)


def _convert_group(tokens: list[re.Match[str]], start: int, left_out: list[str], depth: int) -> tuple[str, int]:
    """Return the tokens from `start` to the next closing parenthesis as a keyword, and the place behind it."""
    factors: list[list[str]] = []  # all must be true; of each, one
    excluded: list[str] = []
    is_alternative, all_in_title, place = False, False, start
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token["close"]:
            break
        if token["or"]:
            is_alternative = bool(factors)
            continue
        all_in_title = all_in_title or (token["field"] or "").lower() == "allintitle"
        if token["open"]:
            if depth == _MAX_DEPTH:
                raise QueryError(messages.UNCLOSED_PARENTHESIS, position=1)
            term, place = _convert_group(tokens, place, left_out, depth + 1)
            term, is_excluded = (f"({term})" if " " in term else term), token["open"].startswith("-")
        else:
            term, is_excluded = _convert_term(token, left_out, all_in_title=all_in_title), bool(token["minus"])
        if not term:
            continue
        if is_excluded:
            excluded.append(term)
        elif is_alternative:
            factors[-1].append(term)
        else:
            factors.append([term])
        is_alternative = False
    is_joined = len(factors) > 1 or bool(excluded)
    parts = [f"({' OR '.join(terms)})" if is_joined and len(terms) > 1 else " OR ".join(terms) for terms in factors]
    joined = " AND ".join(parts)
    return "".join([joined, *(f" ANDNOT {term}" for term in excluded)]) if joined else "", place


def _convert_term(token: re.Match[str], left_out: list[str], *, all_in_title: bool) -> str:
    """Return a word, phrase or field as a term; empty for what asks for nothing or cannot be asked."""
    phrase, field = token["phrase"], (token["field"] or "").lower()
    text = " ".join((phrase if phrase is not None else token["word"] or "").strip(".,:;~+'").split())
    if field in _LEFT_OUT:
        left_out.append(token.group().strip())
        return ""
    if not re.search(r"[^\W_]", text):
        return ""
    if phrase is None and not field and (text.lower() in FUNCTION_WORDS or text in {"AND", "&"}):
        return ""
    name = _FIELDS.get(field, "title" if all_in_title else "")
    is_plain = _PLAIN.fullmatch(text) and not re.search(r"\b(?:AND|OR|NOT|ANDNOT)\b", text)
    is_one_word = " " not in text
    if (phrase is not None and is_one_word and not name) or not is_plain or (name and not is_one_word):
        text = f'"{text}"' if phrase is not None or name else text
    if name == "journal" and is_one_word and is_plain:
        text = f"{text}*"
    return f"{name}:{text}" if name else text
