"""Names of categories, sources, journals and DOIs in the forms that are compared."""

import re

from digest.identifiers import normalize_identifier
from digest.matching.normalize import split_words

ARXIV_DOI = "10.48550/arxiv."
_PLACE = re.compile(r"\s*\([^()]*\)\s*$")  # Lancet (London, England)
_SUBTITLE = re.compile(r"\s:\s.*")  # The Journal of neuroscience : the official journal of the Society


def normalize_category(text: str) -> str:
    """Return a category as arXiv writes it: the archive in lower case, a subject of two letters in capitals.

    cs.* is cs.
    """
    name = " ".join(text.replace("_", " ").lower().removesuffix(".*").split())
    archive, dot, subject = name.partition(".")
    return f"{archive}.{subject.upper()}" if dot and len(subject) == 2 and subject.isalpha() else name  # noqa: PLR2004


def normalize_source(text: str) -> str:
    """Return the same name for hugging face, Hugging-Face and huggingface."""
    return "".join(char for char in text.lower() if char.isalnum())


def normalize_journal(text: str) -> str:
    """Return the words of a journal's name in lower case, without The, subtitle and place; & is and."""
    name = _PLACE.sub("", _SUBTITLE.sub("", text)) or text
    words = split_words(name.replace("&", " and ")).exact
    return " ".join(words[1:] if words[:1] == ["the"] and len(words) > 1 else words)


def normalize_doi(text: str) -> str:
    """Return a DOI in lower case, without its address and without the version of a preprint. Empty: it is none."""
    found = normalize_identifier(text, "doi")
    if found is None:
        return ""
    if found.scheme == "arxiv":
        return f"{ARXIV_DOI}{found.value}"
    return found.value if found.scheme == "doi" else text[text.find("10.") :].strip().lower()
