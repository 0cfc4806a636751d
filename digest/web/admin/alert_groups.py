"""Alerts as the overview shows them: one for each cause, with the page on which it is dealt with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from digest.monitoring import Alert

SERIOUS_KINDS = frozenset({"store", "migration", "overdue", "relay", "uncertain", "disk"})
# Where the operator deals with it, and the label of the button.
LINKS = {
    "uncertain": ("/operator/deliveries?state=uncertain", "Resolve"),
    "bounces": ("/operator/deliveries?state=failed", "Failed e-mails"),
    "refused": ("/operator/deliveries?state=failed", "Failed e-mails"),
    "relay": ("/operator/deliveries?state=waiting", "Waiting e-mails"),
    "quarantine": ("/operator/quarantine", "Unreadable rows"),
    "source": ("/operator/sources", "Source"),
}


@dataclass(slots=True)
class AlertGroup:
    """Alerts of one cause. `details`: the sentences of all but the first; `severity`: "bad" or "warn"."""

    sentence: str
    advice: str
    severity: str
    link: str
    label: str
    details: list[str] = field(default_factory=list)


def group_alerts(alerts: Sequence[Alert]) -> list[AlertGroup]:
    """Group alerts about the same source, in their order."""
    groups: dict[tuple[str, str], AlertGroup] = {}
    for number, alert in enumerate(alerts):
        key = (alert.kind, alert.source or str(number))
        if key in groups:
            groups[key].details.append(alert.sentence)
            continue
        link, label = LINKS.get(alert.kind, ("", ""))
        if alert.source:
            link = f"{link}#source-{alert.source}"
        severity = "bad" if alert.kind in SERIOUS_KINDS else "warn"
        groups[key] = AlertGroup(alert.sentence, alert.advice, severity, link, label)
    return list(groups.values())
