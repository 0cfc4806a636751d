"""Citations: BibTeX and RIS. Each value is one line."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import Path
from fastapi.responses import Response

from digest.database.models import Paper
from digest.formatting import clean_line, safe_url

# All characters with a meaning in TeX: a title cannot open a group, end the entry, or read a file.
_TEX_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    '"': r"{\textquotedbl}", "|": r"\textbar{}",
}  # fmt: skip
_TEX_TABLE = str.maketrans(_TEX_ESCAPES)
_URL_TABLE = str.maketrans({"\\": "%5C", "{": "%7B", "}": "%7D", '"': "%22"})
CitationFormat = Annotated[Literal["bib", "ris"], Path()]


def citation_response(name: str, kind: str, papers: Iterable[Paper]) -> Response:
    """Return a download, NAME.bib or NAME.ris."""
    media_type, convert = (
        ("application/x-bibtex", to_bibtex) if kind == "bib" else ("application/x-research-info-systems", to_ris)
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(convert(papers), media_type=f"{media_type}; charset=utf-8", headers=headers)


def escape_tex(text: str) -> str:
    """Escape text for TeX."""
    return clean_line(text).strip().translate(_TEX_TABLE)


def to_bibtex(papers: Iterable[Paper]) -> str:
    """Format papers as BibTeX."""
    return "\n".join(map(bibtex_entry, papers))


def bibtex_entry(paper: Paper) -> str:
    # Braces keep a name together: BibTeX would interpret "and" and commas inside it otherwise.
    authors = " and ".join(
        f"{{{escape_tex(name)}}}" if re.search(r"\band\b|,.*,", name) else escape_tex(name) for name in paper.authors
    )
    fields = {
        "title": f"{{{escape_tex(paper.title)}}}",
        "author": authors,
        "year": str(paper.published_on.year) if paper.published_on else "",
        "eprint": escape_tex(paper.arxiv_id or ""),
        "archiveprefix": "arXiv" if paper.arxiv_id else "",
        "doi": escape_tex(paper.doi or ""),
        "url": (safe_url(paper.url) or "").translate(_URL_TABLE),
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@misc{{{citation_key(paper)},\n{lines}}}\n"


def citation_key(paper: Paper) -> str:
    return re.sub(r"[^A-Za-z0-9.:-]+", "-", paper.key).strip("-") or f"paper-{paper.id}"


def to_ris(papers: Iterable[Paper]) -> str:
    """Format papers as RIS, with CRLF line ends."""
    return "".join(map(ris_record, papers))


def ris_record(paper: Paper) -> str:
    day = paper.published_on
    fields = [
        ("TY", "GEN"),
        ("TI", paper.title),
        *(("AU", name) for name in paper.authors),
        ("PY", str(day.year) if day else ""),
        ("DA", f"{day:%Y/%m/%d}" if day else ""),
        ("AB", paper.abstract),
        ("DO", paper.doi or ""),
        ("UR", safe_url(paper.url) or ""),
        ("ID", citation_key(paper)),
    ]
    lines = [f"{tag}  - {clean_line(value).strip()}" for tag, value in fields if value.strip()]
    return "\r\n".join([*lines, "ER  - ", "", ""])
