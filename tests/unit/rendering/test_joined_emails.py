"""A letter is joined from pieces that others share. It must be the letter that would be rendered for it alone."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from digest.mail import (
    EmailContent,
    MessageHeaders,
    QuotedPrintable,
    build_message,
    decode_quoted_printable,
    encode_part,
)
from digest.matching import PaperDocument
from digest.rendering import DigestContext, MatchCache, PaperSnapshot, PersonalLinks, render_digest
from digest.rendering.fragment_cache import heading, numbered, reason, render_paper, run
from digest.rendering.fragments import Fragment, address, hole
from digest.rendering.layout import render_layout
from tests.support.email_factory import DAY, LINKS, paper, words
from tests.support.slow_rendering import slowly

ENVELOPE = MessageHeaders(
    from_="Paper Digest <digest@example.org>",
    to="reader@example.com",
    message_id="7.1f2e@example.org",
    date=datetime(2025, 10, 30, 7, 0, tzinfo=UTC),
    list_id="digest.example.org",
    unsubscribe_url="https://digest.example.org/unsubscribe/u1",
)
AWKWARD = (
    "\u05e9\u05dc\u05d5\u05dd",
    "论文",
    "🧪",
    "e\u0301",
    "<b>&amp;\"'",
    ".",
    "From me",
    "=3D",
    "x" * 80,
    " ",
    "\ue000",
)
SAID = st.lists(st.one_of(st.text(max_size=20), st.sampled_from(AWKWARD)), max_size=6).map(" ".join)
KEYWORD = SAID.filter(lambda text: bool(text.strip()))

FEW = PersonalLinks(view="v", preferences="p", unsubscribe="u")


@st.composite
def letters(draw: st.DrawFn) -> DigestContext:
    """Any digest that is light enough to have all its papers in it."""
    keywords = draw(st.lists(KEYWORD, max_size=14, unique=True))
    made = []
    for number in range(draw(st.integers(0, 13))):
        title, abstract = draw(SAID), draw(SAID)
        spoken = [each for each in keywords if len(each) < 60 and draw(st.booleans())]
        one = paper(
            " ".join([title, *spoken[:2]]),
            " ".join([abstract, *spoken]),
            keywords=keywords,
            number=number + 1,
            authors=tuple(draw(st.lists(SAID, max_size=6))),
            organization=draw(st.none() | SAID),
            late=draw(st.booleans()),
            listed_on=DAY - timedelta(days=draw(st.integers(0, 400))),
            summary=draw(st.just("") | SAID),
            upvotes=draw(st.none() | st.integers(0, 2000)),
        )
        made.append(replace(one, trending=not one.where))
    given_words = words(
        *made,
        keywords=tuple(keywords),
        frequency=draw(st.sampled_from(["daily", "weekdays", "weekly"])),
        left_out=draw(st.integers(0, 2000)),
        notices=tuple(draw(st.lists(SAID, max_size=2))),
        postal_address=draw(SAID),
        product=draw(SAID),
        address=draw(SAID),
        links=draw(
            st.sampled_from(
                [LINKS, LINKS._replace(fewer=""), PersonalLinks(view="v", preferences="p", unsubscribe="u")]
            )
        ),
    )
    return given_words._replace(papers=tuple(made))


def by_hand(subject: str, text: str, html: str) -> EmailMessage:
    """The message as the standard library puts it together."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def bodies(raw: bytes) -> list[str]:
    parsed = message_from_bytes(raw, policy=default)
    return [bytes(part.get_payload(decode=True)).decode().replace("\r\n", "\n") for part in parsed.iter_parts()]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(letters())
def test_it_says_what_the_templates_say_when_they_are_rendered_for_one_reader(given_words: DigestContext) -> None:
    letter, (subject, text, html) = render_digest(given_words, whole=True), slowly(given_words)
    assert (letter.subject, letter.text, letter.html) == (subject, text, html)
    assert "\x02" not in letter.text + letter.html


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(letters())
def test_a_parser_reads_the_same_as_from_a_message_of_the_standard_library(given_words: DigestContext) -> None:
    subject, text, html = slowly(given_words)
    raw = build_message(render_digest(given_words, whole=True), ENVELOPE)
    assert bodies(raw) == bodies(by_hand(subject, text, html).as_bytes()) == [text, html]
    assert str(message_from_bytes(raw, policy=default)["Subject"]) == re.sub(r"[\x7f-\x9f]", " ", subject).strip()
    head, _, body = raw.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert not [line for line in raw.split(b"\r\n") if line.startswith((b".", b"From "))]
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")


