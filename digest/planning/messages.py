"""Sentences about rows that are skipped when digests are planned, by the names of their columns."""

SUBSCRIBER_NUMBERS = "covered_listing_id, covered_from, cap, trending or about_only is not a valid number"
SOURCES_NOT_A_LIST = "sources is not a list"
PROFILE_NOT_READABLE = "words or waiting_papers cannot be read"


def not_a_number(column: str) -> str:
    return f"{column} is not a number"
