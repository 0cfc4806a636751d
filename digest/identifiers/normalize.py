"""Identifiers in their normal form. Nobody else parses identifiers.

    arxiv        2401.01234, math/0309136         without version; also out of the DOI 10.48550/arXiv.X
    doi          10.1021/jacs.6c12595             lower case; families with versions without theirs
    pmid, pmcid  32678530, PMC7383595             digits; PMC and digits
    acl          2022.acl-long.1, P19-1001        also out of the DOIs 10.18653/v1/X and 10.3115/v1/X
    openreview   zzqn5G9fjn                       case kept
    pii          S0140673620301835                Elsevier's, with an ISSN or ISBN inside
    url          https://example.org/post         if there is nothing better
    s2, openalex, dblp, ads                       aggregators: to ask with; they join nothing
    feed:NAME or the name of a source             an id within it, as it is

Every normal form is its own normal form.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

MAX_LENGTH = 500  # of a DOI or a local id; the longest DOI known has some 240 characters
MAX_URL_LENGTH = 2000
# Two papers with different values of one of these are two papers, whatever else they share.
EXCLUSIVE_SCHEMES = frozenset({"arxiv", "pmid", "pmcid", "acl", "openreview", "pii"})
AGGREGATOR_SCHEMES = frozenset({"s2", "openalex", "dblp", "ads"})

# New ids are YYMM.NNNNN (four digits until 2014), old ones archive/YYMMNNN, some with a class: math.GT/0309136.
_ARXIV_ID = re.compile(
    r"(?:https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/|oai:arxiv\.org:|arxiv:)?"
    r"(?:(?P<new>\d{4}\.\d{4,5})|(?P<archive>[a-z][a-z-]*)(?:\.[a-z]{2})?/(?P<number>\d{7}))(?:v(?P<version>\d{1,4}))?"
    r"(?:\.pdf)?/?",
    re.IGNORECASE | re.ASCII,
)
_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[^\s\x00-\x1f\x7f]+", re.ASCII)
_DOI_PREFIX = re.compile(r"(?:https?://(?:dx\.|www\.)?doi\.org/|info:doi/|doi:)\s*", re.IGNORECASE)
# What the address of a page adds to the DOI in it: the form of the text, or a number and a slug (RSC, ACS). Digits
# alone belong to it: 10.1155/2020/8863526 is whole.
_DOI_TAILS = (
    re.compile(
        r"/(?:full(?:[-.]?text)?(?:\.pdf|\.html?)?|e?pdf(?:direct|plus)?|abstract|abs|html|meta|summary)$"
        r"|(?<=v\d)\.full(?:[-.]text)?(?:\.pdf)?$|(?<=[a-z0-9])\.(?:pdf|html?)$"
    ),
    re.compile(r"/\d+/(?=[^/]*[a-z])[^/]+$"),
)
# DOIs of one paper that differ in its version only: before the version, and the version. One row a family.
_VERSIONED_DOIS = tuple(
    re.compile(rf"(?P<doi>{doi}){version}", re.ASCII)
    for doi, version in (
        # bioRxiv, medRxiv; what their pages add to the address of a paper comes after the version
        (r"10\.(?:1101|64898)/(?:\d{4}\.\d\d\.\d\d\.)?\d+", r"v(?P<version>\d+)(?:\.[a-z].*)?"),
        (r"10\.26434/chemrxiv(?:[-.][a-z0-9]+)+?", r"[/.-]v(?P<version>\d+)"),
        (r"10\.\d{4,9}/osf\.io/[a-z0-9]+", r"_v(?P<version>\d+)"),
        (r"10\.21203/rs\.[a-z0-9.-]+", r"/v(?P<version>\d+)"),  # Research Square
        (r"10\.20944/preprints\d+\.\d+", r"\.v(?P<version>\d+)"),  # Preprints.org
        (r"10\.7554/elife\.\d{5,}", r"\.(?P<version>\d{1,2})"),  # with three digits it is a figure
        (r"10\.12688/[a-z0-9]+\.\d+", r"\.(?P<version>\d{1,2})"),  # F1000 and the journals that it runs
        (r"10\.22541/au\.[\d.]+", r"/v(?P<version>\d+)"),  # Authorea
        (r"10\.36227/techrxiv\.[\d.]+?", r"[/.]v(?P<version>\d+)"),
    )
)
# Prefixes of preprint servers; `10.1101` is also that of a publisher, whose journals have letters.
_PREPRINT_DOI = re.compile(
    r"10\.(?:1101/(?:\d{4}\.\d\d\.\d\d\.)?\d+$|64898/|48550/|26434/|21203/|20944/|22541/|36227/|2139/ssrn|32942/|31223/"
    r"|31222/|31730/|\d{4,9}/osf\.io/)",
    re.ASCII,
)
_ACL_ID = re.compile(r"(?P<new>\d{4}\.[a-z0-9_]+-[a-z0-9_]+\.\d+)|(?P<old>[a-z]\d{2}-\d{4})", re.IGNORECASE | re.ASCII)
_ARXIV_DOI, _ACL_DOI = "10.48550/arxiv.", re.compile(r"10\.(?:18653|3115)/v1/")
_PMCID = re.compile(r"(?:PMC)?0*(?P<number>[1-9]\d{0,9})(?:\.\d+)?", re.IGNORECASE | re.ASCII)
_PMID = re.compile(r"(?:pmid:\s*)?0*(?P<number>[1-9]\d{0,9})(?:\.\d+)?", re.IGNORECASE | re.ASCII)
_PII = re.compile(r"S\d{7}[\dX]\d{7,8}[\dX]|B\d{9}[\dX]\d{5,6}[\dX]|B97[89]\d{15}[\dX]", re.ASCII)
_OPENREVIEW_ID = re.compile(r"[\w-]{5,40}", re.ASCII)
_UNBALANCED = {")": "(", "]": "[", "}": "{", ">": "<"}
_TRACKING_PARAMETERS = re.compile(r"utm_\w+|rss|feed|af|dgid|fbclid|gclid", re.IGNORECASE | re.ASCII)
# Where a page's address holds an identifier: host, pattern of the path (or the parameter `?id=`), scheme.
_ADDRESSES = tuple(
    (re.compile(host), re.compile(path, re.IGNORECASE), scheme)
    for host, path, scheme in (
        (r"(?:export\.)?arxiv\.org", r"/(?:abs|pdf|html)/(.+)", "arxiv"),
        (r"aclanthology\.org|aclweb\.org", r"(?:/anthology)?/([^/]+?)(?:\.pdf|\.bib)?/?", "acl"),
        (r"openreview\.net", r"/(?:forum|pdf)", "openreview"),
        (r"pubmed\.ncbi\.nlm\.nih\.gov", r"/(\d+)/?", "pmid"),
        (r"ncbi\.nlm\.nih\.gov", r"/pubmed/(\d+)/?", "pmid"),
        (r"ncbi\.nlm\.nih\.gov|pmc\.ncbi\.nlm\.nih\.gov", r"(?:/pmc)?/articles/(PMC[\d.]+)(?:/.*)?", "pmcid"),
        (r"europepmc\.org", r"/(?:article|abstract)/MED/(\d+)/?", "pmid"),
        (r"europepmc\.org", r"/(?:article|abstract)/PMC/((?:PMC)?\d+)/?|/articles/(PMC\d+)/?", "pmcid"),
        (r"sciencedirect\.com", r"/science/article/(?:abs/)?pii/([^/]+)(?:/.*)?", "pii"),
        (r"linkinghub\.elsevier\.com", r"/retrieve/pii/([^/]+)", "pii"),
        (r"semanticscholar\.org|api\.semanticscholar\.org", r"/(?:paper/(?:.*/)?|corpusid:)([^/]+)", "s2"),
        (r"openalex\.org|api\.openalex\.org", r"/(?:works/)?(W\d+)", "openalex"),
        (r"dblp\.org|dblp\.uni-trier\.de", r"/rec/(.+?)(?:\.html)?", "dblp"),
        (r"ui\.adsabs\.harvard\.edu", r"/abs/([^/]+)(?:/.*)?", "ads"),
    )
)


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """One name of a paper, in normal form. `version` is what was cut from it, 0 where none was given."""

    scheme: str
    value: str
    version: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"

    @property
    def is_preprint(self) -> bool:
        """True for those that only preprint servers give."""
        return self.scheme == "arxiv" or (self.scheme == "doi" and bool(_PREPRINT_DOI.match(self.value)))

    @property
    def joins(self) -> bool:
        """False for ids of aggregators, which may be wrong about what is one paper."""
        return self.scheme not in AGGREGATOR_SCHEMES


def normalize_identifier(text: str, scheme: str | None = None) -> Identifier | None:
    """Return the identifier that a text holds, None when it holds none of this scheme.

    Without a scheme it is told by its form; then bare digits are nothing, as they may be anybody's. The scheme of the
    result may be another one: some DOIs are arXiv or Anthology ids.
    """
    text = text.strip()
    if not text or not text.isprintable() or len(text) > MAX_URL_LENGTH:
        return None
    if scheme is None:
        return next(filter(None, _by_form(text)), None)
    parse = _PARSERS.get(scheme)
    return parse(text) if parse else _local_identifier(text, scheme)


def parse_arxiv_id(text: str) -> tuple[str, int] | None:
    """Return the canonical arXiv id without its version, and the version.

    The version is 1 where none is given. None: the text is no arXiv id.
    """
    match = _ARXIV_ID.fullmatch(text.strip())
    if not match:
        return None
    arxiv_id = match["new"] or f"{match['archive'].lower()}/{match['number']}"
    return arxiv_id, int(match["version"] or 1)


def _by_form(text: str) -> Iterator[Identifier | None]:
    """Yield what a text may be, the surest first."""
    if re.match(r"https?://", text, re.IGNORECASE):
        yield _parse_address(text)
        return
    yield _parse_arxiv(text)
    if _DOI_PREFIX.match(text) or text.startswith("10."):
        yield _parse_doi(text)
    if re.match(r"pmid:", text, re.IGNORECASE):
        yield _parse_pmid(text)
    if re.match(r"PMC\d", text, re.IGNORECASE):
        yield _parse_pmcid(text)
    yield _parse_acl(text)
    yield _parse_pii(text)


def _parse_address(text: str) -> Identifier | None:
    """Return the identifier in the address of a page; the address itself where it holds no better one."""
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    for hosts, path, scheme in _ADDRESSES:
        if hosts.fullmatch(host) and (match := path.fullmatch(parts.path)):
            value = next(filter(None, match.groups()), "") or dict(parse_qsl(parts.query)).get("id", "")
            if found := normalize_identifier(value, scheme):
                return found
    if _DOI.search(unquote(parts.path)):
        return _parse_doi(text)
    named = [value for name, value in parse_qsl(parts.query) if name.lower() in {"doi", "id"} and _DOI.search(value)]
    return _parse_doi(named[0]) if named else _parse_url(text)


def _parse_arxiv(text: str) -> Identifier | None:
    if text.lower().startswith(("http://www.arxiv", "https://www.arxiv")):
        text = text.replace("www.", "", 1)
    match = _ARXIV_ID.fullmatch(text)
    if not match:
        return None
    value = match["new"] or f"{match['archive'].lower()}/{match['number']}"
    return Identifier("arxiv", value, int(match["version"] or 0))


def _parse_doi(text: str) -> Identifier | None:
    is_link = text.lower().startswith(("http://", "https://"))
    while (decoded := unquote(text)) != text:
        text = decoded
    match = _DOI.search((text[prefix.end() :] if (prefix := _DOI_PREFIX.match(text)) else text).lower())
    if not match or not match[0].isprintable():
        return None
    value = re.split(r"[?#]", match[0])[0] if is_link else match[0]
    value = _strip_punctuation(value)
    for tail in _DOI_TAILS if is_link else ():
        while (shorter := _strip_punctuation(tail.sub("", value))) != value and _DOI.fullmatch(shorter):
            value = shorter
    if not _DOI.fullmatch(value) or len(value) > MAX_LENGTH or value[-1] in "-_(":  # cut off by a blank
        return None
    if value.startswith(_ARXIV_DOI) and (found := _parse_arxiv(value.removeprefix(_ARXIV_DOI))):
        return found
    if (match := _ACL_DOI.match(value)) and (found := _parse_acl(value[match.end() :])):
        return found
    for family in _VERSIONED_DOIS:
        if match := family.fullmatch(value):
            return Identifier("doi", match["doi"], int(match["version"][:4]))
    return Identifier("doi", value)


def _strip_punctuation(text: str) -> str:
    """Return a DOI without the signs that followed it in a sentence."""
    while text and (
        text[-1] in ".,;:'\"/&"
        or (text[-1] in _UNBALANCED and text.count(text[-1]) > text.count(_UNBALANCED[text[-1]]))
    ):
        text = text[:-1]
    return text


def _parse_pmid(text: str) -> Identifier | None:
    match = _PMID.fullmatch(text)
    return Identifier("pmid", match["number"]) if match else None


def _parse_pmcid(text: str) -> Identifier | None:
    match = _PMCID.fullmatch(text)
    return Identifier("pmcid", f"PMC{match['number']}") if match else None


def _parse_acl(text: str) -> Identifier | None:
    match = _ACL_ID.fullmatch(text)
    if not match:
        return None
    return Identifier("acl", match["new"].lower() if match["new"] else match["old"].upper())


def _parse_openreview(text: str) -> Identifier | None:
    return Identifier("openreview", text) if _OPENREVIEW_ID.fullmatch(text) else None


def _parse_pii(text: str) -> Identifier | None:
    """Return Elsevier's; other publishers' PIIs are own numbers, and drop out."""
    value = re.sub(r"[-()./\s]", "", text.upper().removeprefix("PII:"))
    return Identifier("pii", value) if _PII.fullmatch(value) else None


def _parse_url(text: str) -> Identifier | None:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host:
        return None
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING_PARAMETERS.fullmatch(pair[0])
    ]
    path = parts.path.rstrip("/")
    value = f"https://{host}{port}{path}{f'?{urlencode(query)}' if query else ''}"
    return Identifier("url", value) if len(value) <= MAX_URL_LENGTH else None


def _local_identifier(text: str, scheme: str) -> Identifier | None:
    """Return an id within a feed or at an aggregator, as it is."""
    return Identifier(scheme, text)


def _from_address(parse: Callable[[str], Identifier | None], scheme: str) -> Callable[[str], Identifier | None]:
    """Let a parser take the address of a page, too, where it holds an identifier of its scheme."""

    def parse_text(text: str) -> Identifier | None:
        if not text.lower().startswith(("http://", "https://")):
            return parse(text)
        found = _parse_address(text)
        return found if found and found.scheme == scheme else None

    return parse_text


_PARSERS: dict[str, Callable[[str], Identifier | None]] = {
    "arxiv": _from_address(_parse_arxiv, "arxiv"),
    "doi": _parse_doi,
    "pmid": _from_address(_parse_pmid, "pmid"),
    "pmcid": _from_address(_parse_pmcid, "pmcid"),
    "acl": _from_address(_parse_acl, "acl"),
    "openreview": _from_address(_parse_openreview, "openreview"),
    "pii": _from_address(_parse_pii, "pii"),
    "url": _parse_url,
}
