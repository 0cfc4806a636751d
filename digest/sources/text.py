"""Cleaning of outside text: readable Unicode on one line without control characters, and safe links."""

import html
import re
from collections.abc import Iterable
from itertools import islice
from urllib.parse import urlsplit

from digest.sources.latex import latex_to_text
from digest.sources.latex_symbols import SUBSCRIPTS, SUPERSCRIPTS

TEXT_LENGTH, TITLE_LENGTH, NAME_LENGTH, TERM_LENGTH = 20_000, 1_000, 200, 100  # characters that are kept
MAX_URL_LENGTH = 2000
MAX_AUTHORS, AUTHORS_LENGTH = 6_000, 200_000  # the largest collaborations sign with 5,000 names
MAX_TERMS = 50  # categories or keywords of a paper
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_LATEX = re.compile(r"[\\${~]")
# Controls but white space, soft hyphen, zero width marks, bidi marks, overrides and isolates, surrogates, tags,
# interlinear marks and what Unicode says is no character. The joiners U+200C and U+200D stay: scripts need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
# Escapes of JSON that was escaped twice, caf\u00e9: with a digit, as \udead may be a macro, or a pair of surrogates.
_ESCAPE = re.compile(
    r"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?=[a-fA-F]{0,3}\d)[0-9a-fA-F]{4})+"
)
_LINE_BREAK = re.compile(r"(?<=\w)-[ \t]*\r?\n\s*(?=\w)(?!(?:and|or|to|und|oder|et|y)\b)")  # Models-\nArchitecture
# Only pairs, without markup between them: a title may speak of the <b> element.
_MARKUP = re.compile(
    r"<(?P<tag>(?:jats:|mml:)?(?:i|em|b|bold|strong|italic|u|underline|sub|sup|small|tt|sc|span|p|title|mi|mn|mo|mrow|math))"
    r"(?:\s[^<>]*)?>(?P<content>[^<>]*)</(?P=tag)>",
    re.IGNORECASE,
)
MAX_MARKUP_DEPTH = 4
_DASHES = ((re.compile(r"(?<![-\s])---(?!-)|(?<=\s)---(?=\s)"), "—"), (re.compile(r"(?<=\w)--(?=\w)"), "–"))  # noqa: RUF001
_NAME_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV)\.?")
_LATEX_ERRORS = re.compile(
    r"(?<=\d)(?:times|pm|cdot|sim|approx|leq|geq|rightarrow|ell)(?![a-z])"
    r"|\b(?:leq|geq|neq|approx|rightarrow|leftarrow|mathcal|mathbb|mathbf|mathrm|textbf|textit|texttt|emph)\b(?=\W|\d)"
    r"|\\[A-Za-z]+|[_^]\{|\ufffd"
)


def clean_text(text: str, limit: int = TEXT_LENGTH) -> str:
    r"""Return text as people read it: entities and LaTeX resolved, invisible characters removed, white space single.

    A bare % stays, a lone $5 stays, "SA$^{2}$GFM" reads "SA²GFM". Plain text is returned unchanged, up to `limit`
    characters.
    """
    text = text[: 2 * limit]  # before any work is done: markup is seldom longer than what it says
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if "\\u" in text:
        text = _ESCAPE.sub(lambda escape: _decode_escapes(escape[0]), text)
    text = _LINE_BREAK.sub("-", _INVISIBLE.sub("", text))
    for _ in range(MAX_MARKUP_DEPTH if "</" in text else 0):
        text = _MARKUP.sub(_markup_content, text)
    if "--" in text and "://" not in text:
        for pattern, dash in _DASHES:
            text = pattern.sub(dash, text)
    if "``" in text:
        text = text.replace("``", "“").replace("''", "”")
    if _LATEX.search(text):
        text = _INVISIBLE.sub("", latex_to_text(text))
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _decode_escapes(escapes: str) -> str:
    units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in escapes.split("\\u")[1:])
    return units.decode("utf-16-be", "ignore")


def _markup_content(markup: re.Match[str]) -> str:
    tag, content = markup["tag"].lower().rpartition(":")[2], markup["content"]
    table = {"sub": SUBSCRIPTS, "sup": SUPERSCRIPTS}.get(tag, {})
    if content and all(character in table and not character.isalpha() for character in content):
        return "".join(table[character] for character in content)
    if table and content not in {"st", "nd", "rd", "th"}:
        return f"{'^' if tag == 'sup' else '_'}{content}"
    return f" {content} " if tag in {"p", "title"} else content


def parse_authors(authors: str | Iterable[str]) -> tuple[str, ...]:
    r"""Return authors' names, from a list or from one line ("Ada Byron, Kurt G{\"o}del, Sammy Davis, Jr.")."""
    names: list[str] = []
    length = 0
    for part in split_authors(authors[:AUTHORS_LENGTH]) if isinstance(authors, str) else authors:
        name = clean_text(part, NAME_LENGTH).strip(" ,;")
        length += len(name)
        if len(names) >= MAX_AUTHORS or length > AUTHORS_LENGTH:
            break
        if names and _NAME_SUFFIX.fullmatch(name):
            if len(names[-1]) < NAME_LENGTH:
                names[-1] = f"{names[-1]}, {name}"
        elif name:
            names.append(name)
    return tuple(names)


def split_authors(line: str) -> list[str]:
    """Split a line of names at its commas.

    A comma within brackets belongs to an affiliation: "Ada Byron (London, UK), Kurt Gödel".
    """
    parts, depth, start = [], 0, 0
    for position, character in enumerate(line):
        if character in "({":
            depth += 1
        elif character in ")}":
            depth = max(0, depth - 1)
        elif character == "," and not depth:
            parts.append(line[start:position])
            start = position + 1
    parts.append(line[start:])
    return parts


def clean_terms(terms: Iterable[str]) -> tuple[str, ...]:
    """Return categories or keywords, once each, up to a bound."""
    names = (clean_text(term, TERM_LENGTH) for term in islice(terms, 2 * MAX_TERMS))
    return tuple(dict.fromkeys(name for name in names if name))[:MAX_TERMS]


def count_latex_errors(text: str) -> int:
    """Count remains of lost LaTeX: "1.82times", "leq 0.02", "mathcal{O}". Sound text has none."""
    return len(_LATEX_ERRORS.findall(text))


def clean_url(value: object) -> str | None:
    """Return an http or https URL that is fit for a link, None for anything else (javascript:, data:, relative)."""
    if not isinstance(value, str):
        return None
    url = value.strip()
    if not url.isprintable() or any(character in url for character in " <>\"'\\") or len(url) > MAX_URL_LENGTH:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.hostname else None
