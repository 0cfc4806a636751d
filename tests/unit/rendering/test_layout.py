"""Keyword counts above the papers of a digest."""

from digest.rendering.layout import count_by_keyword
from tests.support.email_factory import make_context, make_view


def test_papers_that_the_edition_left_out_are_counted_too() -> None:
    counts = count_by_keyword(
        make_context(
            make_view(matched_in=((0, "title"),)), keywords=("robot", "speech"), left_out=5, left_out_counts=(2, 4)
        )
    )
    assert [(count.keyword, count.papers) for count in counts] == [("speech", 4), ("robot", 3)]
