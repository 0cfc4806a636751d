"""Attacks with and on the links that mark papers."""

import pytest
from sqlmodel import select

from digest.database import read_session
from digest.database.models import PaperMark
from digest.tokens import MARK_KINDS, TokenPurpose
from tests.attacks.conftest import EVE, Target
from tests.support.browser import TEST_TIME
from tests.support.contexts import ADA, BOB, sign_digest_token, sign_mark


def marks(target: Target) -> set[tuple[int, int, str]]:
    with read_session(target.ctx.engine) as session:
        return {(row.subscriber_id, row.paper_id, row.kind) for row in session.exec(select(PaperMark)).all()}


def test_the_link_of_one_mark_sets_no_other(target: Target) -> None:
    nonce, issued, paper, kind, tag = sign_mark(target.ctx, ADA, 1, "more", TEST_TIME).split(".")
    bob = sign_mark(target.ctx, BOB, 1, "more", TEST_TIME).split(".")
    before = target.dump(counters=False)
    forged = [
        (bob[0], issued, paper, kind, tag),  # of another subscriber
        (nonce, issued, "2", kind, tag),  # on another paper
        *((nonce, issued, paper, other, tag) for other in ("less", "saved", "seed")),
        (nonce, f"{int(issued, 16) + 1:x}", paper, kind, tag),  # for longer
        (nonce, issued, paper, kind, bob[4]),
    ]
    for parts in forged:
        path = f"/mark/{'.'.join(parts)}"
        assert target.browser.get(path).status_code == target.browser.post(path, {"answer": "yes"}).status_code == 404
    # The form names neither paper nor kind: what is posted beside the link does not count.
    fields = {"answer": "yes", "mark": "saved:2", "paper": "2", "kind": "saved"}
    assert target.dump(counters=False) == before
    target.browser.post(f"/mark/{nonce}.{issued}.{paper}.{kind}.{tag}", fields)
    assert {(paper_id, kind) for _, paper_id, kind in marks(target)} == {(1, "more")}


def test_a_replayed_mark_or_undo_changes_nothing_more(target: Target) -> None:
    path = f"/mark/{target.token(TokenPurpose.MARK)}"
    undo = target.browser.post(path, {"answer": "yes"}).text.partition('name="undo" value="')[2].partition('"')[0]
    stored = target.dump(counters=False)
    for _ in range(3):
        target.browser.post(path, {"answer": "yes"})
    assert target.dump(counters=False) == stored
    for _ in range(3):
        target.browser.post(path, {"undo": undo})
    assert marks(target) == set()
    # A note of one paper, kind and subscriber undoes nothing of another.
    others = [
        sign_mark(target.ctx, *key, TEST_TIME) for key in ((BOB, 1, "saved"), (ADA, 2, "saved"), (ADA, 1, "less"))
    ]
    for token in others:
        target.browser.post(f"/mark/{token}", {"answer": "yes"})
    stored = target.dump(counters=False)
    for token in others:
        assert target.browser.post(f"/mark/{token}", {"undo": undo}).status_code in {404, 410}
    assert target.dump(counters=False) == stored


def test_the_link_of_a_digest_marks_no_paper_of_another(target: Target) -> None:
    of_ada, of_bob = target.record.deliveries(ADA)[-1], target.record.deliveries(BOB)[-1]
    foreign = next(number for number in of_bob.papers if number not in of_ada.papers)
    path = f"/marks/{sign_digest_token(target.ctx, of_ada, TokenPurpose.MARKS)}"
    before = target.dump(counters=False)
    for value in (f"saved:{foreign}", "saved:999999999", "seed:1", "saved:1' OR 1=1", "saved:" + "1" * 5000):
        assert target.browser.post(path, {"mark": value}).status_code in {200, 404, 410, 422}, value
    assert target.dump(counters=False) == before
    assert "Protein" not in target.browser.get(path).text


@pytest.mark.parametrize("purpose", [TokenPurpose.MARK, TokenPurpose.MARKS, TokenPurpose.SAVED])
def test_no_marks_are_found_or_set_by_trying_numbers(target: Target, purpose: TokenPurpose) -> None:
    before = target.dump(counters=False)
    for guess in (
        "1",
        ADA,
        "1.1.saved",
        "0",
        "x" * 1500,
        *(f"{n}.6a6b9120.1.{kind}.{'A' * 12}" for n in range(3) for kind in MARK_KINDS),
    ):
        path = f"/{purpose}/{guess}"
        assert target.browser.get(path).status_code == target.browser.post(path, {"mark": "saved:1"}).status_code == 404
    answers = {target.browser.get(f"/{purpose}/{guess}").text.replace(guess, "") for guess in ("a.b", "c.d")}
    assert len(answers) == 1
    assert target.dump(counters=False) == before


def test_who_has_not_confirmed_marks_nothing(target: Target) -> None:
    before = target.dump(counters=False)
    for path in (f"/mark/{target.token(TokenPurpose.MARK, EVE)}", f"/saved/{target.token(TokenPurpose.SAVED, EVE)}"):
        assert target.browser.post(path, {"answer": "yes", "mark": "saved:1"}).status_code == 410
    assert target.dump(counters=False) == before


def test_no_oversize_form_or_number_reaches_the_marks(target: Target) -> None:
    saved = f"/saved/{target.token(TokenPurpose.SAVED)}"
    before = target.dump(counters=False)
    for form in (
        {"mark": "saved:" + "9" * 18},
        {"mark": "saved:1" * 100},
        {"undo": "x" * 5000},
        {"unmark": "x" * 60_000},
    ):
        assert target.browser.post(saved, form).status_code in {200, 404, 410, 422}
    for page in ("?page=" + "9" * 30, "?list=" + "x" * 1000, "/papers/" + "9" * 19, "/papers/1e3", "/papers.exe"):
        assert target.browser.get(saved + page).status_code in {404, 414, 422}, page
    assert target.dump(counters=False) == before
