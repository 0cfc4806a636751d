"""Examples of settings, for messages about values that cannot be used."""

ENV_PREFIX = "DIGEST_"
EXAMPLES = {
    "database_url": "sqlite:///var/digest.db", "base_url": "https://digest.example.org",
    "secret_key": "$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')",
    "secret_keys_old": "the key before, and the one before that", "smtp_host": "smtp.example.org", "smtp_port": "587",
    "smtp_username": "digest", "smtp_password": "the password that the relay gave you", "smtp_tls": "starttls",
    "smtp_rate": "10", "smtp_domain_rate": "2", "smtp_connections": "4", "smtp_reuse": "100", "smtp_timeout": "60",
    "mail_from": "Paper Digest <digest@example.org>", "bounce_address": "bounces@digest.example.org",
    "imap_host": "imap.example.org", "imap_port": "993", "imap_username": "bounces@digest.example.org",
    "imap_password": "the password of that mailbox", "imap_folder": "INBOX", "imap_tls": "tls",
    "bounces_ses_topic": "arn:aws:sns:eu-west-1:123456789012:digest-bounces",
    "bounces_sendgrid_key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEag5UMdCFQKZgiyCWttogP8gb8kUJ0zaVmy"
    "aPav2UCZZMm8ldkOTEwSzdt5ZIyxsfyUmKIM+jTsEqu2eUxUcGPQ==",
    "bounces_mailgun_key": "the HTTP webhook signing key", "bounces_postmark_secret": "a-long-word-of-your-own-making",
    "dkim_key": "/etc/digest/dkim.pem", "dkim_selector": "digest", "dkim_domain": "example.org",
    "postal_address": "1 Example Street, 12345 Exampletown", "sources": "huggingface,arxiv",
    "site_name": "Papers of the Example Lab", "intro": "New papers for the Example Lab and its friends.",
    "accent": "#9c1c2e", "logo": "/etc/digest/logo.svg", "templates": "/etc/digest/templates",
    "footer_links": "Imprint=https://example.org/imprint,The lab=https://example.org",
    "documentation_url": "https://docs.example.org/digest",
    "host_gaps": "api.example.org=2", "contact": "you@example.org", "default_timezone": "Europe/Berlin",
    "send_hour": "8", "most_keywords": "100", "longest_keyword": "2000", "most_terms": "64",
    "deepest_nesting": "16", "web_copy_days": "90",
    "keep_papers_days": "400",
    "thumbnails": "yes", "operator_token": "a-long-word-of-your-own-making",
    "metrics_token": "another-long-word-of-your-own", "overdue_minutes": "60", "log_format": "json",
    "trusted_proxies": "127.0.0.1,10.0.0.0/8",
}  # fmt: skip
SECRET_SETTINGS = {
    "secret_key", "secret_keys_old", "smtp_password", "imap_password", "bounces_mailgun_key",
    "bounces_postmark_secret", "operator_token", "metrics_token",
}  # fmt: skip
