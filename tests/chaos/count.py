"""Compare the server's log with the record: nothing doubled, nothing lost, and what is uncertain. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from digest.database.models import DeliveryKind, DeliveryState
from tests.chaos.log import AcceptedMessage, BrokenConnection

OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)
FINAL = range(500, 600)
QUARANTINED = "quarantined"
ADDRESS_KINDS = {DeliveryKind.ADDRESS_CHANGE, DeliveryKind.ADDRESS_CHANGED}
OWING_KINDS = {DeliveryKind.DIGEST}  # their papers come with the next edition
PASSING_KINDS = {DeliveryKind.CONFIRM, DeliveryKind.ADDRESS_CHANGE}  # of no use once their link was followed


@dataclass(frozen=True, slots=True)
class RecordRow:
    """Digest in the record. `wanted`: its subscriber still gets emails; `is_quarantined`: it waits to be mended."""

    message_id: str
    recipient: str
    edition: str
    state: str
    code: int = 0
    papers: tuple[int, ...] = ()
    is_reclaimed: bool = False
    wanted: bool = True
    attempts: int = 0
    is_quarantined: bool = False
    kind: str = DeliveryKind.DIGEST


@dataclass(slots=True)
class Verdict:
    """What is wrong, each in a sentence; and what is merely in doubt."""

    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)  # in a state that no email may end in
    unexplained: list[str] = field(default_factory=list)  # in doubt, and nothing that happened says why
    states: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    allowed: int = 0  # so many emails may be in doubt
    arrived: int = 0  # of those in doubt
    why: Counter[str] = field(default_factory=Counter)  # those in doubt, by what broke their connection

    @property
    def uncertain(self) -> int:
        return self.states[DeliveryState.UNCERTAIN]

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.doubled, *self.lost, *self.left, *self.unexplained]


def count(
    subscribers: Iterable[str],
    rows: Sequence[RecordRow],
    accepted: Sequence[AcceptedMessage],
    broken: Sequence[BrokenConnection],
    unseen: int = 0,
    former: Mapping[str, str] = MappingProxyType({}),
) -> Verdict:
    """Count after a run, before an operator resolves anything. `former`: old addresses of subscribers by new ones.

    An email may be in doubt when a connection that ended without QUIT was about it: one email a connection. `unseen`
    more may be so without one, because the store did not take their answers.
    """
    noticed = find_misdirected(rows, accepted)
    rows = [replace(row, recipient=former.get(row.recipient, row.recipient)) for row in rows]
    accepted = [replace(message, recipient=former.get(message.recipient, message.recipient)) for message in accepted]
    subscribers = {former.get(address, address) for address in subscribers}
    broken = [replace(c, recipients=tuple(former.get(name, name) for name in c.recipients)) for c in broken]
    times = Counter(message.message_id for message in accepted)
    verdict = Verdict(
        states=Counter(QUARANTINED if row.is_quarantined else row.state for row in rows), accepted=len(accepted)
    )
    verdict.doubled += noticed
    _find_doubled(verdict, rows, accepted, times)
    _find_lost(verdict, subscribers, rows, times)
    doubtful = [row for row in rows if row.state == DeliveryState.UNCERTAIN]
    verdict.arrived = sum(1 for row in doubtful if times[row.message_id])
    waiting = [row for row in rows if row.is_quarantined and row.state == DeliveryState.QUEUED]
    verdict.left += [f"{row.recipient} is left {row.state}" for row in rows if row.state in OPEN and row not in waiting]
    reasons = match_explanations([row.recipient for row in doubtful], [connection.recipients for connection in broken])
    verdict.why.update(broken[number].why for number in reasons.values())
    strangers = [row.recipient for row in doubtful if row.recipient not in reasons]
    verdict.why["the store"] = len(strangers)
    verdict.allowed = sum(1 for connection in broken if connection.recipients) + unseen
    if len(strangers) > unseen:
        verdict.unexplained += [
            f"{recipient} is in doubt, and no connection broke with its email" for recipient in strangers
        ]
    return verdict


def find_misdirected(rows: Sequence[RecordRow], accepted: Sequence[AcceptedMessage]) -> list[str]:
    """Return which emails about an address went to another one than that of the record."""
    addresses = {row.message_id: row.recipient for row in rows if row.kind in ADDRESS_KINDS}
    return [
        f"{message.message_id} is about {addresses[message.message_id]} and went to {message.recipient}"
        for message in accepted
        if addresses.get(message.message_id, message.recipient) != message.recipient
    ]


def _find_doubled(
    verdict: Verdict, rows: Sequence[RecordRow], accepted: Sequence[AcceptedMessage], times: Counter[str]
) -> None:
    known = {row.message_id: row for row in rows}
    findings = verdict.doubled
    findings += [f"{name} was accepted {many} times" for name, many in times.items() if many > 1]
    findings += [f"{name}, which is in no record, was accepted" for name in times if name not in known]
    findings += [
        f"{message.message_id} went to {message.recipient}, not to {known[message.message_id].recipient}"
        for message in accepted
        if message.message_id in known and known[message.message_id].recipient != message.recipient
    ]
    editions = Counter((known[name].recipient, known[name].edition) for name in times if name in known)
    findings += [f"{subscriber} has {many} emails of {day}" for (subscriber, day), many in editions.items() if many > 1]
    settled = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
    findings += [
        f"{row.recipient} has an email that is {row.state}: its papers would come again"
        for row in rows
        if times[row.message_id] and row.state not in settled
    ]


def _find_lost(verdict: Verdict, subscribers: Iterable[str], rows: Sequence[RecordRow], times: Counter[str]) -> None:
    findings = verdict.lost
    planned = {row.recipient for row in rows}
    findings += [f"{address} has no email in the record" for address in subscribers if address not in planned]
    findings += [
        f"{row.recipient}'s email is sent, and nobody has it"
        for row in rows
        if row.state == DeliveryState.SENT and not times[row.message_id]
    ]
    # Refused for good, which ends the subscription: what else waited for that subscriber is cancelled.
    refused = {row.recipient for row in rows if row.state == DeliveryState.FAILED and not row.wanted}
    for row in rows:
        if row.state == DeliveryState.FAILED and row.code not in FINAL:
            findings.append(f"{row.recipient}'s email failed with {row.code or 'no code'}")
        elif row.state == DeliveryState.FAILED and row.kind in OWING_KINDS and (row.is_reclaimed or not row.papers):
            findings.append(f"{row.recipient}'s email failed and owes nothing")
        elif row.state == DeliveryState.CANCELLED and row.recipient in refused:
            continue
        elif row.state in {DeliveryState.CANCELLED, DeliveryState.EXPIRED} and row.kind not in PASSING_KINDS:
            findings.append(f"{row.recipient}'s email is {row.state}, and nobody asked for that")


def match_explanations(doubtful: Sequence[str], broken: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """For whom of those in doubt there is a connection of their own that broke with their email on it, and which."""
    by_subscriber: dict[str, list[int]] = defaultdict(list)
    for number, recipients in enumerate(broken):
        for recipient in recipients:
            by_subscriber[recipient].append(number)
    taken: dict[int, str] = {}

    def place(subscriber: str, tried: set[int]) -> bool:
        for number in reversed(by_subscriber[subscriber]):  # the latest is the likeliest
            if number in tried:
                continue
            tried.add(number)
            if number not in taken or place(taken[number], tried):
                taken[number] = subscriber
                return True
        return False

    for name in doubtful:
        place(name, set())
    return {subscriber: number for number, subscriber in taken.items()}


def check_papers(
    subscribers: Iterable[str],
    wanted: Iterable[Collection[int]],
    rows: Sequence[RecordRow],
    accepted: Sequence[AcceptedMessage],
    former: Mapping[str, str] = MappingProxyType({}),
) -> Verdict:
    """When all is settled: each of `subscribers` has each of the papers, in one email.

    Parts of one group are one paper. What an email has is what the relay read in it, not what the record says.
    """
    kinds = {row.message_id: row.kind for row in rows}
    emails: dict[str, list[AcceptedMessage]] = defaultdict(list)
    for message in accepted:
        emails[former.get(message.recipient, message.recipient)].append(message)
    verdict = Verdict(states=Counter(row.state for row in rows), accepted=len(accepted))
    verdict.lost += [
        f"{message.recipient}'s digest has no paper"
        for message in accepted
        if kinds.get(message.message_id) == DeliveryKind.DIGEST and not message.parts
    ]
    for address in subscribers:
        for group in wanted:
            name = "/".join(map(str, sorted(group)))
            many = sum(
                1 for message in emails[former.get(address, address)] if not set(group).isdisjoint(message.parts)
            )
            if not many:
                verdict.lost.append(f"{address} never got paper {name}")
            elif many > 1:
                verdict.doubled.append(f"{address} has paper {name} {many} times")
    verdict.left += [f"{row.recipient} is left {row.state}" for row in rows if row.state in OPEN]
    return verdict
