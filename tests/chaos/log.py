"""The server's own log: a JSON object a line, on the disk before the server answers."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """An email that the server answers for from now on. `parts`: numbers of the papers that it speaks of."""

    message_id: str
    recipient: str
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenConnection:
    """A connection that ended without QUIT: the emails of which its client cannot know, the latest last, and why."""

    connection: int
    recipients: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """A fault that the server made."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class KillRequest:
    """The server asks that the client be killed now, at this place of the talk. It calls itself by `client`."""

    place: str
    client: str


Entry = AcceptedMessage | BrokenConnection | FaultEntry | KillRequest
KINDS: dict[str, type[Entry]] = {
    entry_type.__name__: entry_type for entry_type in (AcceptedMessage, BrokenConnection, FaultEntry, KillRequest)
}


class LogWriter:
    """Appends; what was written before `sync` outlives the machine."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)

    def write(self, entry: Entry) -> None:
        line = json.dumps({"kind": type(entry).__name__, **asdict(entry)}, separators=(",", ":"))
        os.write(self._file, line.encode() + b"\n")

    def sync(self) -> None:
        os.fdatasync(self._file)


class LogFile:
    """Reads on from where it stopped; a line that is not complete yet is left for the next time."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def read(self) -> Iterator[Entry]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield parse_entry(line)


def parse_entry(line: bytes) -> Entry:
    fields = json.loads(line)
    kind = KINDS[fields.pop("kind")]
    if kind is BrokenConnection:
        fields["recipients"] = tuple(fields["recipients"])
    return kind(**fields)
