"""What the letters have to say: rows in, the values of `letters` out."""

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from digest.deliveries import Claimed
from digest.editions import next_slot
from digest.house import House
from digest.letters import Clock, CopyWords, DigestWords, Links, WelcomeWords
from digest.matching import is_exclusion
from digest.models import Frequency
from digest.subscribers import Purpose
from digest.writing.desk import Addressee, Desk
from digest.writing.stock import is_late

OWN = {name: Purpose(name) for name in ("preferences", "unsubscribe", "mute", "never", "pause", "fewer")}
SELDOM = {name: purpose for name, purpose in OWN.items() if name != "fewer"}  # who gets one a week cannot get fewer


def welcome_words(house: House, desk: Desk, claimed: Claimed, subscriber: Addressee, now: datetime) -> WelcomeWords:
    """What the welcome has to say: what comes when, and what would have come already."""
    clock, issued, nonce = Clock(subscriber.send_hour, subscriber.timezone), claimed.created_at, subscriber.nonce
    saved = desk.keywords.get(claimed.subscriber_id, ())
    return WelcomeWords(
        address=subscriber.email,
        frequency=subscriber.frequency,
        clock=clock,
        keywords=tuple(each.written for each in saved if not is_exclusion(each.canonical)),
        exclusions=tuple(each.written for each in saved if is_exclusion(each.canonical)),
        first_on=next_slot(now, clock.timezone, clock.hour, subscriber.frequency),
        first=desk.first.get(claimed.subscriber_id),
        preferences_url=house.link(Purpose.PREFERENCES, nonce, issued),
        unsubscribe_url=house.link(Purpose.UNSUBSCRIBE, nonce, issued),
        product=house.product,
        postal_address=house.settings.postal_address,
    )


def digest_words(house: House, desk: Desk, claimed: Claimed, subscriber: Addressee) -> DigestWords:
    """What the digest that a delivery carries has to say."""
    chosen = desk.chosen[claimed.id]
    asked = {each.canonical: position for position, each in enumerate(chosen)}
    day, zone = date.fromisoformat(claimed.edition), ZoneInfo(subscriber.timezone)
    issued, frequency, summary = claimed.created_at, subscriber.frequency, subscriber.summaries
    today, known = issued.astimezone(zone).date(), desk.known
    shown = [
        known.paper(number, asked, late=is_late(known.listed_on(number), today, frequency), summary=summary)
        for number in claimed.papers
        if number in desk.papers
    ]
    papers, positions = zip(*shown, strict=True) if shown else ((), ())
    return DigestWords(
        product=house.product,
        day=day,
        frequency=frequency,
        clock=Clock(subscriber.send_hour, subscriber.timezone),
        address=subscriber.email,
        since=(subscriber.confirmed_at or issued).astimezone(zone).date(),
        keywords=tuple([each.written for each in chosen]),
        keyword_ids=tuple([each.id for each in chosen]),
        papers=papers,
        positions=positions,
        left_out=len(claimed.omitted_papers),
        left_out_counts=left_out_counts(desk, claimed, asked),
        notices=desk.notices,
        links=links_of(house, claimed, subscriber),
        postal_address=house.settings.postal_address,
    )


def copy_words(house: House, claimed: Claimed, subscriber: Addressee) -> CopyWords:
    """The link to the copy of the letter that the edition names."""
    _, number, day, _ = claimed.edition.split(":")
    return CopyWords(
        product=house.product,
        day=date.fromisoformat(day),
        view_url=house.link(Purpose.VIEW, number, claimed.created_at),
        preferences_url=house.link(Purpose.PREFERENCES, subscriber.nonce, claimed.created_at),
        postal_address=house.settings.postal_address,
    )


def links_of(house: House, claimed: Claimed, subscriber: Addressee) -> Links:
    """The reader's own pages, one token for each."""
    issued, own = claimed.created_at, SELDOM if subscriber.frequency == Frequency.WEEKLY else OWN
    made = house.links_to(own.values(), subscriber.nonce, issued)
    return Links(view=house.link(Purpose.VIEW, str(claimed.id), issued), **dict(zip(own, made, strict=True)))


def left_out_counts(desk: Desk, claimed: Claimed, asked: Mapping[str, int]) -> tuple[int, ...]:
    """How many of the papers that found no room each keyword brought: the letter counts them with the others."""
    if not claimed.omitted_papers:
        return ()
    counts = [0] * len(asked)
    for number in claimed.omitted_papers:
        for canonical in desk.known.matches(number, asked) if number in desk.papers else ():
            counts[asked[canonical]] += 1
    return tuple(counts)