LINES = st.lists(st.sampled_from(["", " ", ".", "From me", "x" * 40, "x" * 75, "\t", "\x01", "é"]), max_size=4).map(
    "".join
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=90) | st.sampled_from(AWKWARD)


@settings(max_examples=600, deadline=None)
@given(st.lists(TEXT | st.lists(LINES, max_size=4).map("\n".join), max_size=12))
def test_pieces_can_be_joined_anywhere(texts: list[str]) -> None:
    assert_on_wire(
        [encode_part(text) for text in texts],
        "".join(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts),
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["", ".", "/", "From me", "x", "x" * 74, "x" * 75, "&", "-", "é", "\n"]), max_size=4))
def test_addresses_can_be_joined_anywhere(parts: list[str]) -> None:
    url = "https://digest.example.org/mute/" + "".join(parts)
    in_html, in_text = address(url)
    assert_on_wire([in_html, encode_part("."), in_html], f"{escape(url)}.{escape(url)}")
    assert_on_wire([in_text, encode_part("."), in_text], f"{url}.{url}")


def assert_on_wire(pieces: list[QuotedPrintable], said: str) -> None:
    joined = QuotedPrintable(b"".join(pieces))
    assert decode_quoted_printable(joined) == said
    lines = joined.split(b"\r\n")
    assert all(len(line) <= 76 and not line.startswith((b".", b"From ")) for line in lines)
    assert not [line for line in lines if not re.fullmatch(rb"(?:[\t -~]*[!-~])?", line)]  # RFC 2045, 6.7 (2), (3)


@pytest.mark.parametrize("length", range(70, 82))
@pytest.mark.parametrize("end", ["", ".", "é", " ", "=", "\n"])
def test_a_piece_has_room_for_its_soft_line_break(length: int, end: str) -> None:
    made = encode_part("x" * length + end)
    assert all(len(line) <= 76 and not line.startswith(b".") for line in made.split(b"\r\n"))
    assert made.endswith(b"\r\n")
    assert decode_quoted_printable(QuotedPrintable(made + encode_part(".y"))) == "x" * length + end + ".y"


def test_a_hole_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(KeyError, match="name"):
        Fragment.rendered(f"Dear {hole('name')},").filled({})


def test_nobody_can_write_a_hole_into_a_title() -> None:
    forged = f"{hole('keyword 0')} {hole('never')} {hole('reason')}"
    letter = render_digest(words(paper(forged, forged, authors=(forged,)), keywords=(forged, "a"), product=forged))
    assert "\x02" not in letter.subject + letter.text + letter.html
    assert letter.text.count("keyword 0 never reason") >= 4


def stock(number: int, title: str = "Robots and proteins", abstract: str = "A robot folds a protein.") -> PaperSnapshot:
    plain = paper(title, abstract, keywords=(), number=number, summary="Folding is done.", where=())
    return PaperSnapshot((title, abstract), PaperDocument(number, title, abstract), plain)


ADA = {"robot": 0, "graph": 1}
BOB = {"protein": 0, "robot": 1}


def test_readers_share_a_paper_and_nothing_of_each_other() -> None:
    known = MatchCache()
    known.update({1: stock(1)}, [([1], [*ADA]), ([1], ["robot"]), ([1], [*BOB])])
    ada, place = known.paper(1, ADA, late=False, summary=False)
    carl, other = known.paper(1, {"x": 0, "y": 1, "z": 2, "robot": 3}, late=False, summary=False)
    assert ada is carl
    assert (place, other) == ((0,), (3,))
    first = words(ada, keywords=("Ada's robots", "graph"), positions=(place,), address="ada@example.org")
    second = words(
        carl,
        keywords=("x", "y", "z", "Carl's robots"),
        positions=(other,),
        address="carl@example.org",
        links=PersonalLinks(**{name: f"https://digest.example.org/{name}/carl" for name in PersonalLinks._fields}),
    )
    before = render_paper.cache_info()
    letters = [render_digest(first), render_digest(second), render_digest(first)]
    after = render_paper.cache_info()
    assert after.misses - before.misses == 1
    assert after.hits - before.hits == 2
    assert letters[0].html == letters[2].html == slowly(first)[2]
    assert letters[1].html == slowly(second)[2]
    for letter in letters[::2]:
        assert "Ada" in letter.html
        assert "arl" not in letter.html + letter.text
    assert "Carl" in letters[1].html
    assert "Ada" not in letters[1].html.replace("Ada Byron", "")
    assert 'class="k k0"' in letters[0].html
    assert 'class="k k3"' not in letters[0].html
    assert 'class="k k3"' in letters[1].html
    assert 'class="k k0"' not in letters[1].html


