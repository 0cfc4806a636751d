"""Attacks by files and texts with papers: bombs, markup, and what belongs to others."""

import json
from contextlib import suppress

import pytest

from digest.errors import TokenError
from digest.subscribers import ReferenceFileError, decode_upload, parse_references
from digest.subscribers.marks.references import MAX_REFERENCES
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.pages.seeds import add_or_remove_seeds
from tests.attacks.conftest import Target
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import ADA, BOB
from tests.support.work import count_steps, cpu_limit

MARKUP = '</span><script>alert(1)</script><img src=x onerror="alert(2)"> &lt;iframe src=//evil.example&gt; a title'
BOMBS = {
    "braces": "@a{k," + "{" * 900_000,
    "blocks": "@a{" * 300_000,
    "strings": '@string{a="' + "x " * 20_000 + '"}\n' + "@a{k,title=a,abstract=a}\n" * 30_000,
    "entries": "@article{k, title={A long title of it}}\n" * 20_000,
    "latex": "@article{k, title={" + "\\frac{" * 50_000 + "}" * 50_000 + "}}",
    "records": "TY  - \n" * 140_000,
    "lines of a record": "TY  - JOUR\nTI  - x\n" + "a\n" * 400_000,
    "lines": "a title of a paper\n" * 50_000,
    "words": "10.1000/a " * 100_000,
    "percent signs": "10.1000/" + "%25" * 300_000,
    "nested JSON": '[{"a":' * 150_000,
    "items": "[" + '{"title":"a title of a paper"},' * 30_000 + "{}]",
    "a number": '[{"title":' + "9" * 900_000 + "}]",
    "tags": "x " + "<b>" * 300_000,
    "archive": "PK\x03\x04" + "\x00" * 900_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_text_with_papers_takes_much_work(name: str) -> None:
    with cpu_limit(), suppress(ReferenceFileError):
        parsed = parse_references(decode_upload(BOMBS[name].encode()))
        assert len(parsed.references) + len(parsed.invalid) <= MAX_REFERENCES


def test_no_text_of_a_stranger_is_parsed(target: Target) -> None:
    web, foreign = target.browser.app.state.web, target.token(TokenPurpose.FEED)

    def post(text: str) -> None:
        with pytest.raises(TokenError):
            add_or_remove_seeds(web, foreign, references=text)

    post("")  # what is done once is done
    assert count_steps(lambda: post(BOMBS["entries"])) < 2 * count_steps(lambda: post("2607.20417"))


def test_no_title_of_a_given_paper_is_markup_on_a_page_or_in_the_api(target: Target) -> None:
    token = target.token(TokenPurpose.PREFERENCES)
    path, headers = f"/preferences/{token}/papers", {"Authorization": f"Bearer {token}"}
    texts = (
        MARKUP,
        f"@article{{k, title={{{MARKUP}}}, abstract={{{MARKUP}}}}}",
        f"TY  - JOUR\nTI  - {MARKUP}\nER  -",
        json.dumps([{"title": MARKUP, "author": MARKUP}, {"title": MARKUP, "abstract": MARKUP}]),
        f"@article{{{MARKUP}",
    )
    for text in texts:
        pages = [target.browser.post(path, {"references": text}).text, target.browser.get(path).text]
        for page in pages:
            assert not any(sign in page for sign in ("<script>", "<img", "<iframe"))
        answer = target.browser.post("/api/v1/seeds", json={"references": text}, headers=headers)
        assert answer.headers["content-type"].startswith("application/")
    for word in (MARKUP, "<script>", '"><img'):
        target.browser.post(f"/preferences/{token}", {"keywords": "robot", "new_words": word})
    assert "<img" not in target.browser.get(f"/preferences/{token}").text


def test_no_key_of_an_example_reaches_that_of_another_subscriber(target: Target) -> None:
    own, other = (target.token(TokenPurpose.PREFERENCES, email) for email in (BOB, BOB))
    added = target.browser.post(f"/preferences/{own}/papers", {"references": "Robot hands\nSomething about a lattice"})
    assert "papers were added" in added.text
    stranger = {"Authorization": f"Bearer {target.token(TokenPurpose.PREFERENCES)}"}
    before = target.dump(counters=False)
    for number in range(1, 6):
        for kind in ("paper", "text"):
            refused = target.browser.send("DELETE", f"/api/v1/seeds/{kind}:{number}", headers=stranger)
            assert refused.status_code == 404
    assert target.dump(counters=False) == before
    seeds = target.browser.get("/api/v1/seeds", headers={"Authorization": f"Bearer {other}"}).json()["seeds"]
    assert len(seeds) == 2


def test_a_flood_of_texts_uses_up_only_the_share_of_its_own_subscriber(target: Target) -> None:
    """The token in a header counts as the one in a path does, before anything of the body is read."""
    browser = Browser(create_app(target.ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))
    headers = {
        email: {"Authorization": f"Bearer {target.token(TokenPurpose.PREFERENCES, email)}"} for email in (ADA, BOB)
    }
    statuses = [
        browser.post("/api/v1/seeds", json={"references": "x"}, headers=headers[ADA]).status_code for _ in range(121)
    ]
    assert statuses == [200] * 120 + [429]
    assert browser.post("/api/v1/seeds", json={"references": "x"}, headers=headers[BOB]).status_code == 200
