"""Identifiers of papers in their canonical form."""

import re

# New ids are YYMM.NNNNN (four digits until 2014), old ones archive/YYMMNNN, some with a class: math.GT/0309136.
_ARXIV_ID = re.compile(
    r"(?:https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/|oai:arxiv\.org:|arxiv:)?"
    r"(?:(?P<new>\d{4}\.\d{4,5})|(?P<archive>[a-z][a-z-]*)(?:\.[a-z]{2})?/(?P<number>\d{7}))(?:v(?P<version>\d{1,4}))?",
    re.IGNORECASE,
)


def parse_arxiv_id(text: str) -> tuple[str, int] | None:
    """Return the canonical arXiv id without its version, and the version.

    The version is 1 where none is given. None: the text is no arXiv id.
    """
    match = _ARXIV_ID.fullmatch(text.strip())
    if not match:
        return None
    arxiv_id = match["new"] or f"{match['archive'].lower()}/{match['number']}"
    return arxiv_id, int(match["version"] or 1)
