"""Text from outside made fit to be shown and searched: readable Unicode on one line, without control characters."""

import html
import re
from collections.abc import Iterable

from digest.sources.latex import latex_to_text

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")


_LATEX = re.compile(r"[\\${~]")


# Controls but white space, soft hyphen, zero width marks, bidi marks, overrides and isolates, surrogates, tags,
# interlinear marks and what Unicode says is no character. The joiners U+200C and U+200D stay: scripts need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


_DASHES = ((re.compile(r"(?<![-\s])---(?!-)|(?<=\s)---(?=\s)"), "—"), (re.compile(r"(?<=\w)--(?=\w)"), "–"))  # noqa: RUF001


_NAME_SUFFIX = re.compile(r"(?:Jr|Sr|II|III|IV)\.?")


_LATEX_ERRORS = re.compile(
    r"(?<=\d)(?:times|pm|cdot|sim|approx|leq|geq|rightarrow|ell)(?![a-z])"
    r"|\b(?:leq|geq|neq|approx|rightarrow|leftarrow|mathcal|mathbb|mathbf|mathrm|textbf|textit|texttt|emph)\b(?=\W|\d)"
    r"|\\[A-Za-z]+|[_^]\{|\ufffd"
)


def clean_text(text: str) -> str:
    r"""`text` as people read it: entities and TeX resolved, invisible characters gone, white space single.

    A bare % stays, a lone $5 stays, "SA$^{2}$GFM" reads "SA²GFM". Plain text comes back as it was.
    """
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    text = _INVISIBLE.sub("", text)
    if "--" in text and "://" not in text:
        for dash, reads in _DASHES:
            text = dash.sub(reads, text)
    if "``" in text:
        text = text.replace("``", "“").replace("''", "”")
    if _LATEX.search(text):
        text = _INVISIBLE.sub("", latex_to_text(text))
    return " ".join(text.split())


def parse_authors(authors: str | Iterable[str]) -> tuple[str, ...]:
    r"""Authors' names, from a list or from one comma-joined line ("Ada Byron, Kurt G{\"o}del, Sammy Davis, Jr.")."""
    parts = _split_authors(authors) if isinstance(authors, str) else authors
    found: list[str] = []
    for part in parts:
        name = clean_text(part).strip(" ,;")
        if found and _NAME_SUFFIX.fullmatch(name):
            found[-1] = f"{found[-1]}, {name}"
        elif name:
            found.append(name)
    return tuple(found)


def _split_authors(line: str) -> list[str]:
    # A comma within brackets belongs to an affiliation: "Ada Byron (London, UK), Kurt Gödel".
    parts, depth, start = [], 0, 0
    for place, mark in enumerate(line):
        if mark in "({":
            depth += 1
        elif mark in ")}":
            depth = max(0, depth - 1)
        elif mark == "," and not depth:
            parts.append(line[start:place])
            start = place + 1
    parts.append(line[start:])
    return parts


def count_latex_errors(text: str) -> int:
    """How many traces of lost TeX there are: "1.82times", "leq 0.02", "mathcal{O}". 0 means the text looks whole."""
    return len(_LATEX_ERRORS.findall(text))
