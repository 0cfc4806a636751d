"""Automatic replies in the languages of the field, and what is none."""

from email.header import Header

import pytest

from digest.bounces import ReportKind, parse_bounce

SUBJECTS = (
    *(
        "Automatic reply: 3 papers",
        "Auto: Out of Office",
        "Re: Out of the office until Monday",
        "[EXTERNAL] Automatic reply: x",
    ),
    *("Automatische Antwort: 3 papers", "Abwesenheitsnotiz: 3 papers", "Abwesend bis Montag", "AW: Nicht im Haus"),
    *("Réponse automatique\u00a0: 3 papers", "Absence du bureau", "Absent du bureau", "Message d'absence"),
    *("Respuesta automática: 3 papers", "Fuera de la oficina", "Ausencia temporal"),
    *("Risposta automatica: 3 papers", "Fuori sede", "Assenza dall'ufficio"),
    *("Resposta automática: 3 papers", "Fora do escritório", "Ausência temporária"),
    *("Automatisch antwoord: 3 papers", "Afwezig", "Afwezigheidsbericht", "Buiten kantoor"),
    *("Automatyczna odpowiedź: 3 papers", "Odpowiedź automatyczna", "Nieobecność w biurze", "Poza biurem"),
    *(
        "Autosvar: 3 papers",
        "Automatiskt svar",
        "Automatisk svar: 3 papers",
        "Frånvaro",
        "Fraværende",
        "Ikke til stede",
    ),
    *("Automaattinen vastaus: 3 papers", "Poissaolo"),
    *("Automatická odpověď: 3 papers", "Automatikus válasz: 3 papers", "Răspuns automat: 3 papers"),
    *("Otomatik Cevap", "Automatski odgovor: 3 papers"),
    *("Автоматический ответ: 3 papers", "Автоответ", "Нет на работе", "Автоматична відповідь: 3 papers"),
    *("Αυτόματη απάντηση: 3 papers", "מענה אוטומטי: 3 papers", "رد تلقائي: 3 papers", "الرد التلقائي"),
    *("自动答复: 3 papers", "自动回复", "自動回覆: 3 papers", "自動応答: 3 papers", "不在通知"),
    *("자동 회신: 3 papers", "부재 중", "Trả lời tự động: 3 papers", "Balasan otomatis: 3 papers"),
)


def reply(subject: str, text: str = "I am back on Monday.", sender: str = "ada@example.net", more: str = "") -> bytes:
    headers = (
        f"Return-Path: <>\nFrom: {sender}\nTo: bounces@example.org\nSubject: {Header(subject, 'utf-8').encode()}\n"
    )
    return f"{headers}{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n".encode()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_automatic_reply_is_known_by_its_subject(subject: str) -> None:
    report = parse_bounce(reply(subject, more="Auto-Submitted: auto-generated\n"))
    assert (report.kind, report.recipient) == (ReportKind.AUTO_REPLY, "ada@example.net")


@pytest.mark.parametrize(
    "subject", ["Re: 3 papers", "A question", "Office hours", "Vacationing robots", "答复", "Automatic differentiation"]
)
def test_a_subject_of_a_person_is_none(subject: str) -> None:
    assert parse_bounce(reply(subject)).kind is ReportKind.NONE


@pytest.mark.parametrize(
    "text",
    [
        "I am away. In urgent cases call 030 450 50, room 512.",
        "Away until 14 May. Call +49 30 450-551 or 555 0100.",
        "Urgent? Dial 0800 550 550 5",
    ],
)
@pytest.mark.parametrize("subject", ["Out of office", "Thank you for your mail"])
def test_a_telephone_number_of_a_postmaster_is_no_reply_code(subject: str, text: str) -> None:
    raw = reply(subject, text, "Postmaster <postmaster@example.net>", "Auto-Submitted: auto-replied\n")
    assert parse_bounce(raw).kind is ReportKind.AUTO_REPLY


def test_a_postmaster_who_is_away_reports_no_bounce_whatever_numbers_follow() -> None:
    text = "Somebody stands in for me, ask for it@example.net in building 550 of the campus."
    raw = reply("Out of office", text, "Postmaster <postmaster@example.net>", "Auto-Submitted: auto-replied\n")
    assert parse_bounce(raw).kind is ReportKind.AUTO_REPLY


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.net: host mx.example.net said: 550 no such user here",
        "ada@example.net: 550-user unknown",
        "ada@example.net could not be reached, it said 550 5.1.1 unknown",
        "ada@example.net: #5.1.1 no such user",
    ],
)
def test_a_reply_code_of_a_mail_system_is_a_bounce(text: str) -> None:
    raw = reply("Your mail", text, "Mailer-Daemon <mailer-daemon@example.net>", "Auto-Submitted: auto-replied\n")
    assert parse_bounce(raw).kind is ReportKind.HARD


@pytest.mark.parametrize(
    "subject",
    ["Undelivered mail", "Unzustellbar: 3 papers", "Échec de la remise", "Correo devuelto", "Mancato recapito",
     "Onbestelbaar: x", "Письмо не доставлено", "系统退信", "配信不能", "반송된 메일"],
)  # fmt: skip
def test_a_bounce_is_known_by_its_subject_in_any_language(subject: str) -> None:
    raw = reply(subject, "ada@example.net: no such user", "Postmaster <postmaster@example.net>")
    assert (parse_bounce(raw).kind, parse_bounce(raw).recipient) == (ReportKind.HARD, "ada@example.net")
