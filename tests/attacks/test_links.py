"""Attacks with and on the links in letters."""

import re
from itertools import product

from digest.subscribers import unsubscribe
from digest.tokens import TokenPurpose
from digest.web.auth import OperatorAuth
from tests.attacks.conftest import EVE, Target
from tests.support.browser import AT, Seen
from tests.support.contexts import ADA, BOB, settings, token

# Where each purpose has its pages, and what is sent there.
PAGES = {
    TokenPurpose.CONFIRM: ("/confirm/{}",),
    TokenPurpose.PREFERENCES: tuple(f"/preferences/{{}}{page}" for page in ("", "/history", "/export.json", "/erase")),
    TokenPurpose.UNSUBSCRIBE: ("/unsubscribe/{}",),
    TokenPurpose.VIEW: ("/letters/{}",),
    TokenPurpose.FEED: ("/mine/{}/atom", "/mine/{}/json", "/mine/{}/papers.bib"),
    TokenPurpose.MUTE: ("/mute/{}/1",),
    TokenPurpose.MUTE_AUTHOR: ("/never/{}/1",),
    TokenPurpose.WEEKLY: ("/fewer/{}",),
    TokenPurpose.PAUSE: ("/pause/{}",),
    TokenPurpose.RESUBSCRIBE: ("/return/{}",),
}
MOST_FOLLOWED = 50
PRESSED = {"answer": "yes", "List-Unsubscribe": "One-Click", "keywords": "changed", "undo": "", "author": "Ada"}


def test_a_token_opens_no_page_of_another_purpose_and_does_nothing_there(target: Target) -> None:
    before = target.dump(counts=False)
    tokens, tried = {each: target.token(each) for each in TokenPurpose}, 0
    for purpose, made_for in product(PAGES, TokenPurpose):
        if purpose is made_for:
            continue
        for page in PAGES[purpose]:
            path = page.format(tokens[made_for])
            assert target.browser.get(path).status_code == 404, path
            assert target.browser.post(path, PRESSED).status_code in {404, 405}, path
            tried += 1
    assert tried > 140
    assert target.dump(counts=False) == before


def test_a_signature_fits_no_other_person_and_no_other_time(target: Target) -> None:
    ada, bob = (target.token(TokenPurpose.PREFERENCES, each).split(".") for each in (ADA, BOB))
    assert [*map(len, ada)] == [*map(len, bob)]
    forged = [
        [bob[0], ada[1], ada[2]],
        [bob[0], bob[1], ada[2]],
        [ada[0], f"{int(ada[1], 16) + 1:x}", ada[2]],
        [ada[0], ada[1], ""],
        [ada[0], ada[1], ada[2][:-2]],
        [ada[0] + ".0", ada[1], ada[2]],
        ["", ada[1], ada[2]],
    ]
    for parts in forged:
        assert target.browser.get(f"/preferences/{'.'.join(parts)}").status_code == 404
    assert len(ada[2]) >= 43  # 256 bits in base64
    assert len(ada[0]) >= 22  # 128 bits of whom it speaks of


def test_a_scanner_that_follows_every_link_of_every_letter_changes_nothing(target: Target) -> None:
    waiting = set()
    for letter in target.letters():
        text = "\n".join([str(letter.message), letter.part("plain"), letter.part("html")])
        waiting |= set(re.findall(r"http://digest\.test(/[^\s\"'<>)]*)", text))
    kinds = {each.split("/")[1] for each in waiting}
    assert kinds >= {"confirm", "unsubscribe", "preferences", "letters", "mute", "fewer", "pause"}
    before, seen = target.dump(), set[str]()
    queue = sorted(waiting)
    while queue and len(seen) < MOST_FOLLOWED:
        path = queue.pop(0)
        if path in seen:
            continue
        seen.add(path)
        assert target.browser.head(path).status_code < 500, path
        answer = target.browser.get(path)
        assert answer.status_code < 500, path
        if answer.headers.get("content-type", "").startswith("text/html"):
            links = [each.removeprefix("http://digest.test") for each in Seen(answer.text).links]
            queue += [each for each in links if each.startswith("/")]
    assert seen > waiting  # all of the letters, and what lies behind them
    assert target.dump() == before


def test_a_replayed_confirmation_begins_nothing_anew(target: Target) -> None:
    link = target.token(TokenPurpose.CONFIRM, EVE)
    assert target.browser.post(f"/confirm/{link}").status_code == 200
    before = target.dump(counts=False)
    for _ in range(3):
        assert "already" in target.browser.post(f"/confirm/{link}").text
    assert target.dump(counts=False) == before
    unsubscribe(target.at, target.token(TokenPurpose.UNSUBSCRIBE, EVE), AT)
    after = target.dump(counts=False)
    assert target.browser.post(f"/confirm/{link}").status_code == 410
    assert target.dump(counts=False) == after


def test_pages_behind_a_token_are_kept_by_no_cache_and_told_to_no_other_host(target: Target) -> None:
    for purpose, page in [(purpose, page) for purpose, pages in PAGES.items() for page in pages]:
        for answer in (
            target.browser.get(page.format(target.token(purpose))),
            target.browser.get(page.format("x")),
        ):
            assert answer.headers["cache-control"] == "no-store", page
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-robots-tag"].startswith("noindex")


def test_a_session_that_was_left_is_not_entered_again_by_writing_it_in_another_way(target: Target) -> None:
    keeper = OperatorAuth(
        type(target.at)(settings(target.at.engine, operator_token="x" * 20), target.at.engine, target.at.token_signer)
    )
    session = keeper.create_session(AT)
    # The last character of base64 has bits that nobody reads, and padding may be there or not.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(session[-1])
    others = [session[:-1] + alphabet[last - last % 4 + n] for n in range(4)] + [session + "="]
    assert all(keeper.is_valid_session(each, AT) for each in others)
    keeper.end_session(session)
    assert not any(keeper.is_valid_session(each, AT) for each in others)


def test_of_a_stranger_no_link_can_be_made_from_a_known_address(target: Target) -> None:
    # Tokens name a random number, not the address or a count.
    for each in (ADA, BOB, "1", "2"):
        assert target.browser.get(f"/preferences/{each}").status_code == 404
    assert token(target.at, ADA, TokenPurpose.VIEW, AT) != token(target.at, BOB, TokenPurpose.VIEW, AT)
