"""Matches and views of papers that many digests share."""

from dataclasses import replace

from digest.papers import PaperSnapshot
from digest.rendering.match_cache import MatchCache
from tests.support.email_factory import make_view

ADA = {"robot": 0, "graph": 1}
BOB = {"protein": 0, "robot": 1}


def snapshot(
    number: int, title: str = "Robots and proteins", abstract: str = "A robot folds a protein."
) -> PaperSnapshot:
    return make_view(title, abstract, number=number, ai_summary="Folding is done.").paper


def highlighted(text: str, spans: tuple[tuple[int, int, int], ...]) -> list[str]:
    return [text[start:end] for start, end, _ in spans]


def test_subscribers_share_a_view_whatever_the_order_of_their_keywords() -> None:
    cache = MatchCache()
    cache.update({1: snapshot(1)}, [([1], [*ADA]), ([1], ["robot"]), ([1], [*BOB])])
    ada, positions = cache.paper_view(1, ADA, is_late=False, has_summary=False)
    carl, other = cache.paper_view(1, {"x": 0, "y": 1, "z": 2, "robot": 3}, is_late=False, has_summary=False)
    assert ada is carl
    assert (positions, other) == ((0,), (3,))


def test_a_subscriber_sees_only_matches_of_their_own_keywords() -> None:
    cache = MatchCache()
    cache.update({1: snapshot(1)}, [([1], [*ADA]), ([1], [*BOB])])
    bob, positions = cache.paper_view(1, BOB, is_late=False, has_summary=True)
    assert positions == (0, 1)
    assert highlighted(bob.paper.title, bob.title_spans) == ["Robots", "proteins"]
    ada, positions = cache.paper_view(1, ADA, is_late=True, has_summary=False)
    assert highlighted(ada.paper.title, ada.title_spans) == ["Robots"]
    assert (ada.is_late, ada.has_summary, positions) == (True, False, (0,))
    for is_late, has_summary in ((True, True), (False, True), (True, False), (False, False)):
        other, _ = cache.paper_view(1, ADA, is_late=is_late, has_summary=has_summary)
        assert (other.is_late, other.has_summary) == (is_late, has_summary)
    unmatched, positions = cache.paper_view(1, {"volcano": 0}, is_late=False, has_summary=False)
    assert (unmatched.is_trending, unmatched.matched_in, positions) == (True, (), ())


def test_keywords_that_come_later_are_matched_too() -> None:
    cache = MatchCache()
    cache.update(
        {1: snapshot(1), 2: snapshot(2, "Graphs", "Of graphs.")}, [([1, 2], ["robot"])], upcoming_keywords=["graph"]
    )
    assert cache.new_keywords(["graph", "protein"]) == {"protein"}
    cache.update({}, [([1], ["protein", "folds"]), ([2], ["graph"])])
    assert cache.matched_keywords(1, ["robot", "protein", "folds", "graph"]) == {"robot", "protein", "folds"}
    assert cache.matched_keywords(2, ["graph", "robot"]) == {"graph"}


def test_a_paper_that_changed_is_matched_again() -> None:
    cache = MatchCache()
    cache.update({1: snapshot(1)}, [([1], ["robot"])])
    old, _ = cache.paper_view(1, {"robot": 0}, is_late=False, has_summary=False)
    cache.update({1: replace(snapshot(1), title="No machine here", abstract="A robot after all.")}, [([1], ["robot"])])
    new, _ = cache.paper_view(1, {"robot": 0}, is_late=False, has_summary=False)
    assert (old.paper.title, new.paper.title, new.title_spans) == ("Robots and proteins", "No machine here", ())


def test_a_paper_that_did_not_change_keeps_its_views() -> None:
    cache = MatchCache()
    views = []
    for _ in range(2):
        cache.update({1: snapshot(1)}, [([1], ["robot"])])
        views.append(cache.paper_view(1, {"robot": 0}, is_late=False, has_summary=False)[0])
    assert views[0] is views[1]


def test_the_cache_is_bounded() -> None:
    cache = MatchCache(keywords=50, papers=30, views=20)
    largest = 0
    for number in range(300):
        cache.update({number: snapshot(number)}, [([number], [f"word{number}", "robot"])])
        cache.paper_view(number, {"robot": 0}, is_late=False, has_summary=False)
        largest = max(largest, len(cache))
    assert 60 < largest <= 51 + 2 + 31 + 20
