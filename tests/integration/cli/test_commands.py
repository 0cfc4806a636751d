"""The commands as their users meet them: exit statuses, what is printed where."""

import gzip
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import get_args

import pytest

from digest import __version__
from digest.cli.mail.delivery_commands import StateName
from digest.database.models import DeliveryState
from tests.support.command import Command
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.relay import relay

WEDNESDAY = date(2026, 7, 29)
NOW = ("--now", "2026-07-29T12:00:00Z")
COMMANDS = (
    "demo",
    "serve",
    "setup",
    "run",
    "collect",
    "migrate",
    "preview",
    "match",
    "sources",
    "doctor",
    "bounces pipe",
    "bounces fetch",
    "bounces list",
    "subscribers list",
    "subscribers add",
    "subscribers show",
    "subscribers remove",
    "subscribers import",
    "subscribers export",
    "deliveries list",
    "deliveries show",
    "deliveries resolve",
)

WITH_EXAMPLES = (
    "demo",
    "serve",
    "setup",
    "run",
    "collect",
    "preview",
    "match",
    "sources",
    "doctor",
    "bounces pipe",
    "subscribers add",
)


@pytest.fixture(scope="module")
def lists() -> Iterator[ListingHost]:
    shown = ListingHost(WEDNESDAY)
    shown.days[WEDNESDAY] = [
        paper_entry("2607.00001", "A robot that [learns] to walk", upvotes=9),
        paper_entry("2607.00002", "Folding proteins with graphs", upvotes=5),
    ]
    shown.batches[WEDNESDAY] = [paper_entry("2607.00003", "Fine-tuning robots at night")]
    with serve_listings(shown):
        yield shown


@pytest.fixture(scope="module")
def filled(lists: ListingHost, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A store with a day's papers in it."""
    command = Command(tmp_path_factory.mktemp("filled"), hosts(lists.url))
    assert command.json("collect", *NOW)["huggingface"]["new"] == 2
    return command


@pytest.fixture
def bare(tmp_path: Path) -> Command:
    return Command(tmp_path)


def hosts(url: str) -> dict[str, str]:
    named = dict.fromkeys(("DIGEST_HUGGINGFACE_URL", "DIGEST_ARXIV_FEED_URL", "DIGEST_ARXIV_API_URL"), url)
    return {**named, "DIGEST_ARXIV_CATEGORIES": "cs.CV", "DIGEST_CONTACT": "tests@example.org"}


def plain(text: str) -> bool:
    """Neither escape codes nor boxes."""
    return "\x1b" not in text and not any("\u2500" <= character <= "\u259f" for character in text)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_teaches_and_stays_plain_in_a_pipe(bare: Command, name: str) -> None:
    shown = bare.run(*name.split(), "--help")
    assert shown.stdout.startswith(f"Usage: {f'digest {name}'.strip()} ")
    assert plain(shown.stdout + shown.stderr)
    assert name not in WITH_EXAMPLES or f"$ digest {name}" in shown.stdout
    assert list(bare.folder.iterdir()) == []  # asking for help makes no store


@pytest.mark.parametrize(("old", "new"), [("bounce", "bounces pipe"), ("round", "runs"), ("round show", "runs show")])
def test_command_words_of_the_release_before_go_on_to_work_and_are_hidden(bare: Command, old: str, new: str) -> None:
    usage, *text = bare.run(*old.split(), "--help").stdout.splitlines()
    expected_usage, *expected = bare.run(*new.split(), "--help").stdout.splitlines()
    assert usage == expected_usage.replace(f"digest {new} ", f"digest {old} ")
    assert text == expected
    assert f" {old.split(maxsplit=1)[0]} " not in bare.run("--help").stdout


def test_the_version_is_printed(bare: Command) -> None:
    assert bare.run_process("--version").stdout == f"digest {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "settings", "status"),
    [
        (("--help",), {}, 0),
        (("deliveries", "list"), {"DIGEST_DATABASE_URL": "postgresql+psycopg://digest@127.0.0.1:1/digest"}, 1),
        (("subscribers", "list"), {"DIGEST_SEND_HOUR": "25"}, 2),
    ],
)
def test_a_process_of_its_own_prints_and_returns_the_same(
    bare: Command, arguments: tuple[str, ...], settings: dict[str, str], status: int
) -> None:
    bare.environment |= settings
    process, here = bare.run_process(*arguments, status=status), bare.run(*arguments, status=status)
    assert (process.stdout, process.stderr) == (here.stdout, here.stderr)
    assert process.stdout + process.stderr


