"""Cleaning of titles, abstracts and names: LaTeX, entities, invisible characters."""

import gzip
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.sources.text import NAME_LENGTH, clean_sections, clean_text, count_latex_errors, parse_authors
from tests.support.work import count_steps, cpu_limit

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


JATS = (
    "<jats:title>Abstract</jats:title><jats:sec><jats:title><jats:bold>Purpose:</jats:bold></jats:title>"
    "<jats:p>To see.</jats:p></jats:sec><jats:sec><jats:title>What is new?</jats:title>\n<jats:list>"
    "<jats:list-item><jats:p>This.</jats:p></jats:list-item></jats:list></jats:sec>"
)
FRACTION = (
    "<mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup>\n <mml:mo>=</mml:mo><mml:mfrac><mml:mrow>"
    "<mml:mi>a</mml:mi><mml:mo>+</mml:mo><mml:mi>b</mml:mi></mml:mrow><mml:mi>c</mml:mi></mml:mfrac></mml:math>"
)
FORMULAS = (
    "<math alttext='$a<b$'><msup><mi></mi><mn>1</mn></msup><mtext>Σ</mtext></math>, <math><mmultiscripts><mi>C</mi>"
    "<mprescripts/><none/><mn>14</mn></mmultiscripts></math>, <math><mover><mi>y</mi><mo>^</mo></mover><mo>&lt;</mo>"
    "<msqrt><mi>a</mi><mi>b</mi></msqrt></math>, <math><msubsup><mi>k</mi><mi>i</mi><mn>2</mn></msubsup></math>"
)
TWICE = (
    r"<inline-formula><tex-math>\usepackage{amsmath}\begin{document}$$\mu$$\end{document}</tex-math></inline-formula>m"
    r" <inline-formula><tex-math>$\mu$</tex-math><alternatives><mml:math><mml:mi>μ</mml:mi></mml:math>"
    r"<inline-graphic href='x.gif'/></alternatives></inline-formula>s"
)


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("HbA<sub>1c</sub>, V<sub>max</sub>, Ca<sup>2+</sup>, Cre<sup>ERT2</sup>", "HbA1c, Vmax, Ca²⁺, Cre^ERT2"),
        ("PM<sub>2.5</sub>, 10<sup>2.5</sup>, p53<sup>-/-</sup>, Oz<sup>®</sup>", "PM2.5, 10^(2.5), p53-/-, Oz®"),
        ("<p>One<p>Two<br>three <img src='a.gif' alt='b>c'> <a href='x'>four</a></p>", "One Two three four"),
        ("<p>Sound</p><script>alert('no')</script><style>p {}</style><!-- nor this -->", "Sound"),
        (
            "<h4>Background</h4>Why. <h4>METHODS AND DNA</h4>How; p &lt; 0.05.",
            "Background: Why. Methods and DNA: How; p < 0.05.",
        ),
        (
            "<b>Aims</b>: These. <p><strong>Results</strong><br/>Those in <b>bold</b>.",
            "Aims: These. Results: Those in bold.",
        ),
        (JATS, "Purpose: To see. What is new? This."),
        ("<title>Only a title</title>", "Only a title"),
        (FRACTION, "x²=(a+b)/c"),
        (FORMULAS, "¹Σ, ¹⁴C, ŷ<√ab, kᵢ²"),
        (TWICE, "μm μs"),
        ("&lt;i&gt;Danio&lt;/i&gt; rerio", "Danio rerio"),
        (f"{'<i>' * 100}deep{'</i>' * 100}", "deep"),
        ("One <b>unclosed <i>and</i> more, </p> too", "One <b>unclosed and more, </p> too"),
    ],
)
def test_markup_of_publishers_is_read(text: str, readable: str) -> None:
    assert clean_text(text) == readable
    assert clean_text(readable) == readable


def test_elements_that_overlap_lose_the_outer_one_only() -> None:
    assert clean_text("<i>a<b>b</i>c</b>") == "a<b>bc</b>"


def test_sections_keep_their_headings() -> None:
    parts = [
        ("BACKGROUND", "Why."),
        ("", "And <i>so</i>."),
        ("UNLABELLED", "Plain."),
        ("METHODS", "Methods: How."),
        ("END", ""),
    ]
    assert clean_sections(parts) == "Background: Why. And so. Plain. Methods: How."
    assert len(clean_sections([("A", "word " * 900)] * 100, 1000)) <= 1000


@pytest.mark.parametrize(
    "piece", ["<b>", "<b>x</b>", "<i", "</p>", "<p>", "<b><i>", "<math><msup>", "<!--", '<a b="', "<a b='c' "]
)
def test_work_grows_with_the_length_of_hostile_markup(piece: str) -> None:
    half, whole = (count_steps(partial(clean_text, piece * length)) for length in (2000, 4000))
    assert whole < 2.5 * half + 1000
    with cpu_limit():
        clean_text(piece * 100_000)


@given(
    st.lists(
        st.sampled_from(
            ["<b>", "</b>", "<p>", "</p>", "<sub>", "</sub>", "<math>", "</math>", "<mi>", "</mi>", "x", " y"]
        )
    )
)
@settings(deadline=None)
def test_any_markup_comes_out_on_one_line_and_loses_no_text(pieces: list[str]) -> None:
    cleaned = clean_text("".join(pieces))
    assert cleaned == " ".join(cleaned.split())
    if "<math>" not in pieces:
        assert sum(map(cleaned.count, "xₓ")) == pieces.count("x")
