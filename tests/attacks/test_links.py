"""Attacks with and on the links in e-mails."""

import re
from itertools import product

from digest.subscribers import unsubscribe
from digest.tokens import TokenPurpose
from digest.web.auth import OperatorAuth
from tests.attacks.conftest import EVE, Target
from tests.support.browser import TEST_TIME, ParsedPage
from tests.support.contexts import ADA, BOB, make_settings, sign_token

# Pages of each purpose.
PAGES = {
    TokenPurpose.CONFIRM: ("/confirm/{}",),
    TokenPurpose.PREFERENCES: tuple(
        f"/preferences/{{}}{page}" for page in ("", "/history", "/export.json", "/erase", "/papers")
    ),
    TokenPurpose.UNSUBSCRIBE: ("/unsubscribe/{}",),
    TokenPurpose.VIEW: ("/emails/{}",),
    TokenPurpose.FEED: ("/mine/{}/atom", "/mine/{}/json", "/mine/{}/papers.bib"),
    TokenPurpose.MUTE: ("/mute/{}/1",),
    TokenPurpose.MUTE_AUTHOR: ("/never/{}/1",),
    TokenPurpose.WEEKLY: ("/fewer/{}",),
    TokenPurpose.PAUSE: ("/pause/{}",),
    TokenPurpose.RESUBSCRIBE: ("/return/{}",),
    TokenPurpose.MARK: ("/mark/{}",),
    TokenPurpose.MARKS: ("/marks/{}",),
    TokenPurpose.SAVED: ("/saved/{}", "/saved/{}/papers.bib", "/saved/{}/papers/1"),
}
MAX_FOLLOWED = 80
FORM = {
    "mark": "saved:1",
    "answer": "yes",
    "List-Unsubscribe": "One-Click",
    "keywords": "changed",
    "undo": "",
    "author": "Ada",
}


def test_a_token_opens_no_page_of_another_purpose_and_does_nothing_there(target: Target) -> None:
    before = target.dump(counters=False)
    tokens, tried = {purpose: target.token(purpose) for purpose in TokenPurpose}, 0
    for purpose, other in product(PAGES, TokenPurpose):
        if purpose is other:
            continue
        for page in PAGES[purpose]:
            path = page.format(tokens[other])
            assert target.browser.get(path).status_code == 404, path
            assert target.browser.post(path, FORM).status_code in {404, 405}, path
            tried += 1
    assert tried > 140
    assert target.dump(counters=False) == before


def test_a_signature_fits_no_other_subscriber_and_no_other_time(target: Target) -> None:
    ada, bob = (target.token(TokenPurpose.PREFERENCES, email).split(".") for email in (ADA, BOB))
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
    assert len(ada[0]) >= 22  # 128 bits of the subscriber


def test_a_scanner_that_follows_every_link_of_every_email_changes_nothing(target: Target) -> None:
    links = set()
    for message in target.messages():
        text = "\n".join([str(message.message), message.part("plain"), message.part("html")])
        links |= set(re.findall(r"http://digest\.test(/[^\s\"'<>)]*)", text))
    kinds = {path.split("/")[1] for path in links}
    assert kinds >= {"confirm", "unsubscribe", "preferences", "emails", "mute", "fewer", "pause", "mark", "marks"}
    before, visited = target.dump(), set[str]()
    queue = sorted(links)
    while queue and len(visited) < MAX_FOLLOWED:
        path = queue.pop(0)
        if path in visited:
            continue
        visited.add(path)
        assert target.browser.head(path).status_code < 500, path
        response = target.browser.get(path)
        assert response.status_code < 500, path
        if response.headers.get("content-type", "").startswith("text/html"):
            found = [link.removeprefix("http://digest.test") for link in ParsedPage(response.text).links]
            queue += [link for link in found if link.startswith("/")]
    assert visited > links  # all links of the e-mails, and of the pages behind them
    assert target.dump() == before


def test_a_replayed_confirmation_changes_nothing(target: Target) -> None:
    link = target.token(TokenPurpose.CONFIRM, EVE)
    assert target.browser.post(f"/confirm/{link}").status_code == 200
    before = target.dump(counters=False)
    for _ in range(3):
        assert "already" in target.browser.post(f"/confirm/{link}").text
    assert target.dump(counters=False) == before
    unsubscribe(target.ctx, target.token(TokenPurpose.UNSUBSCRIBE, EVE), TEST_TIME)
    after = target.dump(counters=False)
    assert target.browser.post(f"/confirm/{link}").status_code == 410
    assert target.dump(counters=False) == after


def test_pages_behind_a_token_are_neither_cached_nor_named_to_other_hosts(target: Target) -> None:
    for purpose, page in [(purpose, page) for purpose, pages in PAGES.items() for page in pages]:
        for response in (
            target.browser.get(page.format(target.token(purpose))),
            target.browser.get(page.format("x")),
        ):
            assert response.headers["cache-control"] == "no-store", page
            assert response.headers["referrer-policy"] == "no-referrer"
            assert response.headers["x-robots-tag"].startswith("noindex")


def test_an_ended_session_is_not_valid_in_another_encoding(target: Target) -> None:
    auth = OperatorAuth(
        type(target.ctx)(
            make_settings(target.ctx.engine, operator_token="x" * 20), target.ctx.engine, target.ctx.token_signer
        )
    )
    session = auth.create_session(TEST_TIME)
    # The last character of base64 has unused bits, and padding is optional.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(session[-1])
    encodings = [session[:-1] + alphabet[last - last % 4 + n] for n in range(4)] + [session + "="]
    assert all(auth.is_valid_session(encoding, TEST_TIME) for encoding in encodings)
    auth.end_session(session)
    assert not any(auth.is_valid_session(encoding, TEST_TIME) for encoding in encodings)


def test_no_link_can_be_made_from_a_known_address(target: Target) -> None:
    # Tokens name a random number, not the address or a count.
    for guess in (ADA, BOB, "1", "2"):
        assert target.browser.get(f"/preferences/{guess}").status_code == 404
    assert sign_token(target.ctx, ADA, TokenPurpose.VIEW, TEST_TIME) != sign_token(
        target.ctx, BOB, TokenPurpose.VIEW, TEST_TIME
    )
