"""Every kind of e-mail, rendered from samples: what a look at the templates alone cannot find.

The samples are such that each part is shown at least once: papers as cards and as rows, with and without pictures, a
first digest, news about papers, a digest of trending papers, notices.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

from digest.config import TemplateFault, TemplateFolder
from digest.mail import EmailContent
from digest.matching import Span
from digest.papers import PaperSnapshot
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
    NewsItem,
    NoticeContext,
    PaperView,
    PersonalLinks,
    RelayTestContext,
    SendTime,
    Welcome,
    WelcomeContext,
)
from digest.rendering.digest import CARDS_PER_DIGEST, KEYWORD_COUNTS_LIMIT, render_digest
from digest.rendering.template_check import messages
from digest.rendering.template_check.checker import check_templates
from digest.rendering.templates import mail_environment
from digest.rendering.transactional import render_notice, render_welcome

DAY, SITE, POSTAL_ADDRESS = date(2026, 7, 29), "https://digest.example.org", "1 Example Street, 12345 Exampletown"
SEND_TIME = SendTime(8, "Europe/Berlin")
KEYWORDS = tuple(f"keyword {number}" for number in range(KEYWORD_COUNTS_LIMIT + 2))
LINKS = PersonalLinks(**{field.name: f"{SITE}/{field.name}/t0" for field in fields(PersonalLinks)})
OPTIONAL_LINKS = {"subscribe_url"}  # to the front page: nothing is lost without it


@dataclass(frozen=True, slots=True)
class EmailSample:
    """E-mail to render. `links` are by name those that its recipient needs."""

    name: str
    context: DigestContext | WelcomeContext | NoticeContext
    links: dict[str, str]

    def render(self) -> EmailContent:
        """Render it as it would be sent."""
        if isinstance(self.context, DigestContext):
            return render_digest(self.context)
        return render_welcome(self.context) if isinstance(self.context, WelcomeContext) else render_notice(self.context)


def check_email_templates(templates: TemplateFolder) -> list[TemplateFault]:
    """Return what is wrong with the operator's templates of e-mails; every kind is rendered where that is sound."""
    faults = check_templates("mail", templates, mail_environment(templates))
    is_sound = all(fault.is_warning for fault in faults)
    return [*faults, *_check_samples(templates)] if is_sound and templates.in_area("mail") else faults


def _check_samples(templates: TemplateFolder) -> list[TemplateFault]:
    faults: list[TemplateFault] = []
    failed: dict[tuple[str, int, str], list[str]] = {}  # file, line and reason: one line, whatever e-mails need it
    for sample in email_samples(templates):
        try:
            email = sample.render()
        except Exception as error:  # noqa: BLE001  - a template may fail in any way
            names = failed.setdefault(_describe_failure(templates, error), [])
            names += [] if sample.name in names else [sample.name]
            continue
        for part, text in (("html", email.html), ("txt", email.text)):
            file = templates.file_of(f"mail/{sample.name}-body.{part}")
            for name, url in sample.links.items():
                if url not in text:
                    faults.append(TemplateFault(file, 0, messages.missing_link(sample.name, name)))
            if POSTAL_ADDRESS not in " ".join(text.split()):
                faults.append(TemplateFault(file, 0, messages.missing_address(sample.name)))
    for (file, line, reason), names in failed.items():
        faults.append(TemplateFault(file, line, messages.rendering(names, reason)))
    return list(dict.fromkeys(faults))


