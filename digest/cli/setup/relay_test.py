"""Test of the relay: a real e-mail to the operator."""

import secrets
from email.utils import parseaddr
from typing import TYPE_CHECKING

import typer

from digest.cli.output import print_error, print_note, utc_now
from digest.cli.process import run_coroutine
from digest.cli.setup import messages
from digest.cli.setup.questions import QUESTIONS, RELAY_SETTINGS, Answers, ask, load_answers
from digest.errors import DeliveryError, UsageError

if TYPE_CHECKING:
    from digest.config import Settings


def send_until_accepted(settings: "Settings", answers: Answers, *, asks: bool) -> "Settings":
    """Send an e-mail to the operator; ask for the relay again until it leaves. Raises DeliveryError or UsageError."""
    if not answers["contact"]:
        raise UsageError(messages.TEST_NEEDS_CONTACT)
    while True:
        print_note(messages.testing_relay(settings.smtp_host, settings.smtp_port, answers["contact"]))
        try:
            run_coroutine(send_test_email(settings, answers["contact"]))
        except (DeliveryError, TimeoutError) as error:
            print_error(messages.relay_failed(describe_failure(error)))
            if not (asks and typer.confirm(messages.ASK_RELAY_AGAIN, default=True, err=True)):
                print_error(messages.NOTHING_WRITTEN)
                raise typer.Exit(1) from error
            before = dict(answers)
            for question in (question for question in QUESTIONS if question.setting in RELAY_SETTINGS):
                ask(question, answers, before, None, asks=True)
            settings = load_answers(answers)
            if not settings.has_relay:
                return settings
        else:
            print_note(messages.relay_tested(answers["contact"]))
            return settings


async def send_test_email(settings: "Settings", recipient: str) -> None:
    """Send one e-mail through the relay, signed as all others will be."""
    from digest.config import load_template_folder
    from digest.context import load_dkim_signer, relay_config_from, sender_domain
    from digest.mail import MessageHeaders, OutgoingMessage, SmtpConnection, build_message
    from digest.rendering import RelayTestContext, render_notice

    async def always() -> bool:
        return True

    domain = sender_domain(settings.mail_from)
    context = RelayTestContext(
        product=settings.site_name,
        accent=settings.accent,
        templates=load_template_folder(settings.templates),
        postal_address=settings.postal_address,
    )
    headers = MessageHeaders(
        from_=settings.mail_from,
        to=recipient,
        message_id=f"{secrets.token_hex(16)}@{domain}",
        date=utc_now(),
        list_id=f"digest.{domain}",
        feedback=f"setup:{domain}",
    )
    message = build_message(render_notice(context), headers)
    if signer := load_dkim_signer(settings):
        message = signer.sign(message)
    async with SmtpConnection(relay_config_from(settings)) as connection:
        await connection.send(OutgoingMessage(parseaddr(settings.mail_from)[1], recipient, message), always)


def describe_failure(error: Exception) -> str:
    """Return what the relay said, and what to do about it."""
    from digest.mail import replies

    if not isinstance(error, DeliveryError):
        return messages.RELAY_SILENT
    return "; ".join(filter(None, [str(error), replies.classify_error(error).advice]))
