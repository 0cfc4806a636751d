"""What e-mails say: the rows of a batch in, messages out.

- `batch`: rows that the e-mails of a batch need, and the cache that outlives it
- `build_contexts`: contexts of e-mails, from the rows of a batch
- `close_papers`: papers close to a profile, and the words that brought them
- `compose`: a delivery's message
- `contexts`: what each kind of e-mail is rendered from
- `digest`: the digest
- `fragment_cache`: rendered papers and other fragments that e-mails share
- `fragments`: templates rendered and encoded once, with placeholders
- `layout`: the digest around its papers
- `messages`: sentences that depend on counts and frequency
- `match_cache`: which keywords match a paper, and where
- `merged_papers`: digests that were queued before two of their papers turned out to be one
- `paper_card`: a paper as a card or a row
- `plain_text`: wrapped paragraphs
- `retracted_papers`: digests that were queued before one of their papers was retracted or withdrawn
- `summary`: subject, headline and counts of a digest, for pages
- `template_check`: faults of the operator's templates, before anybody gets an e-mail
- `templates`: folders of templates, and the Jinja environment
- `theme`: colors and fonts
- `transactional`: e-mails about a subscription
"""

from digest.rendering.batch import (
    BatchData,
    Recipient,
    RenderCache,
    SubscriberKeyword,
    load_batch,
    match_batch,
)
from digest.rendering.build_contexts import digest_context, preview_context
from digest.rendering.close_papers import explain_close_papers
from digest.rendering.compose import PreparedEmail, prepare_email
from digest.rendering.contexts import (
    AddressChangeContext,
    AddressChangedContext,
    AddressRestoredContext,
    AlreadySubscribedContext,
    ClosePaper,
    ConfirmContext,
    CopyLinkContext,
    DigestContext,
    GoodbyeContext,
    PaperView,
    PersonalLinks,
    RelayTestContext,
    SendTime,
    Welcome,
    WelcomeContext,
)
from digest.rendering.digest import render_digest
from digest.rendering.match_cache import MatchCache, highlight_matches
from digest.rendering.paper_card import (
    PaperCard,
    PersonalFields,
    TextPart,
    build_card,
    split_text,
)
from digest.rendering.summary import DigestSummary, summarize_digest
from digest.rendering.template_check import check_email_templates, check_templates, copy_templates, template_names
from digest.rendering.templates import create_environment, template_folder
from digest.rendering.theme import HIGHLIGHT_COLORS, THEME, create_theme
from digest.rendering.transactional import render_notice, render_welcome

__all__ = [
    "HIGHLIGHT_COLORS",
    "THEME",
    "AddressChangeContext",
    "AddressChangedContext",
    "AddressRestoredContext",
    "AlreadySubscribedContext",
    "BatchData",
    "ClosePaper",
    "ConfirmContext",
    "CopyLinkContext",
    "DigestContext",
    "DigestSummary",
    "GoodbyeContext",
    "MatchCache",
    "PaperCard",
    "PaperView",
    "PersonalFields",
    "PersonalLinks",
    "PreparedEmail",
    "Recipient",
    "RelayTestContext",
    "RenderCache",
    "SendTime",
    "SubscriberKeyword",
    "TextPart",
    "Welcome",
    "WelcomeContext",
    "build_card",
    "check_email_templates",
    "check_templates",
    "copy_templates",
    "create_environment",
    "create_theme",
    "digest_context",
    "explain_close_papers",
    "highlight_matches",
    "load_batch",
    "match_batch",
    "prepare_email",
    "preview_context",
    "render_digest",
    "render_notice",
    "render_welcome",
    "split_text",
    "summarize_digest",
    "template_folder",
    "template_names",
]
