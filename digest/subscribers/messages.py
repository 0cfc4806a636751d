"""Sentences about papers that subscribers give as examples, and about the words that are learned."""

from digest.formatting import format_number

SEED_FOUND = "Found among our papers."
SEED_STORED = "Not among our papers. We use its title and abstract."
SEED_STORED_TITLE = "Not among our papers. We use its title."
SEED_WAITING = "Not among our papers yet. It counts as soon as one of our sources lists it."
SEED_KNOWN = "You have given this paper before."
SEED_UNKNOWN_IDENTIFIER = "We cannot look up papers by this identifier. Use an arXiv ID, a DOI or the title."


def seed_full(limit: int) -> str:
    return f"There is no room for it: you can give at most {format_number(limit)} papers. Remove some first."


def invalid_weight(word: str) -> str:
    return f"“{word[:40]}” cannot have this weight. Use a number from 0 to 100."


def invalid_word(text: str) -> str:
    return f"“{text[:40]}” is not one or two words. Add one or two words at a time."


def too_many_words(limit: int) -> str:
    return f"You can weigh, remove or add at most {format_number(limit)} words."
