"""The pages: server-rendered, without cookies and without a line of JavaScript that anything depends on.

app      wires the rest          guard    what every request passes first
front    what every page has     headers  what every answer says besides its content
forms    what people typed, read and told back
subscribe, manage, papers, letters, inbox, about, health, errors: one file a group of pages
"""

from digest.web.app import create_app
from digest.web.server import create_server

__all__ = ["create_app", "create_server"]
