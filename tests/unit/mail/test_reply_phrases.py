"""Wordings of relays, providers, hosting panels and languages, with the reason that each gives."""

import re

import pytest

from digest.mail.replies import ReplyTopic, SmtpStep, classify_bounce, classify_reply
from digest.mail.reply_phrases import PHRASES
from digest.mail.reply_rules import REASONS, STATUS_PHRASES, STATUSES, WEAK_REASONS

# Reason: replies to RCPT or to the final dot, in our own words after the pattern of each system.
REPLIES: dict[str, tuple[str, ...]] = {
    "no such mailbox": (
        "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in virtual table",
        "550 No such user here",
        "550 <ada@example.org>: the account ada@example.org does not exist",
        "550-5.1.1 The e-mail address that you tried to reach does not exist. 550 5.1.1 look for typos",
        "550 5.4.1 Recipient address rejected: Access denied. [AB1EUR01FT012.eop-EUR01.prod.protection.outlook.com]",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        "511 sorry, no mailbox here by that name (#5.1.1)",
        "550 Unknown local part ada in <ada@example.org>",
        "553 Requested action not taken: mailbox name not allowed",
        "550 User ada not listed in public directory",
        "554 5.1.1 NoSuchUser: who is that",
        "550 Empfänger <ada@example.org> unbekannt",
        "550 Postfach ada@example.org wurde nicht gefunden",
        "550 Utilisateur ada inconnu",
        "550 L'adresse ada@example.org n'existe pas",
        "550 El usuario ada@example.org no existe",
        "550 Usuário ada não encontrado",
        "550 Utente sconosciuto",
        "550 Gebruiker is onbekend",
        "550 Użytkownik ada nie istnieje",
        "550 Mottagaren är okänd",
        "550 Пользователь ada не найден",
        "550 Нет такого пользователя",
        "550 用户不存在",
        "550 收件人地址无效",
        "550 このアドレスは見つかりません",
        "550 존재하지 않음: 사용자 없음",
    ),
    "takes no mail": ("556 5.1.10 example.org has a null MX", "550 host does not accept mail"),
    "moved": (
        "550 5.1.6 has moved",
        "551 User not local; please try another host",
        "550 ada@example.org is no longer with this company",
    ),
    "no such domain": (
        "550 5.1.2 nothing there",
        "550 Unrouteable address",
        "550 Host or domain name not found",
    ),
    "mailbox disabled": ("550 5.2.1 that e-mail account is not taken care of",),
    "mailbox off": (
        "550 Account ada is temporarily suspended",
        "550 User ada@example.org is disabled",
        "550 邮箱已冻结",
    ),
    "mailbox full": (
        "552 5.2.2 over quota",
        "452 4.2.2 The inbox is out of storage space",
        "550 5.1.1 <ada@example.org>: mailbox full",
        "552 Requested mail action aborted: exceeded storage allocation",
        "552 no",
        "554 Postfach ist voll",
        "552 Boîte aux lettres pleine",
        "552 El buzón está lleno",
        "552 A caixa de entrada está cheia",
        "552 La casella è piena",
        "552 Ящик переполнен",
        "552 邮箱已满",
        "552 容量超過",
    ),
    "mailbox restricted": (
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required",
        "550 5.7.134 sender was not authenticated when sending to this mailbox",
        "550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized",
        "550 5.7.124 sender is not in the list of the allowed",
        "550 5.7.1 the sender isn't on the recipient's list of senders to accept mail from",
        "550 this recipient is only accepting mail from known addresses",
    ),
    "mailbox busy": (
        "450 4.2.1 The user you are writing to is receiving mail at a rate that stops more of it",
        "550 5.2.1 The user you are writing to is receiving mail too quickly",
    ),
    "on a suppression list": (
        "554 Address is on the suppression list for your account",
        "406 You tried to send to an inactive recipient",
    ),
    "not logged in": (
        "550-client.example [192.0.2.1] is not permitted to relay through this server without authentication.",
        "550-Please turn on SMTP Authentication in your mail program.",
        "530 5.7.0 Authentication needed",
        "550 5.7.57 Client not authenticated to send mail",
        "554 5.7.1 you must authenticate first",
        "550 Anmeldung erforderlich",
        "550 5.7.0 Authentification requise",
        "550 需要身份验证",
    ),
    "login refused": (
        "535 5.7.8 Username and Password not accepted",
        "534 5.7.9 Application-specific password wanted",
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled",
        "535 Incorrect authentication data",
        "535 登录失败",
    ),
    "relaying refused": (
        "550 relay not permitted",
        "554 5.7.1 <ada@example.org>: Relay access denied",
        "550 5.7.1 Unable to relay for ada@example.org",
        "550-client.example [192.0.2.1] is not permitted to relay through this host.",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        "550 5.7.64 TenantAttribution; Relay Access Denied",
        "550 5.7.1 Invalid credentials for relay [192.0.2.1]",
        "550 5.7.1 Relaying denied. Proper authentication is missing",
        "550 This server is not a gateway",
        "550 Weiterleitung nicht erlaubt",
        "554 不允许中继",
    ),
    "sender refused": (
        "553 5.7.1 <us@example.org>: Sender address rejected: not owned by user digest",
        "450 4.1.8 <us@example.org>: Sender address rejected: Domain not found",
        "550 5.1.8 bad sender",
        "553 Mail from must equal authorized user",
        "554 5.2.252 SendAsDenied; we may not send as us",
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "550 Invalid sender",
        "550 Absender abgelehnt",
        "550 Emetteur invalide",
        "550 El remitente fue rechazado: remitente rechazado",
        "550 发件人不合法",
    ),
    "sender not verified": (
        "550-Verification failed for <us@example.org>",
        "550 Sender verify failed",
        "554 Message rejected: Email address is not verified. The following identities failed the check in region X",
        "550 The from address does not match a verified Sender Identity",
        "554 Sandbox subdomains are for trying out only",
        "550 Sender signature not found",
    ),
    "account suspended": (
        "454 Sending is paused: sending for this account suspended",
        "550 5.7.501 Access denied, abuse seen",
        "550 5.1.8 Access denied, bad outbound sender",
        "535 Your account has been disabled",
    ),
    "quota used up": (
        "550 You have exceeded your quota of 200 e-mails per hour",
        "550 Domain example.org has exceeded the max emails per hour (123/100 (123%)) allowed. Message discarded.",
        "550 Domain example.org has exceeded the max defers and failures per hour (5/5 (100%)) allowed",
        "550 5.4.5 Daily user sending limit exceeded",
        "454 Throttling failure: Daily message quota exceeded.",
        "550 5.1.90 no more for today",
        "451 Maximum credits exceeded",
        "550 Tageslimit erreicht",
        "550 Vous avez atteint la limite d'envoi",
        "550 Ha superado el límite diario",
        "554 превышен лимит",
        "554 MI:STC 192.0.2.1",
        "550 发送超过每日限额",
    ),
    "not authenticated": (
        "550 5.7.26 This mail is unauthenticated",
        "550 5.7.1 rejected by the DMARC policy of example.org",
        "550 SPF check failed",
        "550 5.7.509 Access denied, sending domain fails",
        "421 4.7.27 Your e-mail has been rate limited because SPF did not pass",
    ),
    "no reverse name": (
        "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]",
        "550 5.7.25 no PTR record",
        "554 (RDNS) reverse DNS lookup failed",
    ),
    "taken for spam": (
        "554 5.7.1 Message rejected as spam by content filter",
        "550 mail content denied",
        "550 spam message rejected",
        "554 DT:SPM 垃圾邮件",
        "550 Спам обнаружен",
    ),
    "blocked": (
        "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de) (BL)",
        "550 5.7.1 messages from [192.0.2.1] weren't sent; part of their network is on our block list (S3150)",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
        "550 see http://www.barracudacentral.org/lookups?ip=192.0.2.1",
        "554 5.7.1 Poor reputation of your address",
        "550 Your IP 192.0.2.1 was rejected",
        "554 IP地址在黑名单中",
    ),
    "too many at once": (
        "454 Throttling failure: Maximum sending rate exceeded.",
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        "452 4.5.3 Too many messages in this session",
        "421 4.7.28 an unusual rate of unsolicited mail comes from your network",
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints",
        "451 4.7.650 The mail server has been temporarily rate limited due to IP reputation",
        "421 RP-001 that is more than we take from you",
        "450 4.7.1 Error: too much mail from 192.0.2.1",
        "421 Too many concurrent SMTP connections",
        "450 Mail frequency limited",
        "421 Trop de connexions, réessayez",
        "450 Zu viele Verbindungen",
        "450 Слишком много писем",
        "421 连接数过多",
        "421 we close here",
    ),
    "too large": ("552 5.3.4 the message is too big", "554 5.2.3 no", "550 Message size exceeds fixed limit"),
    "greylisted": (
        "450 4.2.0 <ada@example.org>: Greylisted, see postgrey",
        "451 4.7.1 please try again in 300 seconds",
    ),
    "content": ("554 5.6.0 not parsed", "550 Messages missing a valid message-id: header are refused here"),
    "gave up": ("550 4.4.7 queue expired", "554 retry timeout exceeded"),
    "against a policy": ("554 5.7.1 because of our policy", "550 Administrative prohibition"),
    "fault of a system": (
        "451 4.3.0 queue file write error",
        "452 4.3.1 Insufficient system resources",
        "554 Mail loop",
    ),
    "no way there": ("550 5.4.4 nothing resolves",),
    "try later": ("451 temporarily deferred", "450 Veuillez essayer plus tard"),
}
CASES = [(reason, text) for reason, texts in REPLIES.items() for text in texts]


