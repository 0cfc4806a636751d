"""Profiles: the heaviest words of papers that somebody likes, as they see and edit them."""

from collections.abc import Mapping, Sequence

from digest.matching.similarity.space import TermSpace, Text

PROFILE_SIZE = 50  # words
PAPER_SIZE = 20  # words that stand for one paper
DISLIKED_SHARE = 0.5  # what a paper that somebody wants less like counts against one that they like
DECIMALS = 3


def build_profile(
    space: TermSpace,
    liked: Sequence[Text],
    disliked: Sequence[Text] = (),
    edits: Mapping[str, float] | None = None,
    size: int = PROFILE_SIZE,
) -> dict[str, float]:
    """Return the heaviest words of the papers that somebody likes, with their weights: the heaviest first.

    It is the mean of the liked papers less half of that of the disliked ones; the heaviest word has the weight 1. Rare
    words are lifted: comparing looks only for whether a paper has a word, and not for how rare it is.
    `edits` are weights of their own in the same scale, which always stand; a word with 0 is left out.
    """
    import numpy as np

    edited = edits or {}
    weights = np.zeros(len(space.columns), dtype=np.float64)
    if liked:
        weights += np.asarray(space.vectorize(liked).mean(axis=0)).ravel()
    if disliked:
        weights -= DISLIKED_SHARE * np.asarray(space.vectorize(disliked).mean(axis=0)).ravel()
    weights *= np.sqrt(space.weights)
    weights[[space.columns[term] for term in edited if term in space.columns]] = 0
    added = {term: weight for term, weight in edited.items() if weight > 0}
    positive = np.flatnonzero(weights > 0)
    heaviest = positive[np.argsort(-weights[positive], kind="stable")][: max(size - len(added), 0)]
    terms, unit = space.terms, max(weights[heaviest].max(initial=0), 1e-9)
    profile = added | {terms[column]: round(float(weights[column] / unit), DECIMALS) for column in heaviest.tolist()}
    return dict(sorted(profile.items(), key=lambda item: (-item[1], item[0])))


def describe_paper(space: TermSpace, text: Text, size: int = PAPER_SIZE) -> dict[str, float]:
    """Return the heaviest words of one paper with their weights: what `like:` looks for in others."""
    return build_profile(space, [text], size=size)
