"""Web application: pages, the operator's pages, JSON API, feeds, metrics, and the server.

All pages are rendered on the server, set no cookie (but for the operator's session), and work without JavaScript.

- `address_suggestions`: mail addresses that were probably meant
- `admin`: the operator's pages
- `admin_api`: JSON API of operators
- `api`: JSON API
- `app`: the FastAPI application: middleware, routers and error handlers
- `auth`: the operator's token and sessions
- `brand`: the operator's own look
- `citations`: BibTeX, RIS and CSL-JSON
- `context`: state shared by all requests, and the Jinja environment
- `errors`: error pages and problem details
- `forms`: form models and their validation
- `headers`: security headers
- `keyword_rates`: how often each keyword matched lately
- `keywords`: what keywords mean, and suggestions
- `marks_api`: part of the JSON API about what a subscriber says about papers
- `messages`: sentences that stand in no template
- `metrics`: Prometheus metrics and the health check
- `middleware`: root path, rate limits and body limits
- `old_addresses`: redirects from addresses of earlier releases
- `pages`: the public pages, feeds and citations
- `previews`: the e-mail that keywords would have brought
- `privacy`: what the privacy page says about each column
- `profile_form`: part of the preferences form about learned words
- `rate_limit`: limits of forms and searches
- `server`: the uvicorn server with its timeouts
- `subscriber_api`: part of the JSON API about one subscriber
- `thumbnails`: cache of thumbnails
- `webhooks`: bounces and complaints that mail providers report
"""

from digest.web.app import create_app
from digest.web.context import check_page_templates
from digest.web.server import create_server, open_sockets

__all__ = ["check_page_templates", "create_app", "create_server", "open_sockets"]