def test_the_states_of_the_help_are_those_of_the_record() -> None:
    assert set(get_args(StateName)) == set(DeliveryState)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("walk",), "No such command"),
        (("run", "--now", "yesterday"), "2026-07-31T08:00:00Z"),
        (("collect", "--day", "29.7.2026"), "2026-07-31"),
        (("collect", "--day", "2026-07-29", "--days", "2"), "either --day or --days"),
        (("collect", "--day", "2026-07-30", *NOW), "is in the future"),
        (("collect", "--days", "0"), "--days"),
        (("preview", "-k", '"open'), "A quotation mark is not closed"),
        (("preview", "--cap", "0"), "--cap"),
        (("match",), "Missing argument"),
        (("match", ""), "The keyword is empty"),
        (("match", '"open'), "Character 1:"),
        (("match", "x", "--papers", "missing.jsonl"), "missing.jsonl"),
        (("serve", "--port", "0"), "--port"),
        (("deliveries", "list", "--state", "lost"), "uncertain"),
        (("deliveries", "show", "one"), "ID"),
        (("deliveries", "show", "1"), "no delivery 1"),
        (("deliveries", "resolve", "1", "maybe"), "'sent', 'lost'"),
        (("deliveries", "resolve", "1", "lost"), "There is no delivery 1"),
        (("subscribers", "add", "nobody"), "e-mail address"),
        (("subscribers", "add", "ada@example.org", "--hour", "24"), "0 to 23"),
        (("subscribers", "add", "ada@example.org", "--zone", "Berlin"), "Europe/Berlin"),
        (("subscribers", "add", "ada@example.org", "--cap", "0"), "1 to 100"),
        (("subscribers", "add", "ada@example.org", "-k", "!!"), "!!"),
        (("subscribers", "add", "ada@example.org", "--frequency", "hourly"), "weekdays"),
        (("subscribers", "show", "ada@example.org"), "There is no subscriber"),
        (("subscribers", "remove", "ada@example.org"), "There is no subscriber"),
        (("subscribers", "import", "missing.csv"), "missing.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_understood_exits_with_2_and_a_reason(
    bare: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = bare.run(*arguments, status=2)
    assert message in done.stderr
    assert done.stdout == ""
    assert plain(done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("DIGEST_DATABASE_URL", "mysql://x/y", "sqlite:///var/digest.db"),
        ("DIGEST_SEND_HOUR", "25", "DIGEST_SEND_HOUR=8"),
        ("DIGEST_DEFAULT_TIMEZONE", "Berlin", "Europe/Berlin"),
        ("DIGEST_SMTP_TLS", "maybe", "starttls"),
        ("DIGEST_SOURCES", "scholar", "huggingface,arxiv"),
        ("DIGEST_SMTP_HOST", "smtp.example.org", "DIGEST_SECRET_KEY"),
    ],
)
def test_a_bad_setting_stops_every_start_by_its_name(bare: Command, name: str, value: str, example: str) -> None:
    bare.environment[name] = value
    done = bare.run("subscribers", "list", status=2)
    assert name in done.stderr
    assert example in done.stderr
    assert done.stdout == ""
    done = bare.run("doctor", status=1)  # whose work it is to say so
    assert f"FIX  settings: {name}" in done.stdout or name in done.stdout
    assert list(bare.folder.iterdir()) == []


def test_reading_the_sources_is_shown_as_lines_and_as_json(filled: Command) -> None:
    shown = filled.run("collect", *NOW)
    assert [line.split("\t")[:4] for line in shown.stdout.splitlines()] == [
        ["source", "listed", "new", "failed"],
        ["huggingface", "2", "0", "0"],
        ["arxiv", "1", "0", "0"],
    ]
    assert plain(shown.stdout + shown.stderr)
    assert filled.json("collect", "--day", "2026-07-29", *NOW)["arxiv"]["failed"] == 0
    readings = filled.json("sources", status=None)["fetches"]
    assert {row["source"] for row in readings} == {"arxiv", "huggingface"}
    assert {row["status"] for row in readings if row["list_day"] == "2026-07-29"} == {"ok"}
    shown = filled.run("sources", "--fetches", status=None)
    lines = shown.stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["source", "last_whole_day", "entries"]
    assert [line.split("\t")[:3] for line in lines[1:3]] == [
        ["huggingface", "2026-07-29", "2"],
        ["arxiv", "2026-07-29", "1"],
    ]
    assert lines[3].startswith("source\tlist_day\tstatus")
    assert len(lines) == len(readings) + 4
    assert "Also installed: biorxiv, " in shown.stderr
    rows = filled.json("sources", status=None)["sources"]
    assert all(row["next_fetch"].endswith(":40:00+00:00") and row["entries_per_second"] > 0 for row in rows)


