"""A digest is joined from fragments that others share. It must be what would be rendered for its subscriber alone."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import escape

from digest.formatting import truncate
from digest.mail import (
    EmailContent,
    MessageHeaders,
    QuotedPrintable,
    build_message,
    decode_quoted_printable,
    encode_part,
)
from digest.rendering import DigestContext, PersonalLinks, Welcome, render_digest
from digest.rendering.contexts import LINK_NAMES, ClosePaper, NewsItem
from digest.rendering.fragment_cache import FragmentCache
from digest.rendering.fragments import Fragment, encode_html_and_text, placeholder
from tests.support.email_factory import DAY, LINKS, make_context, make_view
from tests.support.slow_rendering import render_slowly

HEADERS = MessageHeaders(
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
PHRASE = st.lists(st.one_of(st.text(max_size=20), st.sampled_from(AWKWARD)), max_size=6).map(" ".join)
DATES = st.sampled_from([None, DAY])
LINE = PHRASE.map(truncate)
NEWS = st.builds(NewsItem, title=LINE, sentences=st.tuples(LINE), url=st.just("https://digest.example.org/papers/7"))
KEYWORD = PHRASE.filter(lambda text: bool(text.strip()))


@st.composite
def contexts(draw: st.DrawFn) -> DigestContext:
    """Draw any digest that is small enough to show all its papers."""
    keywords = draw(st.lists(KEYWORD, max_size=14, unique=True))
    views = []
    for number in range(draw(st.integers(0, 13))):
        title, abstract = draw(PHRASE), draw(PHRASE)
        mentioned = [keyword for keyword in keywords if len(keyword) < 60 and draw(st.booleans())]
        view = make_view(
            " ".join([title, *mentioned[:2]]),
            " ".join([abstract, *mentioned]),
            keywords=keywords,
            number=number + 1,
            authors=tuple(draw(st.lists(PHRASE, max_size=6))),
            organization=draw(st.none() | PHRASE),
            is_late=draw(st.booleans()),
            listed_on=DAY - timedelta(days=draw(st.integers(0, 400))),
            has_summary=draw(st.booleans()),
            ai_summary=draw(st.none() | PHRASE),
            thumbnail_url=draw(st.sampled_from([None, "https://cdn-thumbnails.huggingface.co/1.png"])),
            upvotes=draw(st.none() | st.integers(0, 2000)),
        )
        views.append(replace(view, is_trending=not view.matched_in))
    context = make_context(
        *views,
        keywords=tuple(keywords),
        frequency=draw(st.sampled_from(["daily", "weekdays", "weekly", "monthly"])),
        thumbnails=draw(st.booleans()),
        left_out=draw(st.integers(0, 2000)),
        notices=tuple(draw(st.lists(PHRASE, max_size=2))),
        news=tuple(draw(st.lists(NEWS, max_size=3))),
        close_papers=tuple(
            ClosePaper(paper=view.paper, words=tuple(draw(st.lists(KEYWORD, min_size=1, max_size=5))))
            for view in views[:3]
            if draw(st.booleans())
        ),
        postal_address=draw(PHRASE),
        product=draw(PHRASE),
        welcome=draw(
            st.none() | st.builds(Welcome, exclusions=st.lists(PHRASE, max_size=14).map(tuple), next_digest_on=DATES)
        ),
        address=draw(PHRASE),
        links=draw(
            st.sampled_from(
                [LINKS, replace(LINKS, weekly=""), PersonalLinks(view="v", preferences="p", unsubscribe="u")]
            )
        ),
    )
    return replace(context, papers=tuple(views))


def standard_message(subject: str, text: str, html: str) -> EmailMessage:
    """Build the message with the standard library."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def decoded_bodies(raw: bytes) -> list[str]:
    parsed = message_from_bytes(raw, policy=default)
    return [bytes(part.get_payload(decode=True)).decode().replace("\r\n", "\n") for part in parsed.iter_parts()]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(contexts())
def test_a_digest_is_what_its_templates_give_for_this_subscriber_alone(context: DigestContext) -> None:
    email, (subject, text, html) = render_digest(context, all_papers=True), render_slowly(context)
    assert (email.subject, email.text, email.html) == (subject, text, html)
    assert "\x02" not in email.text + email.html
    raw = build_message(email, HEADERS)
    # A parser reads the same as from a message of the standard library.
    assert decoded_bodies(raw) == decoded_bodies(standard_message(subject, text, html).as_bytes()) == [text, html]
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
def test_encoded_parts_can_be_joined_anywhere(texts: list[str]) -> None:
    assert_on_wire(
        [encode_part(text) for text in texts],
        "".join(text.replace("\r\n", "\n").replace("\r", "\n") for text in texts),
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=90) | st.sampled_from([*AWKWARD, "a&b", "x" * 75]))
def test_a_value_is_escaped_in_html_only(text: str) -> None:
    text = text.replace("\r", " ")
    in_html, in_text = encode_html_and_text(text)
    assert_on_wire([in_html, encode_part("."), in_html], f"{escape(text)}.{escape(text)}")
    assert_on_wire([in_text, encode_part("."), in_text], f"{text}.{text}")