def test_readers_share_the_papers_at_the_end_in_which_nothing_is_marked() -> None:
    trending = [paper(number=number, where=(), title_spans=(), abstract_spans=()) for number in range(2, 8)]
    ada = words(paper(number=1), *trending)
    bob = words(
        *trending,
        links=PersonalLinks(**{name: f"https://digest.example.org/{name}/bob" for name in PersonalLinks._fields}),
    )
    eve = words(paper(number=9), *trending, address="eve@example.org")
    run.cache_clear()
    letters = [render_digest(each, whole=True) for each in (ada, bob, eve)]
    assert (run.cache_info().hits, run.cache_info().misses) == (1, 2)  # Bob's have other numbers
    for letter, given_words in zip(letters, (ada, bob, eve), strict=True):
        assert (letter.subject, letter.text, letter.html) == slowly(given_words)
    assert letters[1].html.count("never/bob/") == len(trending)
    assert "bob" not in letters[2].html + letters[2].text


def test_a_reader_sees_only_marks_of_their_own_keywords() -> None:
    known = MatchCache()
    known.update({1: stock(1)}, [([1], [*ADA]), ([1], [*BOB])])
    bob, positions = known.paper(1, BOB, late=False, summary=True)
    assert positions == (0, 1)
    assert [bob.title[span.start : span.end] for span in bob.title_spans] == ["Robots", "proteins"]
    assert bob.summary == "Folding is done."
    ada, positions = known.paper(1, ADA, late=True, summary=False)
    assert [ada.title[span.start : span.end] for span in ada.title_spans] == ["Robots"]
    assert (ada.late, ada.summary, positions) == (True, "", (0,))
    for late, summary in ((True, True), (False, True), (True, False), (False, False)):
        other, _ = known.paper(1, ADA, late=late, summary=summary)
        assert (other.late, bool(other.summary)) == (late, summary)
    nobody, positions = known.paper(1, {"volcano": 0}, late=False, summary=False)
    assert (nobody.trending, nobody.where, positions) == (True, (), ())


def test_keywords_that_come_later_are_tried_too() -> None:
    known = MatchCache()
    known.update({1: stock(1), 2: stock(2, "Graphs", "Of graphs.")}, [([1, 2], ["robot"])], ahead=["graph"])
    assert known.new(["graph", "protein"]) == {"protein"}
    known.update({}, [([1], ["protein", "folds"]), ([2], ["graph"])])
    assert known.matches(1, ["robot", "protein", "folds", "graph"]) == {"robot", "protein", "folds"}
    assert known.matches(2, ["graph", "robot"]) == {"graph"}


def test_a_paper_that_changed_is_read_again() -> None:
    known = MatchCache()
    known.update({1: stock(1)}, [([1], ["robot"])])
    old, _ = known.paper(1, {"robot": 0}, late=False, summary=False)
    changed = stock(1, "No machine here", "A robot after all.")
    assert known.unknown({1: changed.stamp, 2: ()}) == [1, 2]
    assert known.unknown({1: stock(1).stamp}) == []
    known.update({1: changed}, [([1], ["robot"])])
    new, _ = known.paper(1, {"robot": 0}, late=False, summary=False)
    assert (old.title, new.title, new.title_spans) == ("Robots and proteins", "No machine here", ())


def test_what_is_kept_is_bounded() -> None:
    known = MatchCache(keywords=50, papers=30, shown=20)
    most = 0
    for number in range(300):
        known.unknown({})
        known.update({number: stock(number)}, [([number], [f"word{number}", "robot"])])
        known.paper(number, {"robot": 0}, late=False, summary=False)
        most = max(most, len(known))
    assert 60 < most <= 51 + 2 + 31 + 20
    for number in range(render_paper.cache_info().maxsize or 0, 0, -400):
        render_digest(words(paper(number=number), day=date(2025, 1, 1) + timedelta(days=number % 100)))
    for cache in (render_paper, render_layout, reason, numbered, heading, run):
        assert cache.cache_info().currsize <= (cache.cache_info().maxsize or 0) <= 8192


def test_a_letter_in_both_forms_is_a_letter() -> None:
    letter = EmailContent("s", "text é\n", "<p>.\n")
    assert (letter.text, letter.html) == ("text é\n", "<p>.\n")
    assert build_message(letter, ENVELOPE) == build_message(
        EmailContent("s", letter.encoded_text, letter.encoded_html), ENVELOPE
    )
