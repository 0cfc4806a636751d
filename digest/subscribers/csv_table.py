"""CSV as spreadsheets and other newsletter programs write it: encodings, separators, names of columns and of states."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from digest.database.models import SubscriberStatus
from digest.errors import SubscriberError

PREFERENCE_COLUMNS = ("email", "keywords", "frequency", "send_hour", "timezone", "cap", "trending", "summaries")
COLUMNS = (
    *PREFERENCE_COLUMNS,
    "status",
    "paused_until",
    "reason",
    "weekday",
    "thumbnails",
    "muted",
    "sources",
    "about_only",
    "close_papers",
)
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Names of the column with the address in exports of Mailchimp, listmonk, Brevo, Ghost, Mailman, Outlook and others, and
# in the languages in which such programs are translated. In lower case, with blanks for - and _.
EMAIL_NAMES = {
    "email", "e mail", "emails", "mail", "email address", "e mail address", "emailaddress", "subscriber email",
    "contact email", "email adresse", "e mail adresse", "mailadresse", "mail adresse", "adresse email",
    "adresse e mail", "adresse mail", "courriel", "adresse courriel", "correo", "correo electrónico",
    "correo electronico", "dirección de correo", "dirección de correo electrónico", "indirizzo email",
    "indirizzo e mail", "e mailadres", "emailadres", "endereço de e mail", "endereço de email", "adres e mail",
    "adres email", "e postadress", "epost", "e post", "электронная почта", "почта", "メールアドレス", "邮箱",
    "电子邮件", "이메일",
}  # fmt: skip
OTHER_NAMES = {"time zone": "timezone", "subscription status": "status", "state": "status"}
# States of other programs. Who has left there, or cannot be reached, gets no mail from here.
STATUSES = {
    SubscriberStatus.ACTIVE: ("active", "enabled", "subscribed", "confirmed", "regular", "activated"),
    SubscriberStatus.PENDING: ("pending", "unconfirmed", "unactivated", "not confirmed", "opt in pending"),
    SubscriberStatus.PAUSED: ("paused",),
    SubscriberStatus.UNSUBSCRIBED: (
        *("unsubscribed", "cancelled", "canceled", "removed", "deleted", "inactive", "disabled", "archived"),
        *("opted out", "non subscribed", "nonsubscribed"),
    ),
    SubscriberStatus.SUPPRESSED: (
        *("suppressed", "blocklisted", "blacklisted", "blocked", "bounced", "hard bounced", "cleaned", "complained"),
        *("junk", "spam", "undeliverable", "invalid"),
    ),
}
STATUS_WORDS = {word: status for status, words in STATUSES.items() for word in words}
# Columns that hold an instant where somebody has left, as in Mailchimp's files; empty else.
LEFT_COLUMNS = {
    "unsub time": SubscriberStatus.UNSUBSCRIBED,
    "unsubscribed at": SubscriberStatus.UNSUBSCRIBED,
    "clean time": SubscriberStatus.SUPPRESSED,
    "bounced at": SubscriberStatus.SUPPRESSED,
    "complained at": SubscriberStatus.SUPPRESSED,
}


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A file, taken apart. `columns` maps our names to those in the file; `ignored` are those that we do not know."""

    file: Path
    encoding: str
    delimiter: str
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    names: tuple[str, ...] = field(repr=False)  # ours for each column of the file, or empty
    text: str = field(repr=False)
    skipped_lines: int = 0  # above the heading

    def describe(self) -> str:
        """Describe how the file was read, in one sentence."""
        mapped = ", ".join(name if name == own else f"{own} from {name!r}" for own, name in self.columns.items())
        text = f"read as {self.encoding}, separated by {DELIMITERS.get(self.delimiter, repr(self.delimiter))}: {mapped}"
        return f"{text}; ignored: {', '.join(self.ignored)}" if self.ignored else text

    def rows(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield the rows below the heading, each with the number of its first line.

        A row with too many cells is a mapping of "" to what is wrong. Raises SubscriberError for a file that is no CSV.
        """
        lines = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        try:
            next(lines, None)
            line_number = lines.line_num + 1
            for cells in lines:
                if len(cells) > len(self.names) and any(cells[len(self.names) :]):
                    error_text = (
                        "This line has more cells than the heading. Put keywords that contain a comma in double quotes."
                    )
                    yield line_number + self.skipped_lines, {"": error_text}
                elif any(cells):
                    yield line_number + self.skipped_lines, self._to_row(cells)
                line_number = lines.line_num + 1
        except csv.Error as error:
            line = lines.line_num + self.skipped_lines
            raise SubscriberError(f"{self.file} line {line} is not CSV: {error}") from error

    def _to_row(self, cells: list[str]) -> dict[str, str]:
        row: dict[str, str] = {}
        for name, cell in zip(self.names, cells, strict=False):
            if name in LEFT_COLUMNS:
                if cell.strip():
                    row["status"] = LEFT_COLUMNS[name]
            elif name:
                row.setdefault(name, cell)
        return row


def read_csv(file: Path) -> CsvTable:
    """Take a file apart. Raises SubscriberError when it cannot be read, or has no column of addresses."""
    text, encoding = decode_file(file)
    hint, line_break, rest = text.partition("\n")
    match = re.fullmatch(r'"?sep=(.)"?\r?', hint, re.IGNORECASE)  # the line by which Excel names the separator
    if match and line_break:
        text = rest
    delimiters = [match[1]] if match else list(DELIMITERS)
    headings = {delimiter: read_heading(file, text, delimiter) for delimiter in delimiters}
    names = {delimiter: map_columns(heading) for delimiter, heading in headings.items()}
    delimiter = next((each for each, mapped in names.items() if "email" in mapped), None)
    if delimiter is None:
        widest = max(headings.values(), key=len)
        raise SubscriberError(
            f"{file} has no email column. Its first line must name the columns: {', '.join(PREFERENCE_COLUMNS)} "
            f"(it names: {', '.join(widest)[:200]})"
        )
    heading, mapped = headings[delimiter], names[delimiter]
    reject_misspelled(file, heading, mapped)
    return CsvTable(
        file,
        encoding,
        delimiter,
        columns={own: name for own, name in zip(mapped, heading, strict=True) if own},
        ignored=tuple(name for own, name in zip(mapped, heading, strict=True) if not own and name),
        names=mapped,
        text=text,
        skipped_lines=int(bool(match)),
    )


def decode_file(file: Path) -> tuple[str, str]:
    """Return the text of a file and the name of its encoding. Raises SubscriberError."""
    try:
        raw = file.read_bytes()
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return raw.decode("utf-16"), "UTF-16"
        if b"\0" in raw[:2]:  # the first character is one of ASCII
            return raw.decode("utf-16-be" if raw.startswith(b"\0") else "utf-16-le"), "UTF-16"
        try:
            return raw.decode("utf-8-sig"), "UTF-8"
        except UnicodeDecodeError:
            return raw.decode("cp1252"), "Windows-1252"
    except OSError as error:
        raise SubscriberError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        reason = "it is neither UTF-8, UTF-16 nor Windows-1252. Save it as CSV UTF-8"
        raise SubscriberError(f"{file} cannot be read as text: {reason}") from error


def read_heading(file: Path, text: str, delimiter: str) -> list[str]:
    """Return the names in the first line, as they are written."""
    try:
        return [name.strip() for name in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])]
    except csv.Error as error:
        raise SubscriberError(f"{file} line 1 is not CSV: {error}") from error


def map_columns(heading: list[str]) -> tuple[str, ...]:
    """Return our name for each column, or an empty text. Of several columns for one thing the first is taken."""
    mapped: list[str] = []
    for name in heading:
        plain = normalize_name(name)
        own = "email" if plain in EMAIL_NAMES else OTHER_NAMES.get(plain, plain.replace(" ", "_"))
        known = plain if plain in LEFT_COLUMNS else own if own in COLUMNS else ""
        mapped.append("" if known in mapped else known)
    return tuple(mapped)


def normalize_name(name: str) -> str:
    """Return the name of a column, or of a state, in lower case with single blanks."""
    return " ".join(re.sub(r"[\s_-]+", " ", name).casefold().split())


def reject_misspelled(file: Path, heading: list[str], mapped: tuple[str, ...]) -> None:
    """Raise SubscriberError for a misspelled name of ours: it must not lose anyone's keywords."""
    for name, own in zip(heading, mapped, strict=True):
        if not own and (similar := get_close_matches(name.lower(), set(COLUMNS) - set(mapped), n=1, cutoff=0.8)):
            raise SubscriberError(f"{file} has a column {name.lower()!r}. Did you mean {similar[0]}?")


def parse_status(cell: str) -> str:
    """Return our word for a state, or an empty text. Raises SubscriberError for one that nobody knows."""
    if not cell:
        return ""
    status = STATUS_WORDS.get(normalize_name(cell))
    if status is None:
        raise SubscriberError(f"status must be one of {', '.join(SubscriberStatus)}, not {cell!r}")
    return status
