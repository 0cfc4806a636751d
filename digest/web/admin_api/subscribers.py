"""Subscribers: list, search, add, change, pause, resume, remove, erase, restore; and the suppression list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select

from digest import subscribers
from digest.database import read_session
from digest.database.models import Frequency, Profile, Subscriber, SubscriberStatus
from digest.errors import ObjectNotFoundError, SubscriberError
from digest.matching import KeywordInput
from digest.monitoring import SubscriberFilter, SubscriberOrder, find_subscribers
from digest.subscribers import KeywordLimits, Preferences, check_sources, known_sources, parse_keywords, parse_weekday
from digest.web import messages
from digest.web.admin_api.authorize import ForSubscribers, Reading
from digest.web.admin_api.changes import show_change
from digest.web.admin_api.inputs import (
    AddressIn,
    Cursor,
    Limit,
    NewSubscriberIn,
    PauseIn,
    PreferencesIn,
    RowNumber,
    SubscriberChangeIn,
    SubscriberSearchIn,
)
from digest.web.admin_api.objects import ActionOut, SubscriberOut, SubscriberPage, next_cursor
from digest.web.api import InvalidInputError
from digest.web.context import WebContext, WebDep
from digest.web.errors import FieldProblem
from digest.web.metrics import MonitoringDep

router = APIRouter(tags=["subscribers"])


@router.get("/subscribers", summary="List subscribers")
def list_subscribers(
    web: WebDep,
    _caller: Reading,
    status: SubscriberStatus | None = None,
    frequency: Frequency | None = None,
    order: Annotated[SubscriberOrder, Query(description="By age or by address.")] = SubscriberOrder.NEWEST,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> SubscriberPage:
    """List subscribers. To search by address, post to `/subscribers/search`."""
    wanted = SubscriberFilter(status=status or "", frequency=frequency or "", order=order)
    return _find_page(web, wanted, cursor, limit)


@router.post("/subscribers/search", summary="Search subscribers by address")
def search_subscribers(web: WebDep, _caller: Reading, search: SubscriberSearchIn) -> SubscriberPage:
    """List subscribers whose address contains a text, in the order of addresses. Nothing is changed."""
    wanted = SubscriberFilter(text=search.text, order=SubscriberOrder.ADDRESS)
    return _find_page(web, wanted, search.cursor, search.limit)


@router.post("/subscribers", status_code=201, summary="Add a subscriber")
def add_subscriber(
    web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, new: NewSubscriberIn
) -> SubscriberOut:
    """Add a subscriber. Unless they are confirmed already, they get the link that confirms the subscription."""
    keywords = _parse_keywords(web, new.keywords)
    default = {"send_hour": web.ctx.settings.send_hour, "timezone": web.ctx.settings.default_timezone}
    preferences = _merge(web, Preferences(**default), new.preferences)  # type: ignore[arg-type]
    subscribers.add_subscriber(
        web.ctx, new.email, preferences, keywords, web.clock(), confirmed=new.confirmed, actor=caller.actor
    )
    monitoring.invalidate()
    with read_session(web.ctx.engine) as session:
        return _show(session, subscribers.subscriber_by_email(session, new.email))


@router.get("/subscribers/{number:int}", summary="Get one subscriber")
def get_subscriber(web: WebDep, _caller: Reading, number: RowNumber) -> SubscriberOut:
    with read_session(web.ctx.engine) as session:
        return _show(session, _find(session, number))


@router.patch("/subscribers/{number:int}", summary="Change preferences or keywords")
def change_subscriber(
    web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, number: RowNumber, change: SubscriberChangeIn
) -> ActionOut:
    """Set preferences, keywords or both, from the next digest on. What is left out stays."""
    if change.preferences is None and change.keywords is None:
        raise InvalidInputError(messages.NOTHING_TO_CHANGE)
    keywords = None if change.keywords is None else _parse_keywords(web, change.keywords)
    preferences = None
    if change.preferences is not None:
        with read_session(web.ctx.engine) as session:
            present = subscribers.to_profile(session, _find(session, number)).preferences
        preferences = _merge(web, present, change.preferences)
    record = subscribers.change_subscription(
        web.ctx, caller.actor, number, web.clock(), preferences=preferences, keywords=keywords
    )
    return show_change(monitoring, record)


@router.post("/subscribers/{number:int}/pause", summary="Pause a subscription")
def pause(
    web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, number: RowNumber, pause: PauseIn
) -> ActionOut:
    """Send nothing until a day. Papers wait."""
    record = subscribers.pause_subscription(web.ctx, caller.actor, number, web.clock(), until=pause.until)
    return show_change(monitoring, record)


@router.post("/subscribers/{number:int}/resume", summary="End a pause")
def resume(web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, number: RowNumber) -> ActionOut:
    """End a pause. What was listed meanwhile comes with the next digest."""
    record = subscribers.resume_subscription(web.ctx, caller.actor, number, web.clock())
    return show_change(monitoring, record)


@router.post("/subscribers/{number:int}/remove", summary="End a subscription")
def remove(web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, number: RowNumber) -> ActionOut:
    """End a subscription. Nothing is mailed, and queued e-mails are cancelled."""
    record = subscribers.remove_subscription(web.ctx, caller.actor, number, web.clock())
    return show_change(monitoring, record)


@router.post("/subscribers/{number:int}/restore", summary="Restore a subscription")
def restore(web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, number: RowNumber) -> ActionOut:
    """Restore a subscription that a relay's refusal or an operator has ended. Who complained stays suppressed."""
    record = subscribers.restore_subscription(web.ctx, caller.actor, number, web.clock())
    return show_change(monitoring, record)


