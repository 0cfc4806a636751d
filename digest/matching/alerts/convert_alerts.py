"""A pasted text to keywords: commands to arXiv's mailing lists, lists of its categories, alerts of Google Scholar.

Of an e-mail only the subject or title, the line that names the alert, and commands are read; papers in it are no
keywords. In any other text each line is a list of categories, an alert, a query of Scholar, or a keyword of ours.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.alerts.category_names import find_categories
from digest.matching.alerts.scholar_query import convert_query
from digest.matching.language import DEFAULT_LIMITS, QueryLimits, convert, parse
from digest.matching.metadata import is_misspelled_category

MAX_ALERT_TEXT = 500_000  # characters
_MAX_LINE = 2_000
_HEADER = re.compile(r"(?im)^\s*>?\s*(?:from|to|cc|date|sent|subject|reply-to|message-id)\s*:\s*(?P<value>.*)$")
_SUBJECT = re.compile(r"(?i)^\s*>?\s*subject\s*:\s*(?:(?:re|fwd?|aw|wg)\s*:\s*)*(?P<value>.*)$")
_LIST = re.compile(r"(?i)\bto\s*:.*?\b(?P<archive>[a-z][a-z-]{1,8})@(?:[a-z]+\.)?arxiv\.org")
_COMMAND = re.compile(r"(?i)^\s*>?\s*(?P<command>add|del|delete|remove)\s*:?\s+(?P<names>\S.*)$")
_SUBSCRIBE = re.compile(r"(?i)^\s*>?\s*(?:un)?subscribe\b.{0,100}$")
_ADDRESS = re.compile(r"(?i)arxiv\.org/(?:rss|atom|list|archive)/(?P<names>[\w.+*-]+)")
_ALERT = re.compile(
    r"(?i)^(?P<what>.+?)\s+[-\u2013\u2014]\s+new\s+(?P<kind>results|articles|citations|related research)\b"
)
_FOOTER = re.compile(
    r"(?i)following\s+new\s+(?:"
    r"results\s+for\s+\[(?P<results>[^\]\n]{1,300})\]"
    r"|articles\s+(?:written\s+)?by\s+(?P<articles>[^\n]{1,100}?)\.(?:\s|$))"
)
_PAPER = re.compile(
    r"(?im)^\s*\[(?:pdf|html|book|citation)\]|- arxiv preprint\b"
)  # in an alert that has lost its headers
_BUTTONS = re.compile(r"(?i)(?:\s+|\t)(?:cancel|edit|delete)(?:\s+alert)?\s*$")
_OWN = re.compile(
    r"(?i)\b(?:cat|category|ti|title|abs|abstract|au|subject|journal|doi|kind|has|org|like):|\b(?-i:AND|ANDNOT)\b"
)
_IN_PARENTHESES = re.compile(r"\(([a-z-]{2,8}(?:\.[A-Za-z-]+)?)\)\s*$")


@dataclass(frozen=True, slots=True)
class UnreadAlert:
    """Part of a text that gives no keyword: the number of its line from 1, and why. 0: the text as a whole."""

    line: int
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class ConvertedAlerts:
    """Keywords that a text means, each once, and what in it could not be read."""

    keywords: list[str]
    unread: list[UnreadAlert]


def convert_alerts(text: str, limits: QueryLimits = DEFAULT_LIMITS) -> ConvertedAlerts:
    """Convert a pasted text to keywords, all of which can be parsed with these limits."""
    return AlertConverter(limits).convert_text(text[:MAX_ALERT_TEXT])


class AlertConverter:
    """Converter of one text, which knows whose mailing list the last e-mail was for."""

    def __init__(self, limits: QueryLimits) -> None:
        """Begin without any keyword."""
        self.limits = limits
        self.archive = ""
        self._keywords: dict[str, None] = {}  # in their order
        self._unread: dict[UnreadAlert, None] = {}

    def convert_text(self, text: str) -> ConvertedAlerts:
        """Convert all of a text."""
        is_email = any(pattern.search(text) for pattern in (_HEADER, _FOOTER, _PAPER))
        has_categories = any(_COMMAND.match(line) or ".org" in line or _is_coded(line) for line in text.splitlines())
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
            if match := _LIST.search(line):
                self.archive = match["archive"].lower()
            if len(line) > _MAX_LINE:
                self._set_unread(number, line, messages.ALERT_TOO_LONG)
            elif line.strip() and not self._convert_command(number, line):
                self._convert_line(number, line, is_email=is_email, has_categories=has_categories)
        if is_email:
            for match in _FOOTER.finditer(text):
                number = text.count("\n", 0, match.start()) + 1
                kind = "results" if match["results"] else "articles"
                self._convert_alert(number, " ".join(match[kind].split()), kind)
        if not self._keywords and not self._unread:
            self._set_unread(0, "", messages.NO_ALERT)
        return ConvertedAlerts(list(self._keywords), list(self._unread))

    def _convert_command(self, number: int, line: str) -> bool:
        """Convert a command to a mailing list, or an address of arXiv; return whether it was one."""
        if match := _ADDRESS.search(line):
            self._add_categories(number, match["names"], match["names"].split("+"))
        elif match := _COMMAND.match(line):
            names = list(self._split_names(match["names"]))
            if match["command"].lower() == "add":
                self._add_categories(number, match["names"], names)
                return True
            for name in names:
                keyword = self._to_keyword(name)
                if keyword in self._keywords:
                    del self._keywords[keyword]
                else:
                    self._set_unread(number, line, messages.ALERT_NOT_ADDED)
        else:
            return bool(_SUBSCRIBE.match(line))
        return True

    def _convert_line(self, number: int, line: str, *, is_email: bool, has_categories: bool) -> None:
        subject = _SUBJECT.match(line)
        if is_email and not subject and not _ALERT.match(line.strip()):
            return
        content = (subject["value"] if subject else _BUTTONS.sub("", line)).strip().lstrip("*\u2022").strip()
        if not content or _SUBSCRIBE.match(content):
            return
        if match := _ALERT.match(content):
            self._convert_alert(number, match["what"], match["kind"].lower())
        elif re.match(r"(?i)recommended articles\b", content):
            self._set_unread(number, content, messages.ALERT_RECOMMENDED)
        elif not is_email:
            names = list(self._split_names(content))
            if has_categories and names and all(find_categories(name, self.archive) for name in names):
                self._add_categories(number, content, names)
            elif is_misspelled_category(content):
                self._set_unread(number, content, messages.NO_CATEGORY)
            elif _OWN.search(content):
                self._add_keywords(number, content, convert(content) or (content,))
            else:
                self._convert_alert(number, content, "results")

    def _convert_alert(self, number: int, what: str, kind: str) -> None:
        if kind == "citations":
            self._set_unread(number, what, messages.ALERT_CITATIONS)
        elif kind == "related research":
            self._set_unread(number, what, messages.ALERT_RELATED)
        elif kind == "articles" and not re.search(r'["|:]|\bOR\b', what):
            self._add_keywords(number, what, (f'author:"{what}"',))
        else:
            try:
                keyword, left_out = convert_query(what)
            except QueryError as error:
                self._set_unread(number, what, str(error))
                return
            self._add_keywords(number, what, (keyword,))
            for condition in left_out:
                self._set_unread(number, condition, messages.ALERT_CONDITION)

    def _split_names(self, text: str) -> Iterator[str]:
        """Yield the names of categories in a list; one name may have commas and blanks of its own."""
        if found := _IN_PARENTHESES.search(text):
            yield found[1]
        elif find_categories(text, self.archive):
            yield text
        else:
            pieces = [piece.strip() for piece in re.split(r"[,;]", text) if piece.strip()]
            for piece in pieces:
                words = re.sub(r"(?i)\b(?:cat|category):", "", piece).split()
                is_list = all(find_categories(word, self.archive) for word in words)
                yield from words if is_list else [piece]

    def _to_keyword(self, name: str) -> str:
        return " OR ".join(f"cat:{category}" for category in find_categories(name, self.archive))

    def _add_categories(self, number: int, text: str, names: list[str]) -> None:
        for name in names:
            if keyword := self._to_keyword(name):
                self._add_keywords(number, text, (keyword,))
            else:
                self._set_unread(number, name, messages.NO_CATEGORY)

    def _add_keywords(self, number: int, text: str, keywords: tuple[str, ...]) -> None:
        for keyword in keywords:
            try:
                parse(keyword, self.limits)
            except QueryError as error:
                self._set_unread(number, text, str(error))
            else:
                self._keywords.setdefault(keyword)

    def _set_unread(self, number: int, text: str, message: str) -> None:
        self._unread.setdefault(UnreadAlert(number, text.strip()[:200], message))


def _is_coded(line: str) -> bool:
    """Return whether a line has the code of a category with a period in it."""
    words = re.findall(r"[a-z-]{2,8}\.[A-Za-z-]+", line)
    return any(find_categories(word) for word in words)
