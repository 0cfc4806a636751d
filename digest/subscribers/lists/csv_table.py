"""CSV as spreadsheets and other newsletter programs write it: encodings, separators, names of columns and of states."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from digest.database.models import SubscriberStatus
from digest.errors import SubscriberError
from digest.subscribers.lists import messages
from digest.subscribers.lists.address_list import is_address_list, read_addresses
from digest.subscribers.lists.formats import (
    LEFT_COLUMNS,
    OTHER_PROGRAM,
    OWN_FORMAT,
    ListFormat,
    find_format,
    find_skip_reason,
    normalize_name,
)

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


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A file, taken apart. `columns` maps our names to those in the file; `ignored` are those that we do not know.

    `names`: ours for each column of the file, or empty. `listed`: the rows of a file without heading. `tag_key`: where
    in an object of a JSON cell the keywords are.
    """

    file: Path
    encoding: str
    delimiter: str
    columns: Mapping[str, str]
    ignored: tuple[str, ...]
    names: tuple[str, ...] = field(repr=False)
    text: str = field(repr=False)
    skipped_lines: int = 0  # above the heading
    format: ListFormat = OTHER_PROGRAM
    listed: tuple[tuple[int, Mapping[str, str]], ...] | None = field(default=None, repr=False)
    tag_key: str = "keywords"

    @property
    def is_own(self) -> bool:
        """True for a file of ours, in which those who have left are kept as such."""
        return self.format is OWN_FORMAT

    @property
    def has_foreign_zones(self) -> bool:
        """True for the file of a known program, whose names of time zones nobody chose for us."""
        return self.format not in (OWN_FORMAT, OTHER_PROGRAM)

    @property
    def has_tags(self) -> bool:
        """True where the column of keywords is one of another program, with tags or labels."""
        is_renamed = normalize_name(self.columns.get("keywords", "keywords")) != "keywords"
        return is_renamed or (not self.is_own and "attributes" in self.names)

    @property
    def unused_tags(self) -> str:
        """Name of a column that may have keywords and is not read, or empty."""
        names = (name for name in self.ignored if normalize_name(name) in self.format.tag_columns)
        return "" if "keywords" in self.columns else next(names, "")

    def describe(self) -> str:
        """Describe how the file was read, in one sentence."""
        if self.listed is not None:
            return f"read as {self.encoding}: {self.format.name}"
        mapped = ", ".join(name if name == own else f"{own} from {name!r}" for own, name in self.columns.items())
        program = "" if self.format in (OWN_FORMAT, OTHER_PROGRAM) else f" by {self.format.name}"
        separator = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        text = f"read as {self.encoding}, separated by {separator}{program and f', written{program}'}: {mapped}"
        return f"{text}; ignored: {', '.join(self.ignored)}" if self.ignored else text

    def rows(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield the rows below the heading, each with the number of its first line.

        A row with too many cells is a mapping of "" to what is wrong. A row of another program has `left` where its
        person must not be added. Raises SubscriberError for a file that is no CSV.
        """
        if self.listed is not None:
            yield from self.listed
            return
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
                    row["left"] = LEFT_COLUMNS[name]
            elif name == "agreed_at":  # of several the last that is filled: Mailchimp has asked, and confirmed
                row[name] = cell.strip() or row.get(name, "")
            elif name:
                row.setdefault(name, cell)
        if "attributes" in row and "keywords" not in row:
            row["keywords"] = row["attributes"]
        file_name = self.file.name.casefold()
        for beginning, reason in self.format.file_names.items():
            if file_name.startswith(beginning):
                row.setdefault("left", reason)
        if not self.is_own and (skip_reason := find_skip_reason(row)):
            row["left"] = skip_reason
        return row


def read_csv(file: Path, chosen: Mapping[str, str] = {}) -> CsvTable:
    """Take a file apart. Raises SubscriberError when it cannot be read, or has no addresses where they can be.

    `chosen`: columns of the file by our names, as the operator wants them read; `attributes.topics` is a field of a
    column of JSON.
    """
    text, encoding = decode_file(file)
    hint, line_break, rest = text.partition("\n")
    match = re.fullmatch(r'"?sep=(.)"?\r?', hint, re.IGNORECASE)  # the line by which Excel names the separator
    if match and line_break:
        text = rest
    delimiters = [match[1]] if match else list(DELIMITERS)
    headings = {delimiter: read_heading(file, text, delimiter) for delimiter in delimiters}
    names = {delimiter: map_columns(heading, chosen) for delimiter, heading in headings.items()}
    delimiter = next((each for each, mapped in names.items() if "email" in mapped), None)
    if delimiter is None and not chosen and is_address_list(text):
        program, rows = read_addresses(text)
        return CsvTable(file, encoding, "", {}, (), (), text, format=program, listed=tuple(rows))
    if delimiter is None:
        widest = max(headings.values(), key=len)
        raise SubscriberError(
            f"{file} has no email column. Its first line must name the columns: {', '.join(PREFERENCE_COLUMNS)} "
            f"(it names: {', '.join(widest)[:200]})"
        )
    heading, mapped = headings[delimiter], names[delimiter]
    plain_names = {normalize_name(name) for name in heading}
    program = find_format(plain_names)
    require_columns(heading, chosen)
    if program in (OWN_FORMAT, OTHER_PROGRAM):
        reject_misspelled(file, heading, mapped)
    return CsvTable(
        file,
        encoding,
        delimiter,
        columns={own: name for own, name in zip(mapped, heading, strict=True) if own}
        | {own: name for own, name in chosen.items() if own == "keywords"},
        ignored=tuple(name for own, name in zip(mapped, heading, strict=True) if not own and name),
        names=mapped,
        text=text,
        skipped_lines=int(bool(match)),
        format=program,
        tag_key=split_field(chosen.get("keywords", ""), plain_names)[1] or "keywords",
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


def map_columns(heading: list[str], chosen: Mapping[str, str] = {}) -> tuple[str, ...]:
    """Return our name for each column, or an empty text. Of several columns for one thing the first is taken.

    What is `chosen` goes first; then what the program means by its names, then what they mean anywhere.
    """
    plain_names = [normalize_name(name) for name in heading]
    program = find_format(set(plain_names))
    by_choice = {normalize_name(split_field(theirs, plain_names)[0]): own for own, theirs in chosen.items()}
    mapped: list[str] = []
    for plain in plain_names:
        own = "email" if plain in EMAIL_NAMES else OTHER_NAMES.get(plain, plain.replace(" ", "_"))
        known = plain if plain in LEFT_COLUMNS else program.columns.get(plain, own if own in COLUMNS else "")
        if plain in by_choice:
            known = by_choice[plain]
        elif known in by_choice.values():
            known = ""
        mapped.append("" if known in mapped and known != "agreed_at" else known)
    return tuple(mapped)


def parse_column_choices(texts: Sequence[str]) -> dict[str, str]:
    """Parse `ours=theirs`, as an operator names columns. Raises SubscriberError."""
    chosen: dict[str, str] = {}
    for text in texts:
        own, sign, theirs = (part.strip() for part in text.partition("="))
        if not (own and sign and theirs):
            raise SubscriberError(messages.not_a_mapping(text))
        chosen[own.casefold()] = theirs
    return chosen


def split_field(theirs: str, plain_names: Collection[str]) -> tuple[str, str]:
    """Return the column and the field in its JSON that a chosen name means; without a field the name is a column."""
    column, _, key = theirs.partition(".")
    return (theirs, "") if not key or normalize_name(theirs) in plain_names else (column, key)


def require_columns(heading: list[str], chosen: Mapping[str, str]) -> None:
    """Raise SubscriberError for a chosen column that the file does not have, or that is none of ours."""
    plain_names = {normalize_name(name) for name in heading}
    for own, theirs in chosen.items():
        if own not in COLUMNS:
            raise SubscriberError(messages.unknown_target(own, ", ".join(COLUMNS)))
        if normalize_name(split_field(theirs, plain_names)[0]) not in plain_names:
            raise SubscriberError(messages.unknown_column(theirs, ", ".join(heading)[:200]))


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