def _describe_failure(templates: TemplateFolder, error: Exception) -> tuple[str, int, str]:
    """Return the operator's template that failed, or the last of them on the way to what failed; line and reason."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(f"{templates.path}/")]
    reason = " ".join(str(error).split()) or type(error).__name__
    return (own[-1].filename, own[-1].lineno or 0, reason) if own else (str(templates.path), 0, reason)


def email_samples(templates: TemplateFolder) -> Iterator[EmailSample]:
    """Yield every kind of e-mail; digests in several forms."""
    digest = _digest_sample(templates)
    plain = replace(digest, keywords=(), keyword_ids=(), welcome=None, news=(), notices=(), frequency="weekly")
    trending = [
        replace(view, matched_in=(), title_spans=(), abstract_spans=(), is_trending=True) for view in digest.papers
    ]
    first = replace(digest, welcome=Welcome(exclusions=("survey",), next_digest_on=DAY), left_out=0)
    empty = replace(digest, papers=(), left_out=0, welcome=None)
    for shown in (digest, first, replace(plain, papers=tuple(trending)), empty):
        yield EmailSample("digest", shown, {"unsubscribe": LINKS.unsubscribe, "preferences": LINKS.preferences})
    welcome = WelcomeContext(
        address="ada@example.org", frequency="weekdays", send_time=SEND_TIME, templates=templates,
        preferences_url=LINKS.preferences, unsubscribe_url=LINKS.unsubscribe, postal_address=POSTAL_ADDRESS,
    )  # fmt: skip
    for context in (welcome, replace(welcome, keywords=KEYWORDS, exclusions=("survey",), next_digest_on=DAY)):
        yield EmailSample(
            "welcome", context, {"unsubscribe_url": LINKS.unsubscribe, "preferences_url": LINKS.preferences}
        )
    url = f"{SITE}/sample/t0"
    for notice in (
        ConfirmContext(confirm_url=url),
        AlreadySubscribedContext(preferences_url=url),
        CopyLinkContext(day=DAY, view_url=url, preferences_url=f"{SITE}/preferences/t1"),
        AddressChangeContext(change_url=url),
        AddressChangedContext(undo_url=url),
        AddressRestoredContext(subscribe_url=url),
        RelayTestContext(),
        GoodbyeContext(resubscribe_url=url, subscribe_url=f"{SITE}/"),
    ):
        links = {field.name: getattr(notice, field.name) for field in fields(notice) if field.name.endswith("_url")}
        links = {name: link for name, link in links.items() if name not in OPTIONAL_LINKS}
        yield EmailSample(notice.template, replace(notice, templates=templates, postal_address=POSTAL_ADDRESS), links)


def _digest_sample(templates: TemplateFolder) -> DigestContext:
    """Return a digest that shows all that a digest may have."""
    count = CARDS_PER_DIGEST + 3
    return DigestContext(
        day=DAY,
        frequency="daily",
        send_time=SEND_TIME,
        address="ada@example.org",
        subscribed_on=DAY - timedelta(days=40),
        papers=tuple(_paper_sample(number) for number in range(count)),
        links=LINKS,
        keywords=KEYWORDS,
        keyword_ids=tuple(range(1, len(KEYWORDS) + 1)),
        left_out=2,
        left_out_counts=tuple(1 for _ in KEYWORDS),
        notices=("A source could not be read.",),
        news=(NewsItem(title="On Samples", sentences=("It was published.",), url=f"{SITE}/papers/1"),),
        close_papers=(ClosePaper(paper=_paper_sample(count).paper, words=("sample", "template")),),
        thumbnails=True,
        site_url=SITE,
        postal_address=POSTAL_ADDRESS,
        templates=templates,
    )


def _paper_sample(number: int) -> PaperView:
    """Return a paper; every second one has all that a paper may have."""
    title, is_rich = f"Keyword {number}: A <Sample> & Its Templates", number % 2 == 0
    rich = {
        "ai_summary": "A sample.", "subjects": ("Templates",), "journal": "Journal of Samples", "doi": "10.1000/sample",
        "organization": "Example University", "upvotes": 12, "comments": 3, "pdf_url": f"{SITE}/sample.pdf",
        "discussion_url": f"{SITE}/discussion", "code_url": "https://github.com/example/sample", "code_stars": 1200,
        "project_url": f"{SITE}/project", "thumbnail_url": f"{SITE}/sample.png",
    }  # fmt: skip
    paper = PaperSnapshot(
        id=number + 1,
        title=title,
        abstract=f"We study keyword {number}. It has <b>markup</b> & more.",
        authors=("Ada Byron", "Emmy Noether", "Kurt Gödel", "Alan Turing"),
        published_on=DAY - timedelta(days=2),
        listed_on=DAY - timedelta(days=number % 3),
        url=f"https://example.org/papers/{number}",
        sources=("arxiv",),
        source_titles=("arXiv",),
        **(rich if is_rich else {}),  # type: ignore[arg-type]
    )
    length = len(f"keyword {number}")
    return PaperView(
        paper=paper,
        title_spans=(Span(0, length, number),),
        abstract_spans=(Span(9, 9 + length, number),),
        matched_in=((number, "title and abstract"),),
        is_late=number % 4 == 3,  # noqa: PLR2004  - some of them
        has_summary=number % 4 == 0,
    )
