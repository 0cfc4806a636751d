"""Canonical forms of identifiers."""

import pytest

from digest.identifiers import parse_arxiv_id


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2604.21935", ("2604.21935", 1)),
        ("arXiv:2604.21935v3", ("2604.21935", 3)),
        ("oai:arXiv.org:0706.0001v2", ("0706.0001", 2)),
        ("http://arxiv.org/abs/astro-ph/0601001v1", ("astro-ph/0601001", 1)),
        ("math.GT/0309136", ("math/0309136", 1)),
        ("abc", None),
        ("2604.219355", None),
        ("../2604.21935", None),
    ],
)
def test_an_arxiv_id_has_one_canonical_form(text: str, canonical: tuple[str, int] | None) -> None:
    assert parse_arxiv_id(text) == canonical
