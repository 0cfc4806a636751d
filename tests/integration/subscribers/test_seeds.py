"""Papers that a subscriber gives as examples, and the words that are learned from them, shown and edited."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    MarkKind,
    Paper,
    PaperMark,
    Profile,
    SeedText,
    Subscriber,
    SubscriberStatus,
    TermCount,
    TermFit,
)
from digest.errors import TokenError
from digest.matching import PROFILE_SIZE
from digest.subscribers import (
    MAX_EDITS,
    MAX_SEEDS,
    Preferences,
    ProfileChange,
    ProfileError,
    ProfileView,
    SeedReport,
    SeedStatus,
    add_seeds,
    change_mark,
    edit_profile,
    get_profile_view,
    list_seeds,
    parse_keywords_or_raise,
    parse_references,
    refit_profiles,
    remove_seeds,
    update_preferences,
)
from digest.tokens import TokenPurpose
from tests.support.contexts import (
    ADA,
    BOB,
    StoreView,
    add_active_subscriber,
    make_context,
    set_status,
    sign_token,
    store_papers,
)
from tests.support.factories import NOW
from tests.support.spoiled_rows import spoil

DAY = timedelta(days=1)
fit_ids = itertools.count(1000)  # of several stores in one process
FOLDING = "Folding proteins with diffusion models of residues"
ROBOTS = "Robots that grasp unknown objects without training"
QUANTUM = "Quantum error correction on superconducting hardware"
WORDS = (
    "protein",
    "folding",
    "diffusion",
    "residue",
    "robot",
    "grasp",
    "object",
    "quantum",
    "error correction",
    "lattice",
)


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    """A store with three papers, two subscribers, and terms that were counted."""
    ctx = make_context(store)
    store_papers(ctx, NOW, FOLDING, ROBOTS, QUANTUM)
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "neural", now=NOW)
    return ctx


@pytest.fixture
def fitted(ctx: AppContext) -> AppContext:
    count_terms(ctx, *WORDS)
    return ctx


def count_terms(ctx: AppContext, *words: str) -> None:
    """Store counts of terms, as the weekly job does."""
    with write_session(ctx.engine) as session:
        session.add_all(TermCount(term=word, label=word.title(), paper_count=3) for word in words)
        session.add(TermFit(id=next(fit_ids), paper_count=1000, last_paper_id=3, fitted_at=NOW))


def token_of(ctx: AppContext, email: str = ADA) -> str:
    return sign_token(ctx, email, TokenPurpose.PREFERENCES, NOW)


def give(ctx: AppContext, text: str, now: datetime = NOW, email: str = ADA) -> SeedReport:
    return add_seeds(ctx, token_of(ctx, email), parse_references(text), now)


def view_of(ctx: AppContext, email: str = ADA) -> ProfileView:
    return get_profile_view(ctx, token_of(ctx, email), NOW)


def words_of(ctx: AppContext, email: str = ADA) -> dict[str, float]:
    return {word.key: word.weight for word in view_of(ctx, email).words}


def change(ctx: AppContext, **edits: object) -> dict[str, float]:
    edit_profile(ctx, token_of(ctx), ProfileChange(**edits), NOW)  # type: ignore[arg-type]
    return words_of(ctx)


def statuses(report: SeedReport) -> Sequence[tuple[int, SeedStatus]]:
    return [(outcome.place, outcome.status) for outcome in report.outcomes]


def test_each_entry_is_found_stored_or_refused(fitted: AppContext) -> None:
    report = give(
        fitted,
        f"10.1000/{FOLDING.casefold().replace(' ', '-')}\n{ROBOTS.upper()}\nhello\n1706.03762\n"
        "Diffusion on a lattice, as nobody listed it\nhttps://www.semanticscholar.org/paper/abc123def",
    )
    assert statuses(report) == [
        (1, SeedStatus.FOUND),
        (2, SeedStatus.FOUND),
        (3, SeedStatus.UNUSABLE),
        (4, SeedStatus.WAITING),
        (5, SeedStatus.STORED),
        (6, SeedStatus.UNUSABLE),
    ]
    assert report.added == 4
    assert report.outcomes[0].text == FOLDING
    assert all(outcome.message for outcome in report.outcomes)
    again = give(fitted, f"{FOLDING}\n1706.03762\nDiffusion on a lattice, as nobody listed it")
    assert {outcome.status for outcome in again.outcomes} == {SeedStatus.KNOWN}
    assert {seed.title for seed in list_seeds(fitted, token_of(fitted), NOW).seeds} == {
        FOLDING,
        ROBOTS,
        "arxiv:1706.03762",
        "Diffusion on a lattice, as nobody listed it",
    }
    assert list_seeds(fitted, token_of(fitted, BOB), NOW).seeds == ()
    assert {"folding", "robot", "lattice"} <= words_of(fitted).keys()
    assert words_of(fitted, BOB) == {}


def test_text_of_a_paper_that_is_none_of_ours_counts_and_survives_a_fit(fitted: AppContext) -> None:
    report = give(fitted, "@article{k, title={A strange title of it}, abstract={On a lattice.}, doi={10.1/abc}}")
    assert statuses(report) == [(1, SeedStatus.STORED)]
    assert words_of(fitted) == {"lattice": 1.0}
    assert refit_profiles(fitted, NOW + DAY) == 1
    assert words_of(fitted) == {"lattice": 1.0}


def test_an_identifier_that_waits_counts_once_its_paper_is_listed(fitted: AppContext) -> None:
    title = "Lattice models of spin"
    give(fitted, "10.1000/lattice-models-of-spin")
    assert words_of(fitted) == {}
    assert view_of(fitted).in_digest
    (paper_id,) = store_papers(fitted, NOW + DAY, title)
    refit_profiles(fitted, NOW + DAY)
    (seed,) = list_seeds(fitted, token_of(fitted), NOW).seeds
    assert (seed.paper_id, seed.title, seed.is_waiting) == (paper_id, title, False)
    assert words_of(fitted) == {"lattice": 1.0}
    with read_session(fitted.engine) as session:
        assert session.exec(select(SeedText)).all() == []


def test_examples_are_removed_by_their_owner_only(fitted: AppContext) -> None:
    give(fitted, f"{FOLDING}\nSomething about a lattice")
    keys = [seed.key for seed in list_seeds(fitted, token_of(fitted), NOW).seeds]
    assert remove_seeds(fitted, token_of(fitted, BOB), keys, NOW) == 0
    assert remove_seeds(fitted, token_of(fitted), [*keys, "paper:x", "text:", "paper:99999999999999999999"], NOW) == 2
    assert list_seeds(fitted, token_of(fitted), NOW).seeds == ()
    assert words_of(fitted) == {}


def test_there_is_room_for_so_many_examples(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        ada = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).one()
        session.add_all(
            SeedText(subscriber_id=int(ada or 0), reference=f"doi:10.1/{number}", created_at=NOW)
            for number in range(MAX_SEEDS - 1)
        )
    report = give(ctx, f"{FOLDING}\n{ROBOTS}\n10.1000/new")
    assert statuses(report) == [(1, SeedStatus.FOUND), (2, SeedStatus.FULL), (3, SeedStatus.FULL)]
    assert str(MAX_SEEDS) in report.outcomes[1].message


def test_a_paper_that_was_disliked_is_an_example_no_more_and_the_other_way_round(fitted: AppContext) -> None:
    with write_session(fitted.engine) as session:
        ada = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).one()
        paper_id = session.exec(select(Paper.id).where(Paper.title == FOLDING)).one()
        session.add(
            PaperMark(subscriber_id=int(ada or 0), paper_id=int(paper_id or 0), kind=MarkKind.LESS, created_at=NOW)
        )
        duplicate_id = session.exec(select(Paper.id).where(Paper.title == ROBOTS)).one()
        session.add(
            PaperMark(subscriber_id=int(ada or 0), paper_id=int(duplicate_id or 0), kind=MarkKind.LESS, created_at=NOW)
        )
        session.get_one(Paper, duplicate_id).merged_into = paper_id
    give(fitted, FOLDING)
    with read_session(fitted.engine) as session:
        assert session.exec(select(PaperMark.kind)).all() == [MarkKind.SEED]


def test_of_what_contradicts_itself_on_papers_that_are_one_the_latest_counts(fitted: AppContext) -> None:
    give(fitted, FOLDING)
    liked = words_of(fitted)
    with write_session(fitted.engine) as session:
        mark = session.exec(select(PaperMark)).one()
        duplicate = session.exec(select(Paper).where(Paper.title == ROBOTS)).one()
        duplicate.merged_into = mark.paper_id
        key = {"subscriber_id": mark.subscriber_id, "paper_id": int(duplicate.id or 0)}
        session.add(PaperMark(**key, kind=MarkKind.LESS, created_at=mark.created_at - DAY))
    refit_profiles(fitted, NOW)
    assert words_of(fitted) == liked
    with write_session(fitted.engine) as session:
        later = session.exec(select(PaperMark).where(PaperMark.kind == MarkKind.LESS)).one()
        later.created_at = NOW + DAY
    refit_profiles(fitted, NOW)
    assert words_of(fitted) == {}


def test_edits_survive_marks_examples_and_fits(fitted: AppContext) -> None:
    give(fitted, FOLDING)
    learned = words_of(fitted)
    assert max(learned.values()) == 1.0
    assert change(fitted, weights={"protein": 0.25, "diffusion": 0}, added=["Quantum"]).items() >= {
        ("protein", 0.25),
        ("quantum", 1.0),
    }
    refit_profiles(fitted, NOW + DAY)
    give(fitted, ROBOTS)
    words = words_of(fitted)
    assert (words["protein"], words["quantum"]) == (0.25, 1.0)
    assert "diffusion" not in words
    assert "robot" in words
    view = view_of(fitted)
    assert [word.key for word in view.struck] == ["diffusion"]
    assert {word.key for word in view.words if word.is_edited} == {"protein", "quantum"}
    assert {word.label for word in view.words} >= {"Protein", "Robot"}
    assert "diffusion" in change(fitted, restored=["diffusion"])
    assert words_of(fitted)["protein"] == 0.25
    assert change(fitted, replace_all=True).keys() == words_of(fitted).keys()
    assert "quantum" not in words_of(fitted)


@pytest.mark.parametrize(
    "edits",
    [
        {"weights": {"protein": 1.5}},
        {"weights": {"protein": -0.1}},
        {"weights": {"protein": float("nan")}},
        {"weights": {"one two three four": 0.5}},
        {"added": ["one two three four"]},
        {"added": ["x" * 101]},
        {"added": ["<>"]},
        {"added": [f"word{number}" for number in range(MAX_EDITS + 1)]},
    ],
)
def test_an_edit_that_cannot_be_made_changes_nothing(ctx: AppContext, edits: dict[str, object]) -> None:
    with pytest.raises(ProfileError):
        change(ctx, **edits)
    with read_session(ctx.engine) as session:
        assert session.exec(select(Profile)).all() == []


def test_without_counted_terms_only_added_words_count(ctx: AppContext) -> None:
    give(ctx, FOLDING)
    view = view_of(ctx)
    assert (view.words, view.is_fitted, view.fitted_at, view.liked_count) == ((), False, None, 1)
    assert change(ctx, added=["protein"]) == {"protein": 1.0}
    count_terms(ctx, *WORDS)
    assert refit_profiles(ctx, NOW + DAY) == 1
    assert words_of(ctx).keys() >= {"protein", "folding"}
    assert view_of(ctx).fitted_at == NOW + DAY


def test_a_profile_has_fifty_words(ctx: AppContext) -> None:
    words = [f"word{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(80)]
    count_terms(ctx, *words)
    give(ctx, f"@misc{{k, title={{Of many words}}, abstract={{{' '.join(words)}}}}}")
    assert len(words_of(ctx)) == PROFILE_SIZE


def test_a_disliked_paper_takes_words_away(fitted: AppContext) -> None:
    give(fitted, f"{FOLDING}\n{ROBOTS}")
    with write_session(fitted.engine) as session:
        ada = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).one()
        paper_id = session.exec(select(Paper.id).where(Paper.title == ROBOTS)).one()
        mark = session.exec(select(PaperMark).where(PaperMark.paper_id == paper_id)).one()
        session.delete(mark)
        session.flush()
        session.add(
            PaperMark(subscriber_id=int(ada or 0), paper_id=int(paper_id or 0), kind=MarkKind.LESS, created_at=NOW)
        )
    refit_profiles(fitted, NOW)
    assert not {"robot", "grasp"} & words_of(fitted).keys()
    assert view_of(fitted).mark_counts == {"seed": 1, "less": 1}


def test_all_profiles_are_fitted_but_one_that_cannot_be_read(fitted: AppContext) -> None:
    for number in range(60):
        add_active_subscriber(fitted, f"p{number}@example.org", "neural", now=NOW)
        give(fitted, FOLDING, email=f"p{number}@example.org")
    give(fitted, FOLDING)
    give(fitted, FOLDING, email=BOB)
    set_status(fitted.engine, "p7@example.org", SubscriberStatus.UNSUBSCRIBED)
    ada = StoreView(fitted.engine).subscriber(ADA).id
    spoil(fitted.engine, f"UPDATE profile SET words = '[1]' WHERE subscriber_id = {ada}")
    give(fitted, "10.1000/not-listed-yet", email=BOB)
    if fitted.engine.dialect.name == "sqlite":
        spoil(fitted.engine, "UPDATE seed_text SET title = x'ff'")
    add_active_subscriber(fitted, "odd@example.org", "quantum", now=NOW)
    edit_profile(fitted, token_of(fitted, "odd@example.org"), ProfileChange(added=["protein"]), NOW)
    spoil(fitted.engine, "UPDATE keyword SET canonical = '(((' WHERE canonical = 'quantum'")
    with write_session(fitted.engine) as session:
        session.exec(select(TermCount).where(TermCount.term == "residue")).one().paper_count = 999
        session.add(TermFit(id=next(fit_ids), paper_count=1000, last_paper_id=4, fitted_at=NOW))
    assert refit_profiles(fitted, NOW + DAY) == 62
    with read_session(fitted.engine) as session:
        fitted_at = dict(session.exec(select(Profile.subscriber_id, Profile.fitted_at)).all())
    assert sum(instant == NOW + DAY for instant in fitted_at.values()) == 61
    assert words_of(fitted, BOB)["residue"] < words_of(fitted, BOB)["protein"]


def test_only_what_is_older_than_the_count_of_terms_is_due_and_who_waits_for_a_paper(fitted: AppContext) -> None:
    give(fitted, FOLDING)
    assert refit_profiles(fitted, NOW + DAY, only_due=True) == 0
    give(fitted, "10.1000/not-listed-yet", email=BOB)
    assert refit_profiles(fitted, NOW + DAY, only_due=True) == 1, "Bob waits for a paper"
    with write_session(fitted.engine) as session:
        session.add(TermFit(id=next(fit_ids), paper_count=1000, last_paper_id=3, fitted_at=NOW + 2 * DAY))
    assert refit_profiles(fitted, NOW + 2 * DAY, only_due=True, should_stop=lambda: True) == 0
    assert refit_profiles(fitted, NOW + 2 * DAY, only_due=True) == 2
    assert refit_profiles(fitted, NOW + 2 * DAY, only_due=True) == 1


def test_a_mark_on_any_page_changes_the_words(fitted: AppContext) -> None:
    with read_session(fitted.engine) as session:
        paper_id = session.exec(select(Paper.id).where(Paper.title == ROBOTS)).one()
    token = sign_token(fitted, ADA, TokenPurpose.SAVED, NOW)
    change_mark(fitted, token, int(paper_id or 0), MarkKind.MORE, NOW, is_set=True)
    assert "robot" in words_of(fitted)
    assert view_of(fitted).in_digest
    change_mark(fitted, token, int(paper_id or 0), MarkKind.MORE, NOW, is_set=False)
    assert words_of(fitted) == {}


def test_the_section_is_on_with_examples_unless_the_subscriber_says_otherwise(fitted: AppContext) -> None:
    assert not view_of(fitted).in_digest
    give(fitted, FOLDING)
    assert view_of(fitted).in_digest
    for choice in (False, True, None):
        update_preferences(
            fitted, token_of(fitted), Preferences(close_papers=choice), parse_keywords_or_raise(["neural"]), None, NOW
        )
        assert view_of(fitted).profile.preferences.close_papers is choice
        assert view_of(fitted).in_digest is (choice is not False)
    assert words_of(fitted)


def test_who_opts_in_without_an_example_gets_the_words_of_what_their_keywords_find(fitted: AppContext) -> None:
    token = token_of(fitted)
    for keywords, words in ((["robot"], {"robot", "grasp", "object"}), (["quantum"], {"quantum", "error correction"})):
        preferences = Preferences(close_papers=True)
        update_preferences(fitted, token, preferences, parse_keywords_or_raise(keywords), None, NOW)
        assert words_of(fitted).keys() == words
    give(fitted, FOLDING)
    assert "quantum" not in words_of(fitted), "examples count alone"


def test_who_adds_words_wants_papers_by_them(fitted: AppContext) -> None:
    change(fitted, weights={"protein": 0})
    assert not view_of(fitted).in_digest
    change(fitted, added=["origami"])
    assert view_of(fitted).in_digest
    preferences = Preferences(close_papers=False)
    update_preferences(fitted, token_of(fitted), preferences, parse_keywords_or_raise(["robot"]), None, NOW)
    change(fitted, added=["lattice"])
    assert not view_of(fitted).in_digest, "they have said no"


def test_nothing_is_given_to_a_subscription_that_has_ended(fitted: AppContext) -> None:
    token = token_of(fitted)
    set_status(fitted.engine, ADA, SubscriberStatus.UNSUBSCRIBED)
    with pytest.raises(TokenError):
        give(fitted, FOLDING)
    with pytest.raises(TokenError):
        remove_seeds(fitted, token, ["paper:1"], NOW)
    with pytest.raises(TokenError):
        edit_profile(fitted, token, ProfileChange(added=["protein"]), NOW)
    with read_session(fitted.engine) as session:
        assert session.exec(select(PaperMark).where(col(PaperMark.subscriber_id) > 0)).all() == []