def test_a_source_that_is_down_exits_with_1_and_stands_in_the_record(bare: Command) -> None:
    bare.environment |= hosts("http://127.0.0.1:9") | {"DIGEST_SOURCES": "arxiv"}
    done = bare.run("collect", *NOW, "--json", status=1)
    assert json.loads(done.stdout)["arxiv"]["failed"] == 1
    assert "arxiv: 2026-07-29: 127.0.0.1:9" in done.stderr
    assert "\tfailed\t" in bare.run("sources", "--fetches", status=None).stdout


def test_migrating_says_what_it_did(bare: Command) -> None:
    first = bare.json("migrate")
    assert first["from"] is None
    assert bare.json("migrate") == {"from": first["to"], "to": first["to"]}
    assert bare.run("migrate").stdout == f"Schema {first['to']} is up to date.\n"


@pytest.mark.parametrize("query", ["fine tuning", "finetuning", "FINE-TUNING", '"fine-tuning"'])
def test_matching_papers_of_the_store(filled: Command, query: str) -> None:
    result = [{"id": "2607.00003", "title": "Fine-tuning robots at night", "in_title": True}]
    assert filled.json("match", query) == result
    assert filled.run("match", query).stdout == "id\ttitle\n2607.00003\tFine-tuning robots at night\n"


def test_matching_papers_come_newest_first_and_up_to_a_limit(filled: Command) -> None:
    query = "walk OR protein"
    assert [row["id"] for row in filled.json("match", query)] == ["2607.00002", "2607.00001"]
    assert filled.json("match", query, "--limit", "1") == filled.json("match", query)[:1]
    limited = filled.run("match", query, "--limit", "1")
    assert limited.stdout == "id\ttitle\n2607.00002\tFolding proteins with graphs\n"
    assert "1 more. To print them, add --limit N" in limited.stderr


def test_nothing_that_matches_is_no_failure(filled: Command) -> None:
    assert filled.json("match", "volcano") == []
    assert filled.run("match", "volcano").stdout == "id\ttitle\n"


LINES = [
    {"id": "a", "title": "Caf\u00e9 robots", "abstract": None, "authors": ["Ada"], "categories": ["cs.CV"]},
    {"id": 7, "title": "Nothing here", "abstract": "Of $1.5\\times$ caf\u00e9s."},
    {"id": "b", "title": "Plain"},
]


@pytest.mark.parametrize("name", ["papers.jsonl", "papers.jsonl.gz"])
def test_matching_papers_of_a_file(bare: Command, name: str) -> None:
    text = "\ufeff" + "\n\n".join(json.dumps(row) for row in LINES)
    data = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (bare.folder / name).write_bytes(data)
    assert bare.json("match", "cafe", "--papers", name) == [
        {"id": "a", "title": "Caf\u00e9 robots", "in_title": True},
        {"id": "7", "title": "Nothing here", "in_title": False},
    ]
    assert "We don't have the paper" in bare.run("match", "like:2607.20417", "--papers", name, status=2).stderr
    assert [file.name for file in bare.folder.iterdir()] == [name]  # no store is made for it


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "x", "title": ', "line 3 is not JSON"),
        ('["x"]', "line 3 is not a paper"),
        ('{"id": "x"}', "line 3 is not a paper"),
        ('{"title": "x"}', "line 3 is not a paper"),
        ('{"id": "x", "title": null}', "line 3 is not a paper"),
        ('{"id": "x", "title": "x", "abstract": 1}', "line 3: abstract must be a string"),
    ],
)
def test_a_bad_line_is_reported_by_its_number(bare: Command, line: str, message: str) -> None:
    (bare.folder / "papers.jsonl").write_text('{"id": 1, "title": "x"}\n\n' + line, encoding="utf-8")
    done = bare.run("match", "x", "--papers", "papers.jsonl", "--json", status=2)
    assert f"papers.jsonl {message}" in done.stderr or message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("papers.jsonl", b"\xff\xfe\x00"),
        ("papers.jsonl.gz", gzip.compress(b'{"id": 1, "title": "x"}\n' * 99, mtime=0)[:-20]),
        ("papers.jsonl.gz", b"no gzip"),
    ],
    ids=["binary", "cut", "plain"],
)
def test_a_file_that_cannot_be_read_is_reported(bare: Command, name: str, data: bytes) -> None:
    (bare.folder / name).write_bytes(data)
    assert f"Cannot read {name}" in bare.run("match", "x", "--papers", name, status=2).stderr