def assert_on_wire(parts: list[QuotedPrintable], text: str) -> None:
    joined = QuotedPrintable(b"".join(parts))
    assert decode_quoted_printable(joined) == text
    lines = joined.split(b"\r\n")
    assert all(len(line) <= 76 and not line.startswith((b".", b"From ")) for line in lines)
    assert not [line for line in lines if not re.fullmatch(rb"(?:[\t -~]*[!-~])?", line)]  # RFC 2045, 6.7 (2), (3)


@pytest.mark.parametrize("length", range(70, 82))
@pytest.mark.parametrize("end", ["", ".", "é", " ", "=", "\n"])
def test_an_encoded_part_has_room_for_its_soft_line_break(length: int, end: str) -> None:
    encoded = encode_part("x" * length + end)
    assert all(len(line) <= 76 and not line.startswith(b".") for line in encoded.split(b"\r\n"))
    assert encoded.endswith(b"\r\n")
    assert decode_quoted_printable(QuotedPrintable(encoded + encode_part(".y"))) == "x" * length + end + ".y"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="name"):
        Fragment(f"Dear {placeholder('name')},").render({})


def test_text_from_outside_cannot_forge_a_placeholder() -> None:
    forged = f"{placeholder('keyword 0')} {placeholder('mark')} {placeholder('reason')}"
    view = make_view(forged, forged, authors=(forged,), organization=forged, ai_summary=forged, has_summary=True)
    email = render_digest(make_context(view, keywords=(forged, "a"), product=forged, notices=(forged,)))
    assert "\x02" not in email.subject + email.text + email.html
    assert email.text.count("keyword 0 mark reason") >= 4


def test_subscribers_share_fragments_and_nothing_of_each_other() -> None:
    cache = FragmentCache()
    view = make_view("Robots and proteins", "A robot folds a protein.", keywords=("robot",))
    ada = make_context(view, keywords=("Ada's robots", "graph"), keyword_positions=((0,),), address="ada@example.org")
    carl = make_context(
        replace(view),
        keywords=("x", "y", "z", "Carl's robots"),
        keyword_positions=((3,),),
        address="carl@example.org",
        links=PersonalLinks(**{name: f"https://digest.example.org/{name}/carl" for name in LINK_NAMES}),
    )
    emails = [render_digest(context, cache) for context in (ada, carl, ada)]
    assert (cache.paper.cache_info().misses, cache.paper.cache_info().hits) == (1, 2)
    assert (cache.layout.cache_info().misses, cache.layout.cache_info().hits) == (1, 2)
    for email, context in zip(emails, (ada, carl, ada), strict=True):
        assert (email.subject, email.text, email.html) == render_slowly(context)
    for email in emails[::2]:
        assert "Ada" in email.html
        assert "arl" not in email.html + email.text
    assert "Carl" in emails[1].html
    assert "Ada" not in emails[1].html.replace("Ada Byron", "")
    assert ('class="k k0"' in emails[0].html, 'class="k k3"' in emails[0].html) == (True, False)
    assert ('class="k k0"' in emails[1].html, 'class="k k3"' in emails[1].html) == (False, True)


def test_a_changed_paper_is_rendered_anew() -> None:
    cache, view = FragmentCache(), make_view("Old title")
    changed = replace(view, paper=replace(view.paper, title="New title"))
    emails = [render_digest(make_context(shown), cache) for shown in (view, changed)]
    assert ["Old title" in email.html for email in emails] == [True, False]


def test_the_cache_of_fragments_is_bounded() -> None:
    cache = FragmentCache(papers=20, texts=30)
    for number in range(70):
        day = DAY + timedelta(days=number)
        view = make_view(f"Title {number}", keywords=(f"title {number}",), number=number)
        render_digest(make_context(view, keywords=(f"title {number}",), day=day), cache)
    sizes = {
        name: getattr(cache, name).cache_info() for name in ("paper", "encode", "reason", "keyword_count", "layout")
    }
    full = {"paper": 20, "encode": 30, "reason": 30, "keyword_count": 30, "layout": 64}
    assert {name: info.currsize for name, info in sizes.items()} == full
    assert all(getattr(cache, name).cache_info().maxsize <= 1024 for name in ("wrap", "macro"))


def test_addresses_and_tokens_do_not_stay_in_the_cache() -> None:
    cache, sizes = FragmentCache(), set()
    for number in range(5):
        links = PersonalLinks(**{name: f"https://digest.example.org/{name}/{number}" for name in LINK_NAMES})
        render_digest(make_context(address=f"reader{number}@example.org", links=links), cache)
        sizes.add(cache.encode.cache_info().currsize)
    assert len(sizes) == 1


def test_content_is_the_same_as_text_and_encoded() -> None:
    email = EmailContent("s", "text é\n", "<p>.\n")
    assert (email.text, email.html) == ("text é\n", "<p>.\n")
    encoded = EmailContent("s", email.encoded_text, email.encoded_html)
    assert build_message(email, HEADERS) == build_message(encoded, HEADERS)
