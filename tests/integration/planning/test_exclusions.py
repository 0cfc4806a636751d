"""Exclusions and fields in planning, for papers that are new, trending or undelivered."""

from digest.context import AppContext
from digest.database.models import DeliveryState
from digest.subscribers import Preferences, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    mailed_paper_ids,
    plan_digests,
    sign_token,
    store_papers,
)


def test_an_exclusion_keeps_papers_from_its_subscriber_alone(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "-survey", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    walks, survey = store_papers(ctx, TUESDAY, "A robot walks", "A survey of robots")
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record) == [[walks]]
    assert [sorted(papers) for papers in mailed_paper_ids(record, BOB)] == [[walks, survey]]


def test_exclusions_alone_bring_trending_papers(ctx: AppContext, record: StoreView) -> None:
    """Its subscriber gets trending papers, except the excluded ones."""
    add_active_subscriber(ctx, ADA, "-survey", now=TUESDAY)
    walks, _ = store_papers(ctx, TUESDAY, "A robot walks", "A survey of robots", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record) == [[walks]]


def test_trending_papers_are_excluded_too_even_if_listed_before(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "-survey", now=TUESDAY - DAY, trending=True)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY - DAY, trending=True)
    survey, _ = store_papers(ctx, TUESDAY - DAY, "A survey of proteins", "Proteins")
    assert plan_digests(ctx, TUESDAY - DAY).without_papers == 2
    walks = store_papers(ctx, TUESDAY, "A robot walks", "A survey of proteins", source="huggingface", upvotes=9)[0]
    plan_digests(ctx, TUESDAY)
    assert sorted(mailed_paper_ids(record, BOB)[0]) == sorted([survey, walks])
    assert mailed_paper_ids(record) == [[walks]]


def test_an_exclusion_added_since_holds_for_undelivered_papers(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A survey of robots")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.FAILED)
    rewrite(ctx, "robot", "-survey")
    store_papers(ctx, TUESDAY + DAY, "A protein folds")
    assert plan_digests(ctx, TUESDAY + DAY).digests == 0


def test_a_keyword_can_name_a_source(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "source:huggingface AND robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    [swims] = store_papers(ctx, TUESDAY, "A robot swims", source="huggingface")
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record) == [[swims]]


def rewrite(ctx: AppContext, *keywords: str) -> None:
    update_preferences(
        ctx,
        sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        Preferences(),
        parse_keywords_or_raise([*keywords]),
        None,
        TUESDAY,
    )


def test_every_paper_of_an_earlier_digest_counts_as_delivered(ctx: AppContext, record: StoreView) -> None:
    """Both trend after they were mailed; the second one of that e-mail is remembered as well as the first."""
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, trending=True)
    titles = ("A robot walks", "A robot swims", "A robot sings")
    store_papers(ctx, TUESDAY, *titles)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    store_papers(ctx, TUESDAY + DAY, *titles, source="huggingface", upvotes=9)
    [new] = store_papers(ctx, TUESDAY + DAY, "A new robot")
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record)[1:] == [[new]]
