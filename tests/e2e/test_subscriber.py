"""One subscriber and the service as it is started: subscribe, confirm, receive, change, unsubscribe."""

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from digest.mail import StoredMessage, list_messages
from tests.support.command import Command
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.ports import free_port

T = TypeVar("T")
ADA = "ada@example.org"


@pytest.fixture
def listing_host() -> Iterator[ListingHost]:
    today = datetime.now(UTC).date()
    weekday = today - timedelta(days=max(0, today.weekday() - 4))
    papers = [
        paper_entry(f"2611.1{n:04}", f"A {topic} that works") for n, topic in enumerate(("robot", "protein", "speech"))
    ]
    with serve_listings(ListingHost(today, {weekday: papers})) as host:
        yield host


@pytest.fixture
def service(tmp_path: Path, listing_host: ListingHost) -> Iterator[tuple[httpx.Client, Command]]:
    """Start the service on a free port, in a folder of its own, with a host that lists three papers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = Command(
        tmp_path,
        {"DIGEST_SOURCES": "huggingface", "DIGEST_HUGGINGFACE_URL": listing_host.url},
    )
    process = command.start("serve", "--port", str(port))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        wait_for(lambda: client.get("/healthz").is_success, httpx.TransportError)
        yield client, command
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert ADA not in log
    assert '"error"' not in log, log


def wait_for(poll: Callable[[], T], *expected: type[Exception]) -> T:
    """Return the first true result, within a minute."""
    for _ in range(600):
        try:
            if result := poll():
                return result
        except expected:
            pass
        time.sleep(0.1)
    raise AssertionError("nothing came within a minute")


def test_a_subscriber_confirms_receives_changes_and_unsubscribes(service: tuple[httpx.Client, Command]) -> None:
    client, command = service

    def emails(kind: str) -> list[StoredMessage]:
        return [
            email
            for email in list_messages(command.folder / "var" / "inbox")
            if kind in str(email.message["Feedback-ID"])
        ]

    form = {"email": ADA, "keywords": "robots\nprotein", "frequency": "daily", "hour": "8", "zone": "UTC", "cap": "20"}
    response = client.post("/subscribe", data=form)
    assert (response.status_code, response.headers.get("location")) == (303, "/sent"), response.text
    (confirmation,) = wait_for(lambda: emails("confirm"))
    confirm = link(confirmation, "confirm")
    # A scanner follows the link: nothing happens.
    assert client.get(confirm).is_success
    assert command.json("subscribers", "show", ADA)["status"] == "pending"
    assert client.post(confirm).is_success
    assert command.json("subscribers", "show", ADA)["status"] == "active"
    (digest,) = wait_for(lambda: emails("digest"))
    assert digest.recipient == ADA
    assert digest.subject == "Welcome to Paper Digest: your first 2 papers"
    assert {"2611.10000", "2611.10001"} <= set(re.findall(r"arxiv.org/abs/(\S+)", digest.part("plain")))
    assert "2611.10002" not in digest.part("html")
    # The copy on the web has the same papers.
    assert "2611.10000" in client.get(link(digest, "emails")).text
    preferences = link(digest, "preferences")
    response = client.post(preferences, data={**form, "keywords": "speech", "hour": "23"})
    assert response.status_code == 303, response.text
    shown = command.json("subscribers", "show", ADA)
    assert (shown["keywords"], shown["send_hour"]) == (["speech"], 23)
    # One click in the mail program (RFC 8058).
    header = str(digest.message["List-Unsubscribe"]).strip("<>")
    assert digest.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert client.post(header, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert command.json("subscribers", "show", ADA)["status"] == "unsubscribed"
    assert client.post(preferences, data=form).status_code == 410
    assert [len(emails(kind)) for kind in ("confirm", "welcome", "digest")] == [1, 0, 1]


def link(email: StoredMessage, page: str) -> str:
    match = re.search(rf"http://\S+/{page}/\S+", email.part("plain"))
    assert match, email.part("plain")
    return match[0]


def test_the_demo_plays_a_day_and_has_nothing_new_the_second_time(tmp_path: Path) -> None:
    # A port on which nothing listens: as without a network.
    closed_port = dict.fromkeys(("HUGGINGFACE_URL", "ARXIV_FEED_URL", "ARXIV_API_URL"), "http://127.0.0.1:9")
    command = Command(tmp_path, {f"DIGEST_{name}": url for name, url in closed_port.items()})
    (tmp_path / "var" / "demo").mkdir(parents=True)
    (tmp_path / "var" / "demo" / "digest.db").write_text("of a demo before")
    first = command.json("demo", "--reset")
    assert first["offline"]
    assert sum(source["new"] for source in first["sources"].values()) >= 120
    # Lists by day, a database and a feed; one paper of the feed is in the database, too.
    new = {name: source["new"] for name, source in first["sources"].items()}
    assert (set(new), new["pubmed"] + new["feeds"]) == ({"huggingface", "arxiv", "pubmed", "feeds"}, 30)
    assert {email["kind"]: email["state"] for email in first["demo_emails"]} == dict.fromkeys(
        ("confirm", "digest"), "sent"
    )
    assert min(first["keywords"].values()) > 0
    (taught,) = [email for email in first["demo_emails"] if email["close_papers"]]
    text = (tmp_path / taught["file"]).with_suffix(".txt").read_text()
    assert taught["to"] == "grace@example.org"
    assert "Close to your keywords" in text
    assert "Kitchen Radio: Speech Recognition over Boiling Water" in text[text.index("Close to your keywords") :]
    for email in first["demo_emails"]:
        eml = tmp_path / email["file"]
        assert all(eml.with_suffix(kind).stat().st_size > 100 for kind in (".eml", ".html", ".txt"))
    command.environment["MAKELEVEL"] = "1"
    repeated = command.run("demo").stdout
    assert "The demo has run before: var/demo has 144 papers and 3 e-mails of it." in repeated
    assert "To see the e-mails and the pages in a browser: make demo OPEN=1\nTo start over: " in repeated


def test_the_demo_is_shown_in_a_browser(tmp_path: Path) -> None:
    closed_port = dict.fromkeys(("HUGGINGFACE_URL", "ARXIV_FEED_URL", "ARXIV_API_URL"), "http://127.0.0.1:9")
    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}.part && mv {shown}.part {shown}\n')
    browser.chmod(0o700)
    command = Command(tmp_path, {f"DIGEST_{name}": url for name, url in closed_port.items()})
    command.environment["BROWSER"] = f"{browser} %s"
    port = str(free_port())
    process = command.start("demo", "--open", "--port", port)
    try:
        wait_for(shown.exists)
        address = shown.read_text().strip()
        assert address == f"http://127.0.0.1:{port}/inbox"
        wait_for(lambda: "your first 56 papers" in httpx.get(address, timeout=20).text, httpx.TransportError)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@contextmanager
def serve_in(command: Command) -> Iterator[httpx.Client]:
    """Serve in a folder, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    process = command.start("serve", "--port", str(port))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            wait_for(lambda: client.get("/healthz").is_success, httpx.TransportError)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_without_settings_the_store_of_the_demo_is_served_and_every_page_says_so(tmp_path: Path) -> None:
    closed_port = dict.fromkeys(("HUGGINGFACE_URL", "ARXIV_FEED_URL", "ARXIV_API_URL"), "http://127.0.0.1:9")
    demo = Command(tmp_path, {f"DIGEST_{name}": url for name, url in closed_port.items()}).json("demo")
    unset = Command(tmp_path)
    (digest,) = [email for email in demo["demo_emails"] if (email["kind"], email["to"]) == ("digest", ADA)]
    copy = re.search(r"/emails/\S+", (tmp_path / digest["file"]).with_suffix(".txt").read_text())
    assert copy
    with serve_in(unset) as client:
        pages = ["/", "/papers", "/papers/1", "/privacy", "/embed", "/inbox", "/sent", "/nothing", copy[0]]
        for page in pages:
            assert "This is a demonstration" in client.get(page).text, page
        assert "<article" in client.get("/papers").text
        # A subscriber of the demonstration gets a confirmation in the local mailbox, and nothing leaves the machine.
        assert client.post("/subscribe", data={"email": "bob@example.org", "keywords": "robot"}).status_code == 303
        wait_for(lambda: "bob@example.org" in client.get("/inbox").text)
    (tmp_path / ".env").write_text("DIGEST_SOURCES=huggingface\nDIGEST_HUGGINGFACE_URL=http://127.0.0.1:9\n")
    with serve_in(unset) as client:
        assert "This is a demonstration" not in client.get("/").text
        assert client.get("/inbox").text.count("ada@example.org") == 0


def test_the_store_of_the_demo_refuses_a_relay(tmp_path: Path) -> None:
    relay = {
        "DIGEST_DATABASE_URL": "sqlite:///var/demo/digest.db",
        "DIGEST_SMTP_HOST": "127.0.0.1",
        "DIGEST_SECRET_KEY": "x" * 40,
    }
    command = Command(tmp_path, relay)
    refusals = [command.run_process("serve", status=2)]  # in this process it would never end, were it not refused
    refusals += [command.run(*arguments, status=2) for arguments in (("run",), ("subscribers", "list"))]
    for refused in refusals:
        assert "names the database of the demo" in refused.stderr
    assert not (tmp_path / "var").exists()
