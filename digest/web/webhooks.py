"""Webhooks of mail providers: POST /bounces/PROVIDER, each off (404) while its secret is not set."""

import structlog
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from digest.bounces.webhooks import CertificateStore, apply_events, verify_webhook
from digest.errors import SourceError, UnparsableMessageError, UntrustedRequestError
from digest.web import messages
from digest.web.context import WebContext, WebDep
from digest.web.errors import error_page

log = structlog.get_logger()
CERTIFICATE_RETRY_SECONDS = 60


def create_router(certificates: CertificateStore) -> APIRouter:
    """Create the router; `certificates` are those of Amazon SNS."""
    router = APIRouter(prefix="/bounces")

    @router.post("/{provider}")
    async def receive(web: WebDep, provider: str, request: Request) -> Response:
        if provider not in web.ctx.settings.webhook_secrets:
            return error_page(web, 404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        now = web.clock()
        try:
            events = await verify_webhook(web.ctx, provider, headers, await request.body(), certificates, now)
        except UntrustedRequestError as error:
            return _refuse(web, request, provider, 403, error)
        except UnparsableMessageError as error:
            return _refuse(web, request, provider, 400, error)
        except SourceError as error:
            log.error("webhook.certificate_unavailable", provider=provider, reason=str(error))  # noqa: TRY400
            wait = {"Retry-After": str(CERTIFICATE_RETRY_SECONDS)}
            return PlainTextResponse(messages.NO_CERTIFICATE, 503, headers=wait)
        report = await run_in_threadpool(apply_events, web.ctx, provider, events, now)
        actions = {action.value: count for action, count in report.actions.items()}
        log.info("webhook.received", provider=provider, untrusted=report.untrusted, **actions)
        return Response(status_code=204)

    return router


def _refuse(web: WebContext, request: Request, provider: str, status: int, error: Exception) -> Response:
    log.warning("webhook.refused", provider=provider, status=status, reason=str(error))
    if seconds := web.limiter.hit_garbage(request.client.host if request.client else ""):
        return PlainTextResponse(messages.TOO_MANY_REFUSED, 429, headers={"Retry-After": str(seconds)})
    return PlainTextResponse(messages.webhook_refused(error), status)
