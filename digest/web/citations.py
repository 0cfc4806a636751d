"""Citations: BibTeX, RIS, CSL-JSON and text. Each value is one line."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

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
GROUP_WORDS = {"team", "collaboration", "consortium", "group", "lab", "labs", "project", "initiative", "committee"}
MIN_TITLE_WORD = 4  # letters of the word of the title in a key
MAX_KEY_LENGTH = 60
TEXT_AUTHORS = 10
CitationFormat = Annotated[Literal["bib", "ris", "json"], Path()]


def citation_response(name: str, kind: str, papers: Iterable[Paper]) -> Response:
    """Return a download, NAME.bib, NAME.ris or NAME.json."""
    media_type, convert = CONVERTERS[kind]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(convert(papers), media_type=f"{media_type}; charset=utf-8", headers=headers)


def escape_tex(text: str) -> str:
    """Escape text for TeX."""
    return clean_line(text).strip().translate(_TEX_TABLE)


def to_bibtex(papers: Iterable[Paper]) -> str:
    """Format papers as BibTeX, each under a key of its own."""
    counts: Counter[str] = Counter()
    entries = []
    for paper in papers:
        key = citation_key(paper)
        counts[key] += 1
        entries.append(bibtex_entry(paper, key if counts[key] == 1 else f"{key}-{counts[key]}"))
    return "\n".join(entries)


def bibtex_entry(paper: Paper, key: str = "", max_authors: int | None = None) -> str:
    # Braces keep a name together: BibTeX would interpret "and" and commas inside it otherwise.
    authors = [
        f"{{{escape_tex(name)}}}" if re.search(r"\band\b|,.*,", name) or is_group(name) else escape_tex(name)
        for name in paper.authors[:max_authors]
    ]
    if len(authors) < len(paper.authors):
        authors.append("others")
    fields = {
        "title": f"{{{escape_tex(paper.title)}}}",
        "author": " and ".join(authors),
        "journal": escape_tex(paper.journal or ""),
        "year": str(paper.published_on.year) if paper.published_on else "",
        "eprint": escape_tex(paper.arxiv_id or ""),
        "archiveprefix": "arXiv" if paper.arxiv_id else "",
        "primaryclass": escape_tex(paper.categories[0]) if paper.arxiv_id and paper.categories else "",
        "doi": escape_tex(paper.doi or ""),
        "url": (safe_url(paper.url) or "").translate(_URL_TABLE),
    }
    width = max(len(name) for name, value in fields.items() if value)
    lines = ",\n".join(f"  {name:<{width}} = {{{value}}}" for name, value in fields.items() if value)
    kind = "article" if paper.journal else "misc"
    return f"@{kind}{{{key or citation_key(paper)},\n{lines}\n}}\n"


def citation_key(paper: Paper) -> str:
    """Return the first author's last name, the year and the first long word of the title: sun2026intact."""
    words = [word for word in map(_to_key, re.split(r"[\s:,;/-]+", paper.title)) if word]
    title = next((word for word in words if len(word) >= MIN_TITLE_WORD), words[0] if words else "")
    author = _to_key(split_name(paper.authors[0])[0] if paper.authors else "")
    year = str(paper.published_on.year) if paper.published_on else ""
    if author and title:
        return f"{author}{year}{title}"[:MAX_KEY_LENGTH]
    return re.sub(r"[^A-Za-z0-9.:-]+", "-", paper.key).strip("-") or f"paper-{paper.id}"