def split(reply: str) -> tuple[int, str]:
    return int(reply[:3]), re.sub(rf"\b{reply[:3]}[- ]", "", reply)


@pytest.mark.parametrize(("reason", "reply"), CASES)
def test_a_wording_gives_its_reason_at_rcpt(reason: str, reply: str) -> None:
    code, text = split(reply)
    classified = classify_reply(code, text, SmtpStep.RCPT)
    assert (classified.reason, classified.topic) == (reason, REASONS[reason].topic)
    assert classified.is_dead is (REASONS[reason].is_dead and code >= 500)


@pytest.mark.parametrize(("reason", "reply"), CASES)
def test_after_the_dot_and_in_a_bounce_the_same_is_about_us(reason: str, reply: str) -> None:
    code, text = split(reply)
    status = re.search(r"\b[45]\.\d+\.\d+\b", text)
    bounce = classify_bounce(status[0] if status else "", [text], final=True)
    after_dot = classify_reply(code, text, SmtpStep.DATA)
    ours = {ReplyTopic.SENDER, ReplyTopic.RATE}
    if bounce.topic is not ReplyTopic.UNKNOWN:  # some say nothing but a code
        assert (bounce.topic in ours) is (REASONS[reason].topic in ours)
    assert (after_dot.topic in ours) is (REASONS[reason].topic in ours)


