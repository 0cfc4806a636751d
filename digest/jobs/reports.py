"""Reports of a run, for people and scripts."""

from dataclasses import asdict, dataclass, field
from typing import Any

from digest.delivery import DeliveryReport
from digest.jobs import messages
from digest.planning import PlanReport


@dataclass(slots=True)
class SourceReport:
    """Result of collecting one source. `failed` counts list days; `problems` are sentences.

    `unreadable`: rows that were set aside.
    """

    source: str
    listed: int = 0
    new: int = 0
    failed: int = 0
    unreadable: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {name: value for name, value in asdict(self).items() if name != "source"}


@dataclass(frozen=True, slots=True)
class RunReport:
    """Result of a whole run: collect, plan, deliver."""

    source_reports: list[SourceReport]
    plan_report: PlanReport
    delivery_report: DeliveryReport
    queued: int

    @property
    def delivery_counts(self) -> dict[str, int]:
        """Deliveries by state. `skipped` counts subscribers without new papers, and those who left meanwhile."""
        return {
            "sent": self.delivery_report.sent,
            "queued": self.queued,
            "failed": self.delivery_report.failed,
            "uncertain": self.delivery_report.uncertain,
            "skipped": self.plan_report.without_papers + self.delivery_report.cancelled,
        }

    @property
    def problems(self) -> list[str]:
        """What failed, as sentences; empty after a good run."""
        problems = [
            f"{report.source}: {text}" for report in self.source_reports if report.failed for text in report.problems
        ]
        if self.delivery_report.relay_error:
            problems.append(messages.relay_accepts_nothing(self.delivery_report.relay_error))
        if self.delivery_report.failed:
            problems.append(messages.emails_failed(self.delivery_report.failed))
        if self.delivery_report.uncertain:
            problems.append(messages.emails_uncertain(self.delivery_report.uncertain))
        if self.delivery_report.deferred:
            problems.append(messages.emails_deferred(self.delivery_report.deferred))
        collected = sum(report.unreadable for report in self.source_reports)
        if unreadable := collected + self.plan_report.unreadable + self.delivery_report.unreadable:
            problems.append(messages.invalid_rows(unreadable))
        return problems

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "sources": {report.source: report.to_dict() for report in self.source_reports},
            "subscribers_due": self.plan_report.due,
            "deliveries": self.delivery_counts,
            "papers_mailed": self.delivery_report.papers,
            "problems": self.problems,
        }
