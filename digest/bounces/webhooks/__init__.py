"""Bounces and complaints that mail providers report by webhook. One module a provider, over the same classifier.

- `amazon_ses`: Amazon SES, by the signed messages of Amazon SNS
- `certificates`: certificates that Amazon SNS signs with
- `events`: what the request of a provider says
- `handler`: verification of a request, and the consequences of its events
- `mailgun`: Mailgun, signed with HMAC
- `postmark`: Postmark, with a secret by basic authentication
- `sendgrid`: SendGrid, signed with ECDSA

An event is acted upon only if it carries the token that our message had in its metadata (`mail.provider_metadata`).
"""

from digest.bounces.webhooks.certificates import CertificateStore
from digest.bounces.webhooks.handler import WebhookReport, apply_events, verify_webhook

__all__ = ["CertificateStore", "WebhookReport", "apply_events", "verify_webhook"]
