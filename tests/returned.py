"""Mails that come back to a house of the tests, about letters that it has sent."""

from pathlib import Path

from sqlmodel import col, select

from digest import db
from digest.house import House
from digest.mail.verp import Errand
from digest.models import Evidence

SAMPLES = Path(__file__).parent / "data" / "bounces"
BOUNCES = "bounces@digest.example.org"


def address(at: House, delivery: int, errand: Errand = Errand.BOUNCE) -> str:
    """Where a letter comes back to."""
    assert at.returns
    return at.returns.of(errand, delivery)


def mail(name: str, to: str, n: int = 0) -> bytes:
    """A sample that came back to an address; another `n` is another mail of the same kind."""
    text = (SAMPLES / f"{name}.eml").read_text().replace("RETURN-ADDRESS", to)
    return text.replace("Message-ID: <", f"Message-ID: <{n}.", 1).encode()


def leaving(to: str) -> bytes:
    """What a mail program sends for somebody who wants no more letters."""
    return f"From: Somebody <somebody@example.net>\nTo: {to}\nSubject: unsubscribe\n\n".encode()


def evidence(at: House) -> list[Evidence]:
    with db.reading(at.engine) as session:
        return list(session.exec(select(Evidence).order_by(col(Evidence.id))).all())
