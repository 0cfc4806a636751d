"""Names of authors, out of lists of every form."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources.text import AUTHORS_LENGTH, MAX_AUTHORS, format_name, parse_authors
from tests.support.work import count_steps


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Ada Byron, Kurt Ito and Sammy Davis, Jr.", ("Ada Byron", "Kurt Ito", "Sammy Davis, Jr.")),
        ("Ada Byron & Kurt Ito", ("Ada Byron", "Kurt Ito")),
        ("Ada Byron, MD, Kurt Ito, Ph.D.", ("Ada Byron", "Kurt Ito")),
        ("Ada Byron (1, 2), Kurt Ito (Oslo, NO) and Mia Chen", ("Ada Byron (1, 2)", "Kurt Ito (Oslo, NO)", "Mia Chen")),
        ("Byron, A., Ito, K., Moreau, P.-L.", ("A. Byron", "K. Ito", "P.-L. Moreau")),
        ("van Daal, A. J. H., Open Sky Group, Ray, S., Jr.", ("A. J. H. van Daal", "Open Sky Group", "S. Ray, Jr.")),
        ("Byron, A. L.; Ito Ray, K.; Davis, S., Jr.; et al.", ("A. L. Byron", "K. Ito Ray", "S. Davis, Jr.")),
        ("Byron, Ada; Ito, Kurt; for the Open Sky Group", ("Ada Byron", "Kurt Ito", "the Open Sky Group")),
        ("Byron AL, Haas-Ito DA, O'Ray F.", ("A. L. Byron", "D. A. Haas-Ito", "F. O'Ray")),
        ("Van Daal N, Prema, Ray S 3rd, Ito K, Open Sky Trial Group.", (
            "N. Van Daal", "Prema", "S. Ray, III", "K. Ito", "Open Sky Trial Group")),
        ("Kim JH", ("J. H. Kim",)),
        ("Malcolm X", ("Malcolm X",)),
        ("Byron, Ada", ("Ada Byron",)),
        ("Commission on Sky and Sea", ("Commission on Sky and Sea",)),
        ("ada@example.org (Ada Byron)", ("Ada Byron",)),
        ("<a href='/x'>Ada Byron</a>, <a>Kurt Ito</a>", ("Ada Byron", "Kurt Ito")),
        (["Byron, Ada", "Ito Ray, Kurt Leo"], ("Ada Byron", "Kurt Leo Ito Ray")),
        (["Karthik S", "Ada Byron"], ("Karthik S", "Ada Byron")),
        (["Byron, A., Ito, K."], ("A. Byron", "K. Ito")),
        (["Ada Byron, Kurt Ito", "Mia Chen"], ("Ada Byron, Kurt Ito", "Mia Chen")),
        (["Sky Staff, Ada Byron", "Kurt Ito"], ("Sky Staff, Ada Byron", "Kurt Ito")),
        (" ; , ", ()),
    ],
)  # fmt: skip
def test_lists_of_every_form_become_names(written: str | list[str], names: tuple[str, ...]) -> None:
    assert parse_authors(written) == names


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("Ada", "Byron", ""), "Ada Byron"),
        (("AL", "Byron", "Jr"), "A. L. Byron, Jr."),
        (("J-P", "Moreau", "3rd"), "J.-P. Moreau, III"),
        (("Robert G", "Ito", ""), "Robert G Ito"),
        (("", "Prema", ""), "Prema"),
        (("<b>Zo&eacute;</b>", "Ra&yacute;", ""), "Zoé Raý"),
    ],
)
def test_a_name_is_made_of_its_parts(parts: tuple[str, str, str], name: str) -> None:
    assert format_name(*parts) == name


@given(st.text(alphabet=st.sampled_from("Aab .,;-()&JrI12@<>"), max_size=80))
def test_any_line_becomes_bounded_names(line: str) -> None:
    for names in (parse_authors(line), parse_authors(line.split(" "))):
        assert all(name.strip() == name and any(map(str.isalpha, name)) for name in names)


@pytest.mark.parametrize("piece", ["A, ", "A.; ", "Byron AB, ", "a and ", "(", "A. A.", "@(", "Jr, ", "Aa Group, "])
def test_the_work_grows_with_the_length_of_the_list(piece: str) -> None:
    half, whole = (count_steps(partial(parse_authors, piece * count)) for count in (2_000, 4_000))
    assert whole < 2.5 * half + 1000


def test_lists_without_end_are_bounded() -> None:
    names = parse_authors("Ada Byron, " * 100_000)
    assert len(names) <= MAX_AUTHORS
    assert sum(map(len, names)) <= AUTHORS_LENGTH
