"""Cells of our CSV: several keywords in one, and what a spreadsheet would run as a formula."""

from collections.abc import Sequence

KEYWORD_SEPARATOR = "|"  # in one cell; in a cell with a line break only line breaks separate
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run these; an apostrophe makes them text


def join_keywords(keywords: Sequence[str]) -> str:
    """Return keywords as one cell, one a line where any of them has the separator in it."""
    if KEYWORD_SEPARATOR in "".join(keywords):
        return "".join(f"{keyword}\n" for keyword in keywords)
    return KEYWORD_SEPARATOR.join(keywords)


def split_keywords(cell: str) -> list[str]:
    """Return the keywords of a cell."""
    return cell.splitlines() if "\n" in cell or "\r" in cell else cell.split(KEYWORD_SEPARATOR)


def escape_cell(cell: str) -> str:
    """Prefix an apostrophe to what a spreadsheet would run as a formula."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell


def unescape_cell(cell: str) -> str:
    """Remove the apostrophe that `escape_cell` adds."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_PREFIXES) else cell
