"""Sentences about references that cannot be used."""

from digest.formatting import format_number

COMPRESSED = "This file is compressed. Unpack it, and upload the .bib, .ris or .json file in it."
BINARY = "This is not a text file. Export your papers as BibTeX, RIS or CSL-JSON."
XML = "This is XML. Export your papers as BibTeX, RIS or CSL-JSON."
EMPTY = "There is nothing in it. Paste arXiv IDs, DOIs, links or titles, one per line."
INVALID_JSON = "This is not valid CSL-JSON. Export your papers once more, or paste their DOIs, one per line."
NESTED_TOO_DEEPLY = "This JSON is nested too deeply to be CSL-JSON."
NO_ITEMS = "This JSON has no list of items. Export your papers as CSL-JSON."
NO_BIBTEX = "No BibTeX entry can be read. An entry looks like @article{key, title = {A title}, doi = {10.1000/1}}."
NO_TITLE = "The entry has neither a title nor an identifier."
TITLE_TOO_SHORT = "This is neither an identifier nor a title. Write an arXiv ID, a DOI, a link or the whole title."
ENTRY_TOO_LONG = "The entry is too long."
INVALID_ITEM = "The item is not as CSL-JSON describes it."
UNFINISHED_ENTRY = "The entry is incomplete: a brace, quote or comma is missing."


def too_large(limit_bytes: int) -> str:
    return f"This is too large: at most {limit_bytes // 2**20} MB. Export fewer papers."


def too_many(limit: int) -> str:
    return f"Only the first {format_number(limit)} were read."


def invalid_field(name: str) -> str:
    return f"The item is not as CSL-JSON describes it: {name[:40]}."
