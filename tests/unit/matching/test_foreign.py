"""Query syntax of other systems is an error at its place, and is converted."""

import pytest

from digest.errors import QueryError
from digest.matching import convert, parse

CASES = [
    ("(sepsis adj2 marker*).ti,ab.", "adj2", ["sepsis AND marker*"]),
    ("heart attack.mp.", ".mp.", ["heart attack"]),
    ("sepsis NEAR/3 marker", "NEAR/3", ["sepsis AND marker"]),
    ("diabetes or insulin", "or", ["diabetes OR insulin"]),
    ("C++ or C", "or", ["C++ OR C"]),
    ("C or C++", "or", ["C OR C++"]),
    ("C#  Or F#", "Or", ["C# OR F#"]),
    ("U.S. or U.K.", "or", ["U.S. OR U.K."]),
    ("(C++ and C) OR Java", "and", ["(C++ AND C) OR Java"]),
    ("(C and C++) OR Java", "and", ["(C AND C++) OR Java"]),
    ("(diabetes or insulin) and children", "or", ["(diabetes OR insulin) AND children"]),
    ('"neural network" and pruning', "and", ['"neural network" AND pruning']),
    ("sepsis[tiab] or shock[tiab]", "or", ["sepsis OR shock"]),
    ("TITLE-ABS-KEY(sepsis AND marker)", "TITLE-ABS-KEY", ["sepsis AND marker"]),
    ("TS=(sepsis AND biomarker*)", "TS=", ["sepsis AND biomarker*"]),
    ("protein folding, diffusion model", ",", ["protein folding", "diffusion model"]),
    ("protein folding; diffusion model", ";", ["protein folding", "diffusion model"]),
    ("pharmac$", "$", ["pharmac*"]),
    ("behavio$r", "$r", ["behavio*"]),
    ("tumo?r segmentation", "?r", ["tumo* segmentation"]),
    ("cat:cs.CL OR cs.CV", "cs.CV", ["cat:cs.CL OR cat:cs.CV"]),
    ("cs.CV", "cs.CV", ["cat:cs.CV"]),
    ("cat:cs.CL cs.CV", "cs.CV", []),
    ("cat:cs.XX", "cs.XX", []),
]


@pytest.mark.parametrize(("line", "place", "converted"), CASES)
def test_foreign_syntax_is_refused_at_its_place_with_what_it_means(line: str, place: str, converted: list[str]) -> None:
    with pytest.raises(QueryError) as error:
        parse(line)
    assert line[(error.value.position or 0) - 1 :].startswith(place)
    assert list(convert(line)) == converted
    assert all(keyword in str(error.value) for keyword in converted)
    for keyword in converted:
        parse(keyword)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "vision and language",
            "1,2-dichloroethane",
            'author:"Choi, Yejin"',
            "$k$-means",
            '"a, b"',
            "physics-informed",
        ),
        *("what is attention?", "N=4 super Yang-Mills", "C#", "title:(a OR b)", "cats[ti]", "node.js", "3,000 genomes"),
        *(
            '"this or that"',
            "supply and demand",
            "or gate",
            "either or",
            "C++ and C",
            "cat:cs.*",
            "category:neuroscience",
        ),
    ],
)
def test_what_only_looks_foreign_is_a_keyword(line: str) -> None:
    parse(line)
    assert convert(line) == ()
