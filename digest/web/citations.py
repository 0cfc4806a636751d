"""Papers for a list of references: BibTeX, and RIS as reference managers read it. Each value is one line."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import Path
from fastapi.responses import Response

from digest.database.models import Paper
from digest.formatting import clean_line, safe_url

# Every sign that TeX takes for a command. A title cannot open a group, end the entry, or read a file.
_TEX_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    '"': r"{\textquotedbl}", "|": r"\textbar{}",
}  # fmt: skip


_TEX_TABLE = str.maketrans(_TEX_ESCAPES)


_URL_TABLE = str.maketrans({"\\": "%5C", "{": "%7B", "}": "%7D", '"': "%22"})


CitationFormat = Annotated[Literal["bib", "to_ris"], Path()]


def citation_response(name: str, kind: str, papers: Iterable[Paper]) -> Response:
    """A file to be kept, NAME.bib or NAME.ris."""
    media, written = (
        ("application/x-bibtex", to_bibtex) if kind == "bib" else ("application/x-research-info-systems", to_ris)
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(written(papers), media_type=f"{media}; charset=utf-8", headers=headers)


def escape_tex(text: str) -> str:
    """Text from outside as TeX prints it."""
    return clean_line(text).strip().translate(_TEX_TABLE)


def to_bibtex(papers: Iterable[Paper]) -> str:
    return "\n".join(map(_bibtex_entry, papers))


def _bibtex_entry(paper: Paper) -> str:
    # Braces keep a name whole: BibTeX would read "and" and commas inside it otherwise.
    people = " and ".join(
        f"{{{escape_tex(name)}}}" if re.search(r"\band\b|,.*,", name) else escape_tex(name) for name in paper.authors
    )
    fields = {
        "title": f"{{{escape_tex(paper.title)}}}",
        "author": people,
        "year": str(paper.published_on.year) if paper.published_on else "",
        "eprint": escape_tex(paper.arxiv_id or ""),
        "archiveprefix": "arXiv" if paper.arxiv_id else "",
        "doi": escape_tex(paper.doi or ""),
        "url": (safe_url(paper.url) or "").translate(_URL_TABLE),
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@misc{{{_citation_key(paper)},\n{lines}}}\n"


def _citation_key(paper: Paper) -> str:
    return re.sub(r"[^A-Za-z0-9.:-]+", "-", paper.key).strip("-") or f"paper-{paper.id}"


def to_ris(papers: Iterable[Paper]) -> str:
    """RIS, with lines that end as its readers expect."""
    return "".join(_ris_record(paper) for paper in papers)


def _ris_record(paper: Paper) -> str:
    day = paper.published_on
    said = [
        ("TY", "GEN"),
        ("TI", paper.title),
        *(("AU", name) for name in paper.authors),
        ("PY", str(day.year) if day else ""),
        ("DA", f"{day:%Y/%m/%d}" if day else ""),
        ("AB", paper.abstract),
        ("DO", paper.doi or ""),
        ("UR", safe_url(paper.url) or ""),
        ("ID", _citation_key(paper)),
    ]
    lines = [f"{tag}  - {clean_line(value).strip()}" for tag, value in said if value.strip()]
    return "\r\n".join([*lines, "ER  - ", "", ""])
