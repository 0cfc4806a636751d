"""What a letter says. Pure: values in, `Letter(subject, text, html)` out; the words stand in templates/mail."""

from digest.rendering.batch import BatchData, load_batch
from digest.rendering.build_contexts import digest_context, preview_context
from digest.rendering.cache import RenderCache, is_late, listed_days, paper_view, snapshot, stamp
from digest.rendering.compose import PreparedEmail, prepare_email
from digest.rendering.contexts import DigestContext, FirstPapers, PaperView, PersonalLinks, SendTime
from digest.rendering.digest import render_digest
from digest.rendering.match_cache import MatchCache, PaperSnapshot, highlight_matches
from digest.rendering.paper_card import PaperCard, TextPart, personal_card, split_text
from digest.rendering.templates import template_folder

__all__ = [
    "BatchData",
    "DigestContext",
    "FirstPapers",
    "MatchCache",
    "PaperCard",
    "PaperSnapshot",
    "PaperView",
    "PersonalLinks",
    "PreparedEmail",
    "RenderCache",
    "SendTime",
    "TextPart",
    "digest_context",
    "highlight_matches",
    "is_late",
    "listed_days",
    "load_batch",
    "paper_view",
    "personal_card",
    "prepare_email",
    "preview_context",
    "render_digest",
    "snapshot",
    "split_text",
    "stamp",
    "template_folder",
]
