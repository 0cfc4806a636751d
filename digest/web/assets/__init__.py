"""Files that pages load, all from our own host.

- `brand`: the operator's own look
- `static_files`: style sheets, icon and scripts
- `thumbnails`: thumbnails of papers
"""

from digest.web.assets.brand import Brand, load_brand
from digest.web.assets.static_files import ImmutableStaticFiles, static_directory, static_files_version
from digest.web.assets.thumbnails import (
    MAX_BYTES,
    MAX_FILES,
    THUMBNAIL_HEADERS,
    ThumbnailCache,
    create_thumbnail_cache,
    image_media_type,
)

__all__ = [
    "MAX_BYTES",
    "MAX_FILES",
    "THUMBNAIL_HEADERS",
    "Brand",
    "ImmutableStaticFiles",
    "ThumbnailCache",
    "create_thumbnail_cache",
    "image_media_type",
    "load_brand",
    "static_directory",
    "static_files_version",
]
