"""Subscriptions of arXiv and alerts of Google Scholar become keywords, and what does not is reported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.matching import convert_alerts, parse

ARXIV_REQUEST = """\
From: Ada L <ada@example.org>
To: cs@arxiv.org
Subject: subscribe Ada L

add CL
add Machine Learning
add cs.IR
del IR
add Poetry
"""
SCHOLAR_EMAIL = """\
From: Google Scholar Alerts <scholaralerts-noreply@google.com>
Subject: Fwd: "graph neural network" molecule -survey - new results

[PDF] A paper that is not a keyword
A Author, B Other - arXiv preprint, 2026

This message was sent by Google Scholar because you're following new results for ["graph neural network" molecule
-survey].
"""


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("cs.CL", ["cat:cs.CL"]),
        ("cs.cl, stat.ML; hep-th", ["cat:cs.CL", "cat:stat.ML", "cat:hep-th"]),
        ("cs.CL cs.LG quant-ph", ["cat:cs.CL", "cat:cs.LG", "cat:quant-ph"]),
        ("subscribe Ada L\nadd cs", ["cat:cs.*"]),
        ("add cs.CL\nadd astro-ph\nadd math", ["cat:cs.CL", "cat:astro-ph.*", "cat:math.*"]),
        ("add Computation and Language\nadd Information Theory", ["cat:cs.CL", "cat:cs.IT OR cat:math.IT"]),
        ("Computer Vision and Pattern Recognition (cs.CV)", ["cat:cs.CV"]),
        ("https://rss.arxiv.org/rss/cs.CL+stat.ML", ["cat:cs.CL", "cat:stat.ML"]),
        ("https://arxiv.org/list/cs.RO/recent", ["cat:cs.RO"]),
        ('"graph neural network"', ["graph neural network"]),
        ('"graph neural network" molecule', ["graph neural network AND molecule"]),
        ("theory of mind", ["theory AND mind"]),
        ("math", ["math"]),
        ("protein folding OR design -review", ["protein AND (folding OR design) ANDNOT review"]),
        ("cat|dog", ["cat OR dog"]),
        ('(robot OR drone) "path planning"', ["(robot OR drone) AND path planning"]),
        ('intitle:attention author:"a vaswani"', ['title:attention AND author:"a vaswani"']),
        ("allintitle: vision transformer", ["title:vision AND title:transformer"]),
        ('sepsis source:lancet source:"Nature Medicine"', ['sepsis AND journal:lancet* AND journal:"Nature Medicine"']),
        ('"WHO"', ['"WHO"']),
        ("graphs: a survey", ["graphs AND survey"]),
        ("cat OR dog -bird", ["(cat OR dog) ANDNOT bird"]),
        ('rag -(survey OR "case study")', ["rag ANDNOT (survey OR case study)"]),
        ('"supply AND demand"', ['"supply AND demand"']),
        ("Yejin Choi - new articles", ['author:"Yejin Choi"']),
        ('"deep learning" - new results\tCancel', ["deep learning"]),
        ("ti:attention AND cat:cs.LG", ["ti:attention AND cat:cs.LG"]),
        ("\u201cgraph neural network\u201d molecule", ["graph neural network AND molecule"]),
    ],
)
def test_what_people_paste_becomes_keywords(text: str, keywords: list[str]) -> None:
    found = convert_alerts(text)
    assert (found.keywords, found.unread) == (keywords, [])


def test_an_email_to_a_mailing_list_is_read_as_its_commands() -> None:
    found = convert_alerts(ARXIV_REQUEST)
    assert found.keywords == ["cat:cs.CL", "cat:cs.LG"]
    assert [(part.line, part.text) for part in found.unread] == [(9, "Poetry")]


def test_of_an_alert_only_the_query_is_read() -> None:
    found = convert_alerts(SCHOLAR_EMAIL)
    assert (found.keywords, found.unread) == (["graph neural network AND molecule ANDNOT survey"], [])
    without_headers = SCHOLAR_EMAIL.partition("Fwd: ")[2]
    assert convert_alerts(without_headers.partition("This message")[0]).keywords == found.keywords
    footer = "sent by Google Scholar because you're following new articles written by Yejin Choi.\n"
    assert convert_alerts(footer).keywords == ['author:"Yejin Choi"']
    footer = 'because you\'re following new results for ["deep learning" genomics].'
    assert convert_alerts(footer).keywords == ["deep learning AND genomics"]


@pytest.mark.parametrize(
    ("text", "keywords", "message"),
    [
        ("Yejin Choi - new citations", [], "New citations"),
        ("Yejin Choi - new related research", [], "Related research"),
        ("Subject: Recommended articles", [], "Recommendations"),
        ("robot site:arxiv.org", ["robot"], "left out"),
        ("cs.XX", [], "not an arXiv category"),
        ("add Poetry", [], "not an arXiv category"),
        ("del cs.CL", [], "Only what the text adds"),
        ("-survey", [], "Enter the words"),
        ("", [], "neither an alert nor"),
        ("Subject: lunch\n\nAt noon?", [], "neither an alert nor"),
        ("x" * 3000, [], "too long"),
    ],
)
def test_what_cannot_be_read_is_reported(text: str, keywords: list[str], message: str) -> None:
    found = convert_alerts(text)
    assert found.keywords == keywords
    assert len(found.unread) == 1
    assert message in found.unread[0].message


PIECES = st.sampled_from(
    [
        *(
            "add ",
            "del ",
            "subscribe ",
            "cs.CL",
            "cs",
            "To: cs@arxiv.org",
            "Subject: ",
            " - new results",
            "\n",
            " ",
            ",",
        ),
        *('"', "(", ")", "-", "-(", "|", " OR ", "intitle:", "author:", "source:", "site:x", "graph", "*", "AND", ":"),
        *("following new results for [", "]", "allintitle: ", "~", "AROUND(3)", "\x00", "é", "cat:", "[tiab]"),
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=20).map("".join))
def test_any_text_gives_keywords_that_can_be_parsed_or_a_report(text: str) -> None:
    found = convert_alerts(text)
    assert found.keywords or found.unread or "del" in text.lower() or "subscribe" in text.lower()
    for keyword in found.keywords:
        parse(keyword)
    assert all(part.message for part in found.unread)
