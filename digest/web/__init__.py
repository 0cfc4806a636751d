"""Web application: pages, the operator's pages, JSON API, feeds, metrics, and the server.

All pages are rendered on the server, set no cookie (but for the operator's session), and work without JavaScript.

- `admin_api`: JSON API of operators
- `admin`: the operator's pages
- `api`: JSON API
- `app`: the FastAPI application: middleware, routers and error handlers
- `assets`: the operator's own look, static files and thumbnails
- `auth`: the operator's token and sessions
- `citations`: BibTeX, RIS and CSL-JSON
- `context`: state shared by all requests, and the Jinja environment
- `errors`: error pages and problem details
- `forms`: fields of the forms and their validation
- `headers`: security headers
- `messages`: sentences that stand in no template
- `metrics`: Prometheus metrics and the health check
- `middleware`: root path, rate limits and body limits
- `pages`: the public pages, feeds and citations
- `previews`: what keywords mean and find, and the e-mail that they would have brought
- `privacy`: what the privacy page says about each column
- `rate_limit`: limits of forms and searches
- `redirects`: addresses of earlier releases
- `server`: the uvicorn server with its timeouts
- `webhooks`: bounces and complaints that mail providers report
"""

from digest.web.app import create_app
from digest.web.context import check_page_templates
from digest.web.server import create_server, open_sockets

__all__ = ["check_page_templates", "create_app", "create_server", "open_sockets"]
