"""Cleaning of outside text: readable Unicode on one line without control characters, and safe links."""

import html
import re
from collections.abc import Iterable
from itertools import islice
from urllib.parse import urlsplit

from digest.sources.text.latex import latex_to_text
from digest.sources.text.markup import format_label, markup_to_text

TEXT_LENGTH, TITLE_LENGTH, NAME_LENGTH, TERM_LENGTH = 20_000, 1_000, 200, 100  # characters that are kept
MAX_URL_LENGTH = 2000
MARKUP_FACTOR = 8  # how much longer text may be with its markup; formulas in MathML need much
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
_DASHES = ((re.compile(r"(?<![-\s])---(?!-)|(?<=\s)---(?=\s)"), "—"), (re.compile(r"(?<=\w)--(?=\w)"), "–"))  # noqa: RUF001
_LATEX_ERRORS = re.compile(
    r"(?<=\d)(?:times|pm|cdot|sim|approx|leq|geq|rightarrow|ell)(?![a-z])"
    r"|\b(?:leq|geq|neq|approx|rightarrow|leftarrow|mathcal|mathbb|mathbf|mathrm|textbf|textit|texttt|emph)\b(?=\W|\d)"
    r"|\\[A-Za-z]+|[_^]\{|\ufffd"
)


def clean_text(text: str, limit: int = TEXT_LENGTH) -> str:
    r"""Return text as people read it: markup, entities and LaTeX resolved, white space single, nothing invisible.

    A bare % stays, a lone $5 stays, "SA$^{2}$GFM" and "SA<sup>2</sup>GFM" read "SA²GFM". Plain text is returned
    unchanged, up to `limit` characters.
    """
    if "<" in text:
        text = markup_to_text(text[: MARKUP_FACTOR * limit])
    text = text[: 2 * limit]  # before more work is done: LaTeX is seldom longer than what it says
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
        if "<" in text:  # it was escaped
            text = markup_to_text(text)
    if "\\u" in text:
        text = _ESCAPE.sub(lambda escape: _decode_escapes(escape[0]), text)
    text = _LINE_BREAK.sub("-", _INVISIBLE.sub("", text))
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


def clean_sections(sections: Iterable[tuple[str, str]], limit: int = TEXT_LENGTH) -> str:
    """Return the text of an abstract that came in parts, each behind its heading, if it has one: "Background: …"."""
    parts: list[str] = []
    length = 0
    for heading, text in sections:
        label, body = format_label(clean_text(heading, TERM_LENGTH)), clean_text(text, limit)
        if label.casefold() == "unlabelled" or body.casefold().startswith(f"{label.casefold()}:"):
            label = ""
        if body:
            parts.append(f"{label}: {body}" if label else body)
            length += len(parts[-1]) + 1
        if length > limit:
            break
    joined = " ".join(parts)
    return joined if len(joined) <= limit else f"{joined[: limit - 1].rstrip()}…"


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
