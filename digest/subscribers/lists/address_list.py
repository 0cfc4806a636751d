"""Addresses without a heading: one a line, or many as a mail program has them, and rosters of Mailman.

Mailman writes addresses alone (`list_members`), with names (`list_members -f`, `mailman members`), and on its roster
page as "ada at example.org", in parentheses where a member gets no e-mails.
"""

import re
from collections.abc import Iterator, Mapping

from digest.subscribers.lists import messages
from digest.subscribers.lists.formats import PLAIN_LIST, ROSTER, SKIPPED_WORDS, ListFormat, SkipReason, normalize_name

_PIECE = re.compile(r'(?:"[^"]*"|<[^<>]*>|[^,;\t"<]|["<])+')  # commas in quotes and angle brackets separate nothing
_IN_BRACKETS = re.compile(r"<\s*([^<>]+?)\s*>")
_ON_ROSTER = re.compile(r"([^\s@()]+) (?:at|AT|--at--) ([^\s@()]+\.[^\s@()]+)")
_ROSTER_HEADING = re.compile(r"(?i)\b(?:non-?)?digested members of\b|\bmembers of .{1,80}:\s*$", re.MULTILINE)
_LONGEST_LINE = 100_000  # characters; more is no list that somebody wrote


def is_address_list(text: str) -> bool:
    """Return whether a text without a heading is a list of addresses, rather than something else with some of them."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    with_address = sum(bool(_find_pieces(line)) for line in lines)
    if _ROSTER_HEADING.search(text):
        return with_address > 0
    return with_address > 0 and 2 * with_address >= len(lines)


def read_addresses(text: str) -> tuple[ListFormat, Iterator[tuple[int, Mapping[str, str]]]]:
    """Return the format of a list of addresses and its rows, each with the number of its line.

    A row has `email`, and `left` where its line says that this person gets no e-mails; the other words of a line are
    names. A line without address is a mapping of "" to what is wrong. On a roster such lines are those of the page.
    """
    is_roster = bool(_ROSTER_HEADING.search(text))
    return (ROSTER if is_roster else PLAIN_LIST), _read_lines(text, is_roster=is_roster)


def _read_lines(text: str, *, is_roster: bool) -> Iterator[tuple[int, Mapping[str, str]]]:
    for line_number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if pieces := _find_pieces(line):
            left = {"left": reason} if (reason := _find_state(line)) else {}
            for piece in pieces:
                in_parentheses = {"left": SkipReason.DISABLED} if piece.startswith("(") else {}
                yield line_number, {"email": piece.strip("()")} | left | in_parentheses
        elif not is_roster:
            yield line_number, {"": messages.NO_ADDRESS}


def _find_pieces(line: str) -> list[str]:
    """Return what stands for an address in a line, in parentheses where it does there; it may be none yet."""
    found: list[str] = []
    for match in _PIECE.finditer(line[:_LONGEST_LINE]):
        piece = match.group().strip().lstrip("*\u2022-").strip()
        is_disabled = piece.startswith("(") and piece.endswith(")")
        plain = piece.strip("()").strip()
        if bracketed := _IN_BRACKETS.findall(plain):
            addresses = [text for text in bracketed if "@" in text]
        elif on_roster := _ON_ROSTER.fullmatch(plain):
            addresses = [f"{on_roster[1]}@{on_roster[2]}"]
        else:
            addresses = [word.strip("\"'<>()") for word in plain.split() if "@" in word]
        found += [f"({address})" if is_disabled else address for address in addresses]
    return found


def _find_state(line: str) -> SkipReason | None:
    """Return why the people of a line are not added, where one of its cells says so: a file without its heading."""
    cells = (normalize_name(cell.replace('"', " ")) for cell in re.split(r"[,;\t|]", line))
    return next((SKIPPED_WORDS[cell] for cell in cells if cell in SKIPPED_WORDS), None)
