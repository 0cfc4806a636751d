"""Compare the server's log with the record: nothing doubled, nothing lost, and what is uncertain. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from digest.database.models import DeliveryState
from tests.chaos.log import AcceptedMessage, BrokenConnection

OPEN = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)
FINAL = range(500, 600)


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A digest as the record has it. `wanted`: its reader still gets letters."""

    message_id: str
    recipient: str
    edition: str
    state: str
    code: int = 0
    papers: tuple[int, ...] = ()
    is_reclaimed: bool = False
    wanted: bool = True
    attempts: int = 0


@dataclass(slots=True)
class Verdict:
    """What is wrong, each in a sentence; and what is merely in doubt."""

    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)  # in a state that no letter may end in
    unexplained: list[str] = field(default_factory=list)  # in doubt, and nothing that happened says why
    states: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    allowed: int = 0  # so many letters may be in doubt
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
    readers: Iterable[str],
    rows: Sequence[RecordRow],
    accepted: Sequence[AcceptedMessage],
    broken: Sequence[BrokenConnection],
    unseen: int = 0,
) -> Verdict:
    """After a round, before anybody resolves anything.

    A letter may be in doubt when a connection that ended without QUIT was about it: one letter a connection. `unseen`
    more may be so without one, because the store did not take their answers.
    """
    times = Counter(each.message_id for each in accepted)
    verdict = Verdict(states=Counter(each.state for each in rows), accepted=len(accepted))
    _find_doubled(verdict, rows, accepted, times)
    _find_lost(verdict, readers, rows, times)
    doubtful = [each for each in rows if each.state == DeliveryState.UNCERTAIN]
    verdict.arrived = sum(1 for each in doubtful if times[each.message_id])
    verdict.left += [f"{each.recipient} is left {each.state}" for each in rows if each.state in OPEN]
    reasons = match_explanations([each.recipient for each in doubtful], [each.recipients for each in broken])
    verdict.why.update(broken[number].why for number in reasons.values())
    strangers = [each.recipient for each in doubtful if each.recipient not in reasons]
    verdict.why["the store"] = len(strangers)
    verdict.allowed = sum(1 for each in broken if each.recipients) + unseen
    if len(strangers) > unseen:
        verdict.unexplained += [f"{each} is in doubt, and no connection broke with its letter" for each in strangers]
    return verdict


def _find_doubled(
    verdict: Verdict, rows: Sequence[RecordRow], accepted: Sequence[AcceptedMessage], times: Counter[str]
) -> None:
    known = {each.message_id: each for each in rows}
    said = verdict.doubled
    said += [f"{name} was accepted {many} times" for name, many in times.items() if many > 1]
    said += [f"{name}, which is in no record, was accepted" for name in times if name not in known]
    said += [
        f"{each.message_id} went to {each.recipient}, not to {known[each.message_id].recipient}"
        for each in accepted
        if each.message_id in known and known[each.message_id].recipient != each.recipient
    ]
    editions = Counter((known[name].recipient, known[name].edition) for name in times if name in known)
    said += [f"{reader} has {many} letters of {day}" for (reader, day), many in editions.items() if many > 1]
    settled = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
    said += [
        f"{each.recipient} has a letter that is {each.state}: its papers would come again"
        for each in rows
        if times[each.message_id] and each.state not in settled
    ]


def _find_lost(verdict: Verdict, readers: Iterable[str], rows: Sequence[RecordRow], times: Counter[str]) -> None:
    said = verdict.lost
    planned = {each.recipient for each in rows}
    said += [f"{each} has no letter in the record" for each in readers if each not in planned]
    said += [
        f"{each.recipient}'s letter is sent, and nobody has it"
        for each in rows
        if each.state == DeliveryState.SENT and not times[each.message_id]
    ]
    for each in rows:
        if each.state == DeliveryState.FAILED and each.code not in FINAL:
            said.append(f"{each.recipient}'s letter failed with {each.code or 'no code'}")
        elif each.state == DeliveryState.FAILED and (each.is_reclaimed or not each.papers):
            said.append(f"{each.recipient}'s letter failed and owes nothing")
        elif each.state in {DeliveryState.CANCELLED, DeliveryState.EXPIRED}:
            said.append(f"{each.recipient}'s letter is {each.state}, and nobody asked for that")


def match_explanations(doubtful: Sequence[str], broken: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """For whom of those in doubt there is a connection of their own that broke with their letter on it, and which."""
    by_reader: dict[str, list[int]] = defaultdict(list)
    for number, recipients in enumerate(broken):
        for each in recipients:
            by_reader[each].append(number)
    taken: dict[int, str] = {}

    def place(reader: str, tried: set[int]) -> bool:
        for number in reversed(by_reader[reader]):  # the latest is the likeliest
            if number in tried:
                continue
            tried.add(number)
            if number not in taken or place(taken[number], tried):
                taken[number] = reader
                return True
        return False

    for each in doubtful:
        place(each, set())
    return {reader: number for number, reader in taken.items()}


def check_papers(
    readers: Iterable[str], wanted: set[int], rows: Sequence[RecordRow], accepted: Sequence[AcceptedMessage]
) -> Verdict:
    """When all is settled: each of `readers` has each of the papers, once."""
    carried = {each.message_id: each for each in rows}
    had: Counter[tuple[str, int]] = Counter(
        (each.recipient, paper)
        for each in accepted
        if each.message_id in carried
        for paper in carried[each.message_id].papers
    )
    verdict = Verdict(states=Counter(each.state for each in rows), accepted=len(accepted))
    verdict.doubled += [f"{reader} has paper {paper} {many} times" for (reader, paper), many in had.items() if many > 1]
    verdict.lost += [
        f"{reader} never got paper {paper}" for reader in readers for paper in wanted if not had[reader, paper]
    ]
    verdict.left += [f"{each.recipient} is left {each.state}" for each in rows if each.state in OPEN]
    return verdict
