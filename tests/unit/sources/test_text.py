"""Cleaning of titles, abstracts and names: LaTeX, entities, invisible characters."""

import gzip
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.sources.text import NAME_LENGTH, clean_text, count_latex_errors, parse_authors
from tests.support.work import count_steps

SHARED = Path(__file__).parents[3] / "../shared/data"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (r"$\mathcal{O}(n^2)$ and $\mathcal O(n)$", "O(n²) and O(n)"),
        (r"{\"u}ber, \"{o}, \'e, \'{\i}, \c{c}, \v s, \o{}, na\"ive T\"ULU", "über, ö, é, í, ç, š, ø, naïve TÜLU"),
        (r"\textbf{bold} and \emph{stressed}ly", "bold and stressedly"),
        (r"a $3.4\times$ gain, 3648$\times$2048, 0.8$\pm$0.1", "a 3.4\xd7 gain, 3648\xd72048, 0.8±0.1"),
        ("Fig.~3 but ~200 and 5~10 and https://a.org/~me", "Fig. 3 but ~200 and 5~10 and https://a.org/~me"),
        ("wait---what, pages 1--2, --flag", "wait—what, pages 1–2, --flag"),  # noqa: RUF001
        (r"see https://a.org/x_y#z and \url{https://b.org/c\_d}", "see https://a.org/x_y#z and https://b.org/c_d"),
        (r"\href{https://a.org}{our page}", "our page (https://a.org)"),
        ("from $5 to $10, US$100 and A$200", "from $5 to $10, US$100 and A$200"),
        ("a lone $5 a month", "a lone $5 a month"),
        ("it cost $20 a seat, in CA$, not US$", "it cost $20 a seat, in CA$, not US$"),
        ("between $5-$10 a piece", "between $5-$10 a piece"),
        (r"SA$^{2}$GFM at mAP$_{50}$ and 90$^\circ$C", "SA²GFM at mAP₅₀ and 90°C"),
        (r"up 50% or 3\% \& more", "up 50% or 3% & more"),
        (r"$p \in (0,1]$, $t\to\infty$, $2\log n$", "p ∈ (0,1], t→∞, 2 log n"),
        (r"$\hat{y}_t = \frac{a+b}{c}$", "ŷₜ = (a+b)/c"),
        (r"\method beats \method{} and $L_{\text{RoBoS}}$", "method beats method and L_RoBoS"),
        ('{BERT} but {"a": 1} and {0, 1}', 'BERT but {"a": 1} and {0, 1}'),
        (r"\(x^2\) or \[y\] or $$z$$", "x² or y or z"),
        ("AT&amp;T &lt;s&gt; ?a=1&para=2", "AT&T <s> ?a=1&para=2"),
        ("``so-called''", "“so-called”"),
        ("hard\nbreaks  and\ttabs", "hard breaks and tabs"),
        ("a\u202eb\x00c\u200bd\ud800e&#8238;f", "abcdef"),
    ],
)
def test_latex_and_entities_become_readable_text(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize("damaged", [r"unclosed \textbf{foo", "$x", r"\frac{1", "\\", r"\'", "}{", "x_{"])
def test_damaged_latex_raises_nothing(damaged: str) -> None:
    assert clean_text(damaged).isprintable()


@pytest.mark.parametrize("piece", ["{", "\\hat", "$", "$x$ ", r"\frac{", r"\textbf{a", "x_{", "~", "\\(", "a@"])
def test_work_grows_with_the_length_of_hostile_latex(piece: str) -> None:
    half, whole = (count_steps(partial(clean_text, piece * length)) for length in (2000, 4000))
    assert whole < 2.5 * half


def test_suffixes_lengthen_a_name_up_to_a_bound() -> None:
    assert parse_authors("Sammy Davis, Jr., III") == ("Sammy Davis, Jr., III",)
    (name,) = parse_authors("Ada" + ", Jr" * 40_000)
    assert len(name) < NAME_LENGTH + 10


@given(st.text(alphabet=st.sampled_from("ab1 \\${}^_~%&#'\"-[]()é\n"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_comes_out_on_one_line(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == " ".join(cleaned.split())


@given(
    st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N"], include_characters=" .,:;()!?%/"), max_size=80)
)
@settings(deadline=None)
def test_plain_text_comes_back_as_it_was(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == " ".join(text.split())
    assert clean_text(cleaned) == cleaned


def test_authors_are_split_at_commas_but_not_within_brackets_or_before_junior() -> None:
    line = r"Ada Byron (London, UK), Kurt G{\"o}del, Sammy Ray, Jr., Fran\c{c}ois Viète,"
    assert parse_authors(line) == ("Ada Byron (London, UK)", "Kurt Gödel", "Sammy Ray, Jr.", "François Viète")
    assert parse_authors(["  Ada   Byron ", "", "Lee, Jr."]) == ("Ada Byron", "Lee, Jr.")


def test_lost_latex_is_distinguished_from_prose() -> None:
    assert count_latex_errors("1.82times faster with leq 0.02 and mathcal{O}(n)") == 3
    assert (
        count_latex_errors(
            "It is many times faster, 3 times at least, to approximately 5%, 4\xd7; the leader emphasises it."
        )
        == 0
    )


def test_text_beyond_the_bound_costs_no_work() -> None:
    few, many = (count_steps(partial(clean_text, "$x^{2}$ " * count, 1000)) for count in (1_000, 20_000))
    assert many == few
    assert len(clean_text("word " * 20_000, 1000)) <= 1000


def test_twenty_thousand_real_abstracts_come_out_clean() -> None:
    corpus = SHARED / "corpus/arxiv_papers.jsonl.gz"
    if not corpus.exists():
        pytest.skip("no recorded corpus beside the repository")
    with gzip.open(corpus, "rt") as lines:
        texts = [clean_text(paper["title"] + "\n" + paper["abstract"]) for paper in map(json.loads, lines)]
    assert sum("\\" in text for text in texts) < len(texts) / 200
    assert all(text.isprintable() for text in texts)


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("<i>Mus musculus</i> and <EM class='x'>Danio</EM>", "Mus musculus and Danio"),
        ("CO<sub>2</sub> at 10<sup>-3</sup>, x<sub>i</sub>, 1<sup>st</sup>", "CO₂ at 10⁻³, x_i, 1st"),
        ("<jats:p>One <jats:italic>of</jats:italic> <b><i>two</i></b></jats:p>", "One of two"),
        ("The <b> element, <nav> and a<b>c", "The <b> element, <nav> and a<b>c"),
        (r"Pok\u00e9mon \ud83e\uddea \u{a}", "Pokémon 🧪 ă"),
        ("Vision-\n   Language Models", "Vision-Language Models"),
        ("short-\nand long-term", "short- and long-term"),
        (r"K to \pi\nu\bar\nu decays", "K to πνν̄ decays"),
        (r"set the \dot product", "set the dot product"),
    ],
)
def test_faults_of_titles_are_read_as_they_were_meant(text: str, readable: str) -> None:
    assert clean_text(text) == readable
