"""Installed sources: found by entry points, checked, and created from settings."""

from digest.config import Settings
from digest.sources import find_load_errors, find_unread, listing_titles, loaded_sources


def test_our_sources_are_found_and_sound() -> None:
    assert {"arxiv", "huggingface"} <= set(loaded_sources())
    assert find_load_errors() == ()


def test_the_titles_of_the_listings_follow_from_the_settings() -> None:
    settings = Settings(_env_file=None, sources="arxiv,huggingface")
    assert listing_titles(settings) == {"arxiv": "arXiv", "huggingface": "Hugging Face"}


def test_settings_of_a_source_that_is_not_in_use_are_named() -> None:
    settings = Settings(_env_file=None, sources="arxiv", feeds="jacs = https://example.org/feed", pubmed_query="")
    assert [(fault.name, fault.reason) for fault in find_unread(settings)] == [
        ("feeds", "is not read, although DIGEST_FEEDS is set: add feeds to DIGEST_SOURCES")
    ]
    assert find_unread(settings.model_copy(update={"sources": ("arxiv", "feeds")})) == ()
