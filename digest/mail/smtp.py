"""The way to the relay: a few persistent connections, each answer named by what to do about it.

The same words mean different things at different steps, so each reply is judged by the step that it answers:

    connect, EHLO, STARTTLS, AUTH   4xx, no answer: RelayDown         5xx, TLS or login refused: LaneClosed
    MAIL                            4xx, connection lost: Deferred    5xx: LaneClosed, the sender is always the same
                                                                      (552: Rejected, this letter is too large)
    RCPT, DATA                      4xx, connection lost: Deferred    5xx: Rejected
    the letter and its final dot    4xx: Deferred   5xx: Rejected     2xx: accepted   anything else: Unknown

A relay that offers PIPELINING (RFC 2920) gets MAIL, RCPT and DATA in one write, so that a letter needs two round trips
and not four; the fence is asked when all three are answered. A letter that may not leave then, or a DATA that the relay
obeys although it refused the recipient, costs the connection: nothing of a letter has left, and closing says so.

Where the next letter is known, its three words go in one write with the end of the one before (RFC 2920 3.1): then a
letter needs one round trip. A relay that does not like to be asked so early is asked again in the usual way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import zip_longest
from types import TracebackType
from typing import Self

from digest.errors import Deferred, LaneClosed, Rejected, RelayDown, SendError, Unknown
from digest.mail.commands import DATA, DOT, GO_AHEAD, MAILBOX, QUIT, RSET, Parcel, Step, envelope, mail
from digest.mail.message import Wired
from digest.mail.relay import LETTERS_A_CONNECTION, STEP_SECONDS, Relay, connect
from digest.mail.talk import GOING_AWAY, Reply, Talk

__all__ = ["LETTERS_A_CONNECTION", "STEP_SECONDS", "Connection", "Parcel", "Relay", "Withdrawn", "connect"]

DATA_STEPS = 10  # so many times as long after the final dot: ten minutes (RFC 5321 4.5.3.2.6)
QUIT_SECONDS = 5.0
NEEDS_LOGIN = {530, 534, 535, 538}
TOO_LARGE = 552  # RFC 1870 6.1


class Withdrawn(Exception):
    """`before_data` said that the letter may not leave."""


class Connection:
    """One connection to the relay, opened when first needed, renewed when it is worn out or broken."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._talk: Talk | None = None
        self._letters = 0
        self._unfinished = False  # the relay still holds the envelope of a letter that did not go
        self._ahead: tuple[Parcel, Sequence[Step]] | None = None  # whose envelope went with the letter before
        self._early = True  # whether that may be done

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def worn(self) -> bool:
        """So many letters have gone over it that it is left before the next one."""
        return self._talk is not None and self._letters >= self._relay.reuse

    async def send(
        self,
        parcel: Parcel,
        before_data: Callable[[], Awaitable[bool]],
        following: Callable[[], Parcel | None] = lambda: None,
    ) -> str:
        """Hand over one letter; the relay's answer.

        `before_data` is awaited when the recipient has been accepted and nothing of the letter has left; it returns
        whether the letter may go. `following` is asked as it leaves for what will be sent next, if that is known.

        Raises Deferred, Rejected, Unknown, LaneClosed or Withdrawn. Cancelled after the letter began to leave it
        raises Unknown too; a CancelledError means that nothing has left.
        """
        _check(parcel.sender)
        if not MAILBOX.fullmatch(parcel.recipient):
            raise Rejected("this address cannot be written in SMTP without extensions", recipient=True)
        talk = await self._addressed(parcel)
        if talk.pipelines:
            await self._fenced(before_data)
        else:
            if not await before_data():
                raise Withdrawn
            await self._ask(talk, [DATA])
        self._letters += 1
        reply = await self._hand_over(talk, parcel.raw, following())
        self._unfinished = False
        return f"{reply.code} {reply.text}"

    async def _addressed(self, parcel: Parcel) -> Talk:
        """A connection on which the relay has taken the envelope, and DATA where it lets us talk on."""
        while True:
            talk, early = await self._open_for(parcel)
            self._unfinished = True
            try:
                await (self._heard(talk, early) if early else self._ask(talk, envelope(talk, parcel)))
            except SendError as error:
                # That a relay ends the connection between two letters is normal, even if we notice it only now: it is
                # no fault of this letter. Nor is it one if the relay does not like to be asked so early.
                ended = self._letters and talk.lost and error.code in {0, GOING_AWAY}
                if not ended and not (early and isinstance(error, LaneClosed)):
                    raise
                self._early = self._early and (not early or error.code == GOING_AWAY)
                self._drop()
            else:
                return talk

    async def _open_for(self, parcel: Parcel) -> tuple[Talk, Sequence[Step]]:
        """A connection, and the envelope if it has gone there with the letter before."""
        ahead, self._ahead = self._ahead, None
        if self._talk and ahead and ahead[0] is parcel:
            return self._talk, ahead[1]
        if ahead:
            self._drop()  # the relay waits for that one
        return await self._open(), ()

    async def probe(self, sender: str) -> None:
        """Find out whether the relay takes letters from `sender`, without one. Raises LaneClosed or RelayDown."""
        _check(sender)
        talk = await self._open()
        self._unfinished = True
        try:
            await self._ask(talk, [mail(sender, 0)])
        except LaneClosed:
            raise
        except SendError as error:
            if not error.code:
                raise RelayDown(str(error)) from error

    async def close(self) -> None:
        """Say goodbye and close."""
        if self._talk and not self._ahead:  # else it waits for a letter
            await self._talk.ask(QUIT.command, seconds=QUIT_SECONDS)
        self._drop()

    async def _open(self) -> Talk:
        if self.worn:
            await self.close()
        if self._talk and self._unfinished:
            answered = await self._talk.ask(RSET.command, seconds=self._relay.timeout)
            if not answered or answered[0].code not in RSET.good:
                self._drop()  # it costs a new connection, nothing else
        if self._talk is None or self._talk.lost:
            self._talk, self._letters = Talk.take_over(await connect(self._relay)), 0
        return self._talk

    async def _ask(self, talk: Talk, steps: Sequence[Step]) -> None:
        """Take these steps, together where the relay lets us."""
        for group in (steps,) if talk.pipelines else ((each,) for each in steps):
            talk.say(b"".join(each.command for each in group), len(group))
            await self._heard(talk, group)

    async def _heard(self, talk: Talk, steps: Sequence[Step]) -> None:
        """Hear the replies to these steps. What follows a refused one is answered and forgotten."""
        replies = await talk.hear(len(steps), len(steps) * self._relay.timeout)
        for step, reply in zip_longest(steps, replies):
            if reply is None:
                raise Deferred(f"the connection broke before the letter left: {talk.lost}")
            if reply.code not in step.good:
                if replies[-1].code == GO_AHEAD:
                    self._drop()  # it waits for a letter that nobody is to get
                raise self._refused(reply, step.about)

    async def _fenced(self, before_data: Callable[[], Awaitable[bool]]) -> None:
        """The fence, while the relay waits for the letter already."""
        may_leave = False
        try:
            may_leave = await before_data()
        finally:
            if not may_leave:
                self._drop()
        if not may_leave:
            raise Withdrawn

    async def _hand_over(self, talk: Talk, raw: Wired, following: Parcel | None) -> Reply:
        if talk.lost:
            raise Deferred(f"the connection broke before the letter left: {talk.lost}")
        ahead: Sequence[Step] = ()
        talks_on = talk.pipelines and self._early and not self.worn
        if talks_on and following and MAILBOX.fullmatch(following.sender) and MAILBOX.fullmatch(following.recipient):
            ahead = envelope(talk, following)
            self._ahead = following, ahead
        talk.say(b"".join([raw, DOT, *(each.command for each in ahead)]), 1 + len(ahead))
        try:
            replies = await talk.hear(1, DATA_STEPS * self._relay.timeout)
        except asyncio.CancelledError as error:
            raise Unknown("cancelled while the letter was handed over") from error
        if self._talk and self._talk.lost:
            self._drop()
        if not replies:
            raise Unknown(f"no answer after the letter was handed over: {talk.lost}")
        match replies[0].code // 100:  # RFC 5321 4.2.1: the first digit says it
            case 2:
                return replies[0]
            case 4 | 5:
                raise self._refused(replies[0])
        self._drop()
        raise Unknown(f"an answer that means nothing after the letter: {replies[0].text}", code=replies[0].code)

    def _refused(self, reply: Reply, about: str = "letter") -> SendError:
        code, said = reply
        if code < 400:  # noqa: PLR2004  - RFC 5321 4.2.1, as below
            self._drop()  # a reply that does not fit the question: we are out of step
        if code in NEEDS_LOGIN or (about == "sender" and code >= 500 and code != TOO_LARGE):  # noqa: PLR2004
            return LaneClosed(f"{self._relay.name} refuses us: {code} {said}", code=code)
        if code >= 500:  # noqa: PLR2004
            return Rejected(said, code=code, recipient=about == "recipient")
        return Deferred(said, code=code)

    def _drop(self) -> None:
        if self._talk:
            self._talk.close()
        self._talk = self._ahead = None


def _check(sender: str) -> None:
    if not MAILBOX.fullmatch(sender):
        said = "see DIGEST_MAIL_FROM and DIGEST_BOUNCE_ADDRESS"
        raise LaneClosed(f"the sender's address cannot be written in SMTP without extensions; {said}")
