"""What a letter says. Pure: values in, `Letter(subject, text, html)` out; the words stand in templates/mail."""

from digest.letters.account import (
    render_already_subscribed,
    render_confirm,
    render_copy_link,
    render_goodbye,
    render_welcome,
)
from digest.letters.newspapers import render_digest
from digest.letters.templates import template_folder
from digest.letters.values import (
    AlreadySubscribedContext,
    ConfirmContext,
    CopyLinkContext,
    DigestContext,
    EmailContent,
    FirstPapers,
    GoodbyeContext,
    PaperView,
    PersonalLinks,
    SendTime,
    WelcomeContext,
)

__all__ = [
    "AlreadySubscribedContext",
    "SendTime",
    "ConfirmContext",
    "CopyLinkContext",
    "DigestContext",
    "FirstPapers",
    "GoodbyeContext",
    "EmailContent",
    "PaperView",
    "PersonalLinks",
    "WelcomeContext",
    "render_already_subscribed",
    "render_confirm",
    "render_copy_link",
    "render_digest",
    "template_folder",
    "render_goodbye",
    "render_welcome",
]