def _to_key(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return re.sub(r"[^a-z0-9]+", "", decomposed)


def is_group(name: str) -> bool:
    """Return whether a name is not that of a person, as far as it shows."""
    return name.rstrip().rpartition(" ")[2].lower().strip(".") in GROUP_WORDS


def split_name(name: str) -> tuple[str, str]:
    """Return last and first names: van der Maaten, Laurens. A group or a single name has no first one."""
    name = clean_line(name).strip()
    words = name.split(" ")
    if "," in name or len(words) == 1 or is_group(name):
        return name, ""
    start = len(words) - 1
    while start > 1 and words[start - 1].islower():
        start -= 1
    return " ".join(words[start:]), " ".join(words[:start])


def to_ris(papers: Iterable[Paper]) -> str:
    """Format papers as RIS, with CRLF line ends."""
    return "".join(map(ris_record, papers))


def ris_record(paper: Paper, max_authors: int | None = None) -> str:
    day = paper.published_on
    names = [", ".join(filter(None, split_name(name))) for name in paper.authors[:max_authors]]
    fields = [
        ("TY", "JOUR" if paper.journal else "GEN"),
        ("TI", paper.title),
        ("JO", paper.journal or ""),
        *(("AU", name) for name in names),
        ("PY", str(day.year) if day else ""),
        ("DA", f"{day:%Y/%m/%d}" if day else ""),
        ("AB", paper.abstract),
        ("DO", paper.doi or ""),
        ("UR", safe_url(paper.url) or ""),
        ("ID", citation_key(paper)),
    ]
    lines = [f"{tag}  - {clean_line(value).strip()}" for tag, value in fields if value.strip()]
    return "\r\n".join([*lines, "ER  - ", "", ""])


def to_csl_json(papers: Iterable[Paper]) -> str:
    """Format papers as CSL-JSON, which Zotero, Pandoc and citeproc read."""
    counts: Counter[str] = Counter()
    items = []
    for paper in papers:
        key = citation_key(paper)
        counts[key] += 1
        items.append(csl_item(paper, key if counts[key] == 1 else f"{key}-{counts[key]}"))
    return json.dumps(items, ensure_ascii=False, indent=2) + "\n"


def csl_item(paper: Paper, key: str = "") -> dict[str, Any]:
    """Return a paper as an item of CSL-JSON (Citation Style Language 1.0.2, input data)."""
    names = [split_name(name) for name in paper.authors if name.strip()]
    day = paper.published_on
    fields = {
        "id": key or citation_key(paper),
        "type": "article-journal" if paper.journal else "article",
        "title": clean_line(paper.title).strip(),
        "author": [{"family": last, "given": first} if first else {"literal": last} for last, first in names],
        "container-title": clean_line(paper.journal or "").strip(),
        "issued": {"date-parts": [[day.year, day.month, day.day]]} if day else None,
        "publisher": "arXiv" if paper.arxiv_id and not paper.journal else "",
        "number": f"arXiv:{clean_line(paper.arxiv_id)}" if paper.arxiv_id else "",
        "DOI": clean_line(paper.doi or ""),
        "URL": safe_url(paper.url) or "",
        "abstract": clean_line(paper.abstract).strip(),
    }
    return {name: value for name, value in fields.items() if value}


def text_citation(paper: Paper) -> str:
    """Format a paper as one line of text, with at most TEXT_AUTHORS authors."""
    names = [clean_line(name).strip() for name in paper.authors[:TEXT_AUTHORS]]
    if len(paper.authors) > TEXT_AUTHORS:
        names.append("et al")
    title = clean_line(paper.title).strip()
    published = str(paper.published_on.year) if paper.published_on else ""
    journal = clean_line(paper.journal or "").strip()
    where = ", ".join(filter(None, (journal, f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else "", published)))
    link = f"https://doi.org/{paper.doi}" if paper.doi else paper.url
    parts = [", ".join(names), title if title.endswith(("?", "!")) else title.rstrip("."), where]
    sentences = [part if part.endswith(("?", "!")) else f"{part}." for part in parts if part]
    return " ".join([*sentences, safe_url(link) or ""]).strip()


# Media type and function of each format.
CONVERTERS = {
    "bib": ("application/x-bibtex", to_bibtex),
    "ris": ("application/x-research-info-systems", to_ris),
    "json": ("application/vnd.citationstyles.csl+json", to_csl_json),
}
