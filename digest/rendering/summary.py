"""What a digest says before its papers, for pages that show the same."""

from dataclasses import dataclass

from digest.rendering import layout
from digest.rendering.contexts import DigestContext
from digest.rendering.layout import KeywordCount


@dataclass(frozen=True, slots=True)
class DigestSummary:
    """Subject and headline of a digest, and how many of its papers each keyword matched, the busiest first."""

    subject: str
    headline: str
    counts: tuple[KeywordCount, ...]


def summarize_digest(context: DigestContext) -> DigestSummary:
    """Return what the digest says before its papers, in the same words as the e-mail."""
    counts, matched = layout.count_by_keyword(context), layout.count_matched(context)
    return DigestSummary(
        layout.subject_text(context, counts, matched), layout.headline_text(context, matched), tuple(counts)
    )
