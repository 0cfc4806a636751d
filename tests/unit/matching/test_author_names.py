"""Author names as people write them and as sources list them."""

import pytest

from digest.matching import Matcher, PaperDocument, parse


def finds(query: str, author: str) -> bool:
    return bool(Matcher([parse(f'author:"{query}"')]).match([PaperDocument(0, "", authors=(author,))])[0])


@pytest.mark.parametrize(
    ("query", "author"),
    [
        ("Tim Berg Jr", "Tim Berg, Jr."),
        ("Berg, Jr., Tim", "Tim Berg, Jr."),
        ("Tim Berg", "Tim Berg III"),
        ("Berg III, T.", "Tim Berg III"),
        ("TK Berg", "T.-K. Berg"),
        ("TK Berg", "Tim K. Berg"),
        ("tk berg", "TK Berg"),
        ("Berg TK", "TK Berg"),
        ("Le Roy", "Ann LeRoy"),
        ("Ann LeRoy", "Ann Le Roy"),
        ("Ann Van der Meer", "Ann Vandermeer"),
        ("O'Neal", "Ann O`Neal"),
        ("O\u2019Neal", "Ann O\u00b4Neal"),
        ("D'Amico", "Ann D' Amico"),
        ("XYZ Collaboration", "XYZ Collaboration"),
        ("Hans Mueller", "Hans Müller"),
        ("Hans Müller", "Hans Mueller"),
        ("Muller", "H. Mueller"),
        ("Jørgensen", "Ann Joergensen"),
        ("Oezdemir", "Ann Özdemir"),
        ("Kraemer-Voss", "Ann Krämer-Voß"),
    ],
)
def test_a_name_is_found_however_it_is_written(query: str, author: str) -> None:
    assert finds(query, author)


@pytest.mark.parametrize(
    ("query", "author"),
    [
        ("Tim Berg Jr", "Tim Berg"),
        ("Tim Berg Jr", "Tim Berg III"),
        ("Roy", "Ann LeRoy"),
        ("Michal Berg", "Michael Berg"),
        ("Bor", "Ann Boer"),
    ],
)
def test_another_name_is_not_found(query: str, author: str) -> None:
    assert not finds(query, author)
