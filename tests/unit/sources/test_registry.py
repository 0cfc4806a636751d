"""Installed sources: found by entry points, checked, and created from settings."""

from digest.config import Settings
from digest.sources import find_faults, listing_titles, loaded_sources


def test_our_sources_are_found_and_sound() -> None:
    assert {"arxiv", "huggingface"} <= set(loaded_sources())
    assert find_faults() == ()


def test_the_titles_of_the_listings_follow_from_the_settings() -> None:
    settings = Settings(_env_file=None, sources="arxiv,huggingface")
    assert listing_titles(settings) == {"arxiv": "arXiv", "huggingface": "Hugging Face"}
