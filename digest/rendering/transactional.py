"""E-mails about a subscription: confirm, already subscribed, welcome, copy link, goodbye."""

from dataclasses import fields

from digest import formatting
from digest.mail import EmailContent
from digest.rendering.contexts import NoticeContext, WelcomeContext
from digest.rendering.layout import leading_keywords, send_time_text
from digest.rendering.templates import render_email


def render_notice(context: NoticeContext) -> EmailContent:
    """Render a short e-mail about a subscription."""
    values = {field.name: getattr(context, field.name) for field in fields(context) if field.name != "templates"}
    values |= {"postal_address": formatting.truncate(context.postal_address)}
    return render_email(context.templates, context.template, values)


def render_welcome(context: WelcomeContext) -> EmailContent:
    """Render the e-mail after the confirmation."""
    keywords = leading_keywords(context.keywords)
    return render_email(
        context.templates,
        "welcome",
        {
            "product": context.product,
            "accent": context.accent,
            "frequency": formatting.frequency_label(context.frequency, context.weekday),
            "send_time": send_time_text(context.send_time),
            "keywords": keywords,
            "more_keywords": len(context.keywords) - len(keywords),
            "exclusions": leading_keywords(context.exclusions),
            "next_digest_on": context.next_digest_on,
            "preferences_url": context.preferences_url,
            "unsubscribe_url": context.unsubscribe_url,
            "postal_address": formatting.truncate(context.postal_address),
        },
    )
