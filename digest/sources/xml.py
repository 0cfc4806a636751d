"""XML documents from outside, parsed within bounds; one broken entry costs itself only.

The one door for XML of every source. A document type that names a DTD elsewhere is legal, and cut off: nothing is
loaded. One that holds declarations of its own is refused. So there are no entities but XML's five and, repaired, those
of HTML; nothing expands, and neither files nor network are reached.

A document is parsed as it is where that is possible. Else what XML forbids but people write is repaired in its text:
bytes that are not in its encoding, control characters, a bare "&" or "<", HTML's entities. What is broken then is
looked for entry by entry, and left out. A document without its last end tag is never taken: part of a list must not
pass for all of it. All this takes time linear in the length of the document.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.entities import html5
from itertools import islice

from lxml import etree  # type: ignore[import-untyped]  # no stubs are published with it

from digest.errors import MalformedAnswerError
from digest.sources import messages

MAX_NAMESPACES = 20  # that a feed declares
MAX_TAGS = 1_000_000  # start and end tags; a full feed of arXiv has 60,000
_BYTE_ORDER_MARKS = {b"\xff\xfe", b"\xfe\xff"}
_ENCODING = re.compile(rb"""\A\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,20})""")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")
_ROOT_TAG = re.compile(r"<([A-Za-z][\w.:-]{0,40})(?:\s[^<>]{0,5000})?>")
_NAMESPACE = re.compile(r"""\sxmlns(?::[\w.-]{1,40})?=(?:"[^"<>&]{0,200}"|'[^'<>&]{0,200}')""")
_MARKUP = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
    r"|&(?:#\d{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{0,30};)?"
    r"|<(?![A-Za-z/!?_])"
)
_WRONG_BYTE = re.compile("[\udc80-\udcff]")  # as "surrogateescape" decodes it
# The prolog up to a document type, and whether that holds declarations of its own.
_DOCTYPE = re.compile(
    r"""\A(?:\s|<\?[^<>]{0,500}\?>|<!--(?:[^-]|-(?!-)){0,2000}+-->){0,20}+(?P<doctype><!DOCTYPE\s"""
    r"""(?:[^<>\["']|"[^"]{0,1000}"|'[^']{0,1000}'){0,2000}+(?P<end>[\[>]?))""",
    re.IGNORECASE,
)
_PROLOG_LENGTH = 50_000
_XML_ENTITIES = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Encodings that feeds are written in and that decode in linear time; all else is read as UTF-8.
_ENCODINGS = re.compile(
    r"us-ascii|utf-?16(?:le|be)?|iso-?8859-?\d{1,2}|latin-?1|windows-?125[0-8]|cp125[0-8]|koi8-[ru]|gbk|gb2312|gb18030"
    r"|big5|euc-(?:jp|kr)|shift_jis",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """Parsed document: its root, how many broken entries were left out of it, and whether it had to be repaired."""

    root: etree._Element
    broken_entries: int = 0
    is_repaired: bool = False


def parse_xml(body: bytes, location: str, entry_tags: Sequence[str] = ("item", "entry")) -> XmlDocument:
    """Parse a document, without entities of its own, DTD or network. Raises MalformedAnswerError."""
    if body.count(b"<") > MAX_TAGS:
        raise MalformedAnswerError(messages.too_many_tags(location, MAX_TAGS))
    body = _cut_doctype(body, location)
    try:
        return XmlDocument(_parse_strictly(body, location))
    except (etree.XMLSyntaxError, ValueError) as error:
        text = repair_text(decode(body))
        root_tag = _ROOT_TAG.search(text)
        end = text.rfind(f"</{root_tag[1]}>") if root_tag else -1
        if root_tag is None or end < 0:
            beginning = " ".join(text[:200].split())[:50]
            raise MalformedAnswerError(messages.xml_incomplete(location, beginning, error)) from error
        text = text[: end + len(root_tag[1]) + 3]
        try:
            return XmlDocument(_parse_strictly(text.encode(), location), is_repaired=True)
        except (etree.XMLSyntaxError, ValueError):
            # Each entry is parsed on its own: not with all that the first tag may hold, but with its namespaces.
            start_tag = f"<{root_tag[1]}{''.join(islice(_NAMESPACE.findall(root_tag[0]), MAX_NAMESPACES))}>"
            text, broken_entries = drop_broken_entries(text, start_tag, f"</{root_tag[1]}>", entry_tags)
            try:
                root = _parse_strictly(text.encode(), location)
            except (etree.XMLSyntaxError, ValueError):
                beginning = " ".join(text[:200].split())[:50]
                raise MalformedAnswerError(messages.xml_invalid(location, beginning, error)) from error
            return XmlDocument(root, broken_entries, is_repaired=True)


def inner_markup(element: etree._Element | None) -> str:
    """Return what stands within an element as it is written, tags and all: for `clean_text`, which reads them."""
    if element is None:
        return ""
    if not len(element):
        return element.text or ""
    text = html.escape(element.text or "", quote=False)
    return text + "".join(etree.tostring(child, encoding="unicode") for child in element)


def _cut_doctype(body: bytes, location: str) -> bytes:
    """Return a document without its document type. Raises MalformedAnswerError for one with declarations of its own."""
    if b"\x00" in body[:4]:  # UTF-16, also without a byte order mark
        encoding = "utf-16" if body[:2] in _BYTE_ORDER_MARKS else "utf-16-be" if body[0] == 0 else "utf-16-le"
        body = _DECLARATION.sub("", body.decode(encoding, "replace").removeprefix("\ufeff"), count=1).encode()
    found = _DOCTYPE.match(body[:_PROLOG_LENGTH].removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
    if not found:
        return body
    if found["end"] != ">":
        raise MalformedAnswerError(messages.xml_declarations(location))
    return body.replace(found["doctype"].encode("latin-1"), b"", 1)


def decode(body: bytes) -> str:
    """Decode a document by its byte order mark or declaration, else as UTF-8. A wrong byte is read as Windows-1252."""
    declared = _ENCODING.match(body)
    encoding = declared[1].decode() if declared and _ENCODINGS.fullmatch(declared[1].decode()) else ""
    if body[:2] in _BYTE_ORDER_MARKS:
        encoding = "utf-16"
    if encoding:
        return body.decode(encoding, "replace").removeprefix("\ufeff")
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return _WRONG_BYTE.sub(lambda byte: bytes([ord(byte[0]) - 0xDC00]).decode("cp1252", "replace"), text)


def repair_text(text: str) -> str:
    """Return the text of a document without its declaration and without what XML forbids."""
    return _MARKUP.sub(_repair, _DECLARATION.sub("", text, count=1))


def _repair(match: re.Match[str]) -> str:
    markup = match[0]
    if markup in _XML_ENTITIES:
        return markup
    if markup.startswith("&#"):
        return html.escape(_FORBIDDEN.sub("", html.unescape(markup)).replace("\ufffd", ""))
    if markup.startswith("&"):  # an entity of HTML, or none
        return html.escape(html5.get(markup[1:], markup))
    return "&lt;" if markup == "<" else ""


def drop_broken_entries(text: str, start_tag: str, end_tag: str, entry_tags: Sequence[str]) -> tuple[str, int]:
    """Return the document without the entries that cannot be parsed on their own, and how many there were."""
    entry_tag = re.compile(rf"<(/?)(?:{'|'.join(entry_tags)})(?=[\s>])[^<>]*>")
    chunks: list[str] = []
    broken, position = 0, 0
    opened: int | None = None
    for tag in entry_tag.finditer(text):
        if opened is None:
            chunks.append(text[position : tag.start()])
        elif tag[1] and is_well_formed(f"{start_tag}{text[opened : tag.end()]}{end_tag}"):
            chunks.append(text[opened : tag.end()])
        else:
            broken += 1
        opened = None if tag[1] else tag.start()
        position = tag.end()
    if opened is not None:  # the last entry has no end of its own
        broken += 1
        position = max(text.find("</channel>", position), 0) or len(text) - len(end_tag)
    chunks.append(text[position:])
    return "".join(chunks), broken


def is_well_formed(text: str) -> bool:
    """Return whether a small document can be parsed."""
    try:
        _parse_strictly(text.encode(), "")
    except (etree.XMLSyntaxError, ValueError, MalformedAnswerError):
        return False
    return True


def _parse_strictly(body: bytes, location: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    root = etree.fromstring(body, parser)
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedAnswerError(messages.xml_document_type(location))
    return root