@router.post("/subscribers/{number:int}/resend-confirmation", summary="Send the confirmation again")
def resend_confirmation(web: WebDep, caller: ForSubscribers, number: RowNumber) -> ActionOut:
    """Mail the link that confirms a pending subscription once more, at most three times a day."""
    return ActionOut.from_row(subscribers.resend_confirmation(web.ctx, caller.actor, number, web.clock()))


@router.delete("/subscribers/{number:int}", summary="Erase a subscriber")
def erase(web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, number: RowNumber) -> ActionOut:
    """Delete everything about a subscriber, for good. To end a subscription and keep its data, use `remove`."""
    record = subscribers.erase_subscriber(web.ctx, caller.actor, number, web.clock())
    return show_change(monitoring, record)


@router.post("/suppressions/release", summary="Release a suppressed address")
def release_address(web: WebDep, monitoring: MonitoringDep, caller: ForSubscribers, address: AddressIn) -> ActionOut:
    """Let an address get confirmations again that declined one or reported spam, because its owner asks for it."""
    record = subscribers.allow_address(web.ctx, caller.actor, address.email, web.clock())
    if record is None:
        raise SubscriberError(messages.ADDRESS_ALREADY_ALLOWED)
    return show_change(monitoring, record)


def _find_page(web: WebContext, wanted: SubscriberFilter, cursor: int | None, limit: int) -> SubscriberPage:
    with read_session(web.ctx.engine) as session:
        rows = find_subscribers(session, wanted, after=cursor, limit=limit)
        return SubscriberPage(subscribers=_show_all(session, rows), next=next_cursor(rows, limit))


def _find(session: Session, number: int) -> Subscriber:
    subscriber = session.get(Subscriber, number)
    if subscriber is None:
        raise ObjectNotFoundError(messages.object_not_found("subscriber", number))
    return subscriber


def _show(session: Session, subscriber: Subscriber) -> SubscriberOut:
    (shown,) = _show_all(session, [subscriber])
    return shown


def _show_all(session: Session, rows: Sequence[Subscriber]) -> list[SubscriberOut]:
    numbers = [int(row.id or 0) for row in rows]
    keywords = subscribers.keywords_by_subscriber(session, numbers)
    choices = select(Profile.subscriber_id, Profile.in_digest).where(col(Profile.subscriber_id).in_(numbers))
    close_papers = dict(session.exec(choices).all())
    return [
        SubscriberOut.from_row(row, keywords.get(number, []), close_papers.get(number))
        for number, row in zip(numbers, rows, strict=True)
    ]


def _parse_keywords(web: WebContext, texts: Sequence[str]) -> list[KeywordInput]:
    keywords, invalid = parse_keywords(texts, KeywordLimits.from_context(web.ctx))
    if invalid:
        errors = [FieldProblem(field=f"keywords.{error.line - 1}", message=error.message) for error in invalid]
        raise InvalidInputError(messages.INVALID_SUBSCRIPTION, invalid[0].position or None, tuple(errors))
    return keywords


def _merge(web: WebContext, present: Preferences, wanted: PreferencesIn) -> Preferences:
    """Return the present preferences with those that are given. Raises InvalidInputError."""
    given: dict[str, Any] = {name: value for name, value in wanted.model_dump().items() if value is not None}
    try:
        if "weekday" in given:
            given["weekday"] = parse_weekday(given["weekday"])
        if "sources" in given:
            given["sources"] = check_sources(given["sources"], known_sources(web.ctx.settings))
        return replace(present, **given)
    except SubscriberError as error:
        raise InvalidInputError(str(error)) from error