@pytest.mark.parametrize(
    ("reason", "reply"), [case for case in CASES if REASONS[case[0]].topic is not ReplyTopic.MAILBOX]
)
def test_a_reply_about_us_ends_no_subscription_at_any_step(reason: str, reply: str) -> None:
    code, text = split(reply)
    for step in SmtpStep:
        classified = classify_reply(code, text, step)
        assert (classified.is_dead, classified.topic is ReplyTopic.MAILBOX) == (False, False)


def test_the_reasons_of_all_tables_are_known() -> None:
    phrases = {reason for reason, _ in PHRASES}
    assert phrases | {reason for _, _, reason in STATUS_PHRASES} | {*STATUSES.values()} | WEAK_REASONS <= REASONS.keys()
    assert REASONS.keys() - REPLIES.keys() == {"refused after the message", "no such account"}


def test_the_operator_gets_advice_about_everything_that_is_about_us() -> None:
    without = {name for name, reason in REASONS.items() if not reason.advice}
    assert {REASONS[name].topic for name in without} == {ReplyTopic.MAILBOX, ReplyTopic.MESSAGE}


@pytest.mark.parametrize(
    "address", ["spam-quota-blocked@example.org", "relay.denied@spamhaus.example", "dmarc@spf.example"]
)
def test_words_in_an_address_mean_nothing(address: str) -> None:
    reply = classify_reply(550, f"<{address}>: user unknown", SmtpStep.RCPT)
    assert (reply.reason, reply.is_dead) == ("no such mailbox", True)