def test_a_preview_shows_the_email_and_creates_no_subscriber(filled: Command) -> None:
    shown = filled.run("preview", "-k", "robot", "-k", "volcano", "--out", "digest.html", *NOW)
    assert "that [learns] to walk" in shown.stdout
    assert "Folding proteins" not in shown.stdout
    assert shown.stderr == "Wrote digest.html\n"
    page = (filled.folder / "digest.html").read_text(encoding="utf-8")
    assert page.startswith("<!")
    assert "[learns]" in page
    output = filled.json("preview", "-k", "robot", "-k", "volcano", "--day", "2026-07-29", *NOW)
    assert output["matched"] == {"robot": 2, "volcano": 0}
    assert {row["title"] for row in output["papers"]} == {
        "A robot that [learns] to walk",
        "Fine-tuning robots at night",
    }
    assert (output["considered"], output["omitted"], output["day"]) == (3, 0, "2026-07-29")
    assert filled.json("preview", "--cap", "1", *NOW)["papers"][0]["title"].startswith("A robot")
    close = filled.run("preview", "-k", "robot", "--close", "--json", *NOW)
    assert json.loads(close.stdout)["close"] == []
    assert close.stderr.startswith("No words could be learned")
    assert filled.json("subscribers", "list") == []
    assert filled.json("deliveries", "list") == []


def test_a_preview_reads_a_day_that_is_not_there_yet(bare: Command, lists: ListingHost) -> None:
    bare.environment |= hosts(lists.url)
    assert len(bare.json("preview", "-k", "protein", "--day", "2026-07-29", *NOW)["papers"]) == 1
    done = bare.run("preview", "-k", "x", "--day", "2026-07-26", *NOW, status=1)
    assert "No papers are listed for 2026-07-26" in done.stderr


def test_a_preview_that_cannot_be_written_is_reported(filled: Command) -> None:
    done = filled.run("preview", "-k", "robot", "--out", "no/folder/digest.html", *NOW, status=2)
    assert "Cannot write --out no/folder/digest.html" in done.stderr


def test_the_doctor_checks_everything_and_changes_nothing(bare: Command, lists: ListingHost) -> None:
    bare.environment |= hosts(lists.url)
    assert {row["check"]: row["ok"] for row in bare.json("doctor", status=None)}["database"] is True
    assert list(bare.folder.iterdir()) == []
    bare.run("migrate")
    done = bare.run("doctor", status=None)
    assert "ok   database: sqlite, schema" in done.stdout
    assert "ok   relay: none, so e-mails are kept in the local mailbox" in done.stdout
    assert "ok   arXiv feed: 127.0.0.1 answers 200" in done.stdout
    bare.environment |= hosts("http://127.0.0.1:9") | {"DIGEST_CONTACT": "", "DIGEST_SNED_HOUR": "9"}
    done = bare.run("doctor", status=1)
    for message in (
        "FIX  contact: set DIGEST_CONTACT",
        "Did you mean DIGEST_SEND_HOUR?",
        "FIX  arXiv feed: 127.0.0.1 can",
    ):
        assert message in done.stdout


def test_the_doctor_greets_the_relay_and_sends_nothing(bare: Command) -> None:
    with relay() as running:
        bare.environment |= {
            "DIGEST_SMTP_HOST": "127.0.0.1",
            "DIGEST_SMTP_PORT": str(running.port),
            "DIGEST_SMTP_TLS": "none",
            "DIGEST_SECRET_KEY": "a key for the tests that is long enough",
        } | hosts("http://127.0.0.1:9")
        output = {row["check"]: row for row in bare.json("doctor", status=1)}
        assert output["relay"]["ok"] is True
        assert (
            f"127.0.0.1:{running.port} accepts the sender; encryption: none; size limit: 32,768 KiB"
            in output["relay"]["message"]
        )
        assert running.accepted == []
    output = {row["check"]: row for row in bare.json("doctor", status=1)}
    assert output["relay"]["ok"] is False
    assert "DIGEST_SMTP_" in output["relay"]["message"]
