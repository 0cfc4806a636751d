"""Style sheets, icon and scripts, which browsers may cache."""

import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from digest.rendering import template_folder


class ImmutableStaticFiles(StaticFiles):
    """Static files that browsers may cache: for a year where the URL changes with the content, else for a day.

    The style sheet names the font and the icon without a version.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_versioned = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if is_versioned else "public, max-age=86400"
        )
        return response


def static_directory() -> Path:
    """Return the folder with style sheets, icon and scripts; inside an installed wheel too."""
    return template_folder("web") / "static"


def static_files_version() -> str:
    # Browsers may cache static files for a year: new content needs a new URL.
    digest = hashlib.sha256()
    for path in sorted(static_directory().iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
