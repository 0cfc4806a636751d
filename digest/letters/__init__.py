"""What a letter says. Pure: values in, `Letter(subject, text, html)` out; the words stand in templates/mail."""

from digest.letters.account import already, confirm, copy, goodbye, welcome
from digest.letters.newspapers import digest
from digest.letters.templates import folder
from digest.letters.values import (
    AlreadyWords,
    Clock,
    ConfirmWords,
    CopyWords,
    DigestWords,
    FirstPapers,
    GoodbyeWords,
    Letter,
    LetterPaper,
    Links,
    WelcomeWords,
)

__all__ = [
    "AlreadyWords",
    "Clock",
    "ConfirmWords",
    "CopyWords",
    "DigestWords",
    "FirstPapers",
    "GoodbyeWords",
    "Letter",
    "LetterPaper",
    "Links",
    "WelcomeWords",
    "already",
    "confirm",
    "copy",
    "digest",
    "folder",
    "goodbye",
    "welcome",
]
