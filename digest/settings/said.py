"""What is said about a setting that cannot be used."""

import re
from typing import Any

ENV_PREFIX = "DIGEST_"
EXAMPLES = {
    "database_url": "sqlite:///var/digest.db",
    "base_url": "https://digest.example.org",
    "secret_key": "$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')",
    "secret_keys_old": "the key before, and the one before that",
    "smtp_host": "smtp.example.org",
    "smtp_port": "587",
    "smtp_username": "digest",
    "smtp_password": "the password that the relay gave you",
    "smtp_tls": "starttls",
    "smtp_rate": "10",
    "smtp_domain_rate": "2",
    "smtp_connections": "4",
    "smtp_reuse": "100",
    "smtp_timeout": "60",
    "mail_from": "Paper Digest <digest@example.org>",
    "bounce_address": "bounces@digest.example.org",
    "imap_host": "imap.example.org",
    "imap_port": "993",
    "imap_username": "bounces@digest.example.org",
    "imap_password": "the password of that mailbox",
    "imap_folder": "INBOX",
    "imap_tls": "tls",
    "dkim_key": "/etc/digest/dkim.pem",
    "dkim_selector": "digest",
    "dkim_domain": "example.org",
    "postal_address": "1 Example Street, 12345 Exampletown",
    "sources": "huggingface,arxiv",
    "arxiv_categories": "cs.CL,cs.LG",
    "huggingface_url": "https://huggingface.co",
    "arxiv_feed_url": "https://rss.arxiv.org",
    "arxiv_api_url": "https://export.arxiv.org",
    "contact": "you@example.org",
    "default_timezone": "Europe/Berlin",
    "send_hour": "8",
    "most_keywords": "100",
    "longest_keyword": "2000",
    "most_terms": "64",
    "deepest_nesting": "16",
    "web_copy_days": "90",
    "thumbnails": "yes",
    "operator_token": "a-long-word-of-your-own-making",
    "metrics_token": "another-long-word-of-your-own",
    "overdue_minutes": "60",
    "log_format": "json",
    "trusted_proxies": "127.0.0.1,10.0.0.0/8",
}
SECRETS = {"secret_key", "secret_keys_old", "smtp_password", "imap_password", "operator_token", "metrics_token"}


def format_error(error: dict[str, Any]) -> str:
    """What is wrong with one setting, without what may be secret, and how it would be right."""
    said = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return said
    name = str(error["loc"][0]).lower().removeprefix(ENV_PREFIX.lower())
    given = "" if name in SECRETS else f" (it is {mask_passwords(str(error['input']))!r})"
    return f"{ENV_PREFIX}{name.upper()}: {said}{given}.{format_example(name)}"


def mask_passwords(value: str) -> str:
    """`value` without what may be a password: all between `//` and `@`, and after `password=`."""
    return re.sub(r"(?i)(password=)[^&\s]*", r"\1***", re.sub(r"//.*@", "//***@", value))


def format_example(name: str) -> str:
    """How a setting is written."""
    return f" Example: {ENV_PREFIX}{name.upper()}={EXAMPLES[name]}"
