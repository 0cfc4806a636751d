"""Sources: how each does, its last fetches, and how many papers were new by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, select

from digest.config import source_title
from digest.database import read_session
from digest.database.models import FetchStatus, ObjectKind, SourceFetch
from digest.monitoring import MonthSummary, SourceOverview
from digest.web.admin import messages
from digest.web.admin.action_offers import find_done
from digest.web.admin.login import admin_page
from digest.web.context import SAFE_METHODS, RowId, WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter()
SPARK_DAYS = 20
MAX_FETCHES = 8  # fetches shown of a source
MAX_FETCH_ROWS = 1000  # of all sources, from which these are taken


@dataclass(frozen=True, slots=True)
class SourceCard:
    """One source of the settings. `parts`: its feeds, or itself alone; `new_counts`: new papers by day."""

    name: str
    title: str
    parts: Sequence[SourceOverview]
    new_counts: Sequence[int]
    fetches: Sequence[SourceFetch] = ()

    @property
    def is_usable(self) -> bool:
        """Whether it could be created."""
        return all(part.is_usable for part in self.parts)

    @property
    def dot(self) -> str:
        """Kind of the state."""
        if not self.is_usable:
            return "bad"
        return "" if all(part.is_fine for part in self.parts) else "warn"

    @property
    def status(self) -> str:
        """Sentence on how it does."""
        return messages.source_status(self.parts)

    @property
    def problems(self) -> list[str]:
        """Sentences on what is wrong, but for the one that the status says."""
        sentences = [sentence for part in self.parts for sentence in part.problems]
        return [sentence for sentence in sentences if sentence != self.status]


def source_cards(
    overviews: Sequence[SourceOverview],
    month: MonthSummary | None,
    fetches: Mapping[str, Sequence[SourceFetch]] | None = None,
) -> list[SourceCard]:
    """Return a card for each source, in the order of the settings."""
    parts: dict[str, list[SourceOverview]] = {}
    for overview in overviews:
        parts.setdefault(overview.source or overview.name, []).append(overview)
    return [
        SourceCard(name, source_title(name), parts[name], _new_counts(month, name), (fetches or {}).get(name, ()))
        for name in parts
    ]


def _new_counts(month: MonthSummary | None, name: str) -> list[int]:
    if month is None:
        return [0] * SPARK_DAYS
    by_day = month.fetches.get(name, {})
    return [by_day[day].new if day in by_day else 0 for day in month.days[-SPARK_DAYS:]]


def load_last_fetches(session: Session) -> dict[str, list[SourceFetch]]:
    """Return the last fetches of each source, the latest first, in one statement."""
    fetches: dict[str, list[SourceFetch]] = {}
    latest = select(SourceFetch).order_by(col(SourceFetch.id).desc()).limit(MAX_FETCH_ROWS)
    for fetch in session.exec(latest):
        of_source = fetches.setdefault(fetch.source, [])
        if len(of_source) < MAX_FETCHES:
            of_source.append(fetch)
    return fetches


@router.api_route("/sources", methods=SAFE_METHODS)
def sources_page(web: WebDep, monitoring: MonitoringDep, done: RowId | None = None) -> HTMLResponse:
    now = web.clock()
    month = monitoring.month_soon(now)
    with read_session(web.ctx.engine) as session:
        cards = source_cards(monitoring.sources(now), month, load_last_fetches(session))
        return admin_page(
            web,
            "sources.html",
            cards=cards,
            first_day=now.date() - timedelta(days=SPARK_DAYS - 1),
            done=find_done(session, done, ObjectKind.SOURCE),
            today=now.date(),
            statuses=messages.FETCH_STATUSES,
            failed=FetchStatus.FAILED,
        )
