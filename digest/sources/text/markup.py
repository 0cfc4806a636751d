"""Markup of HTML, JATS and MathML within a title or abstract, as readable Unicode.

Only elements of these languages that begin and end are markup: a text may speak of the <b> element, or say that a<b.
Blocks are set apart by spaces, headings become "Background: ", indices and exponents Unicode where it has them. One
pass, linear in the length of the text but for elements, which nest MAX_DEPTH deep at most.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from digest.sources.text.latex_symbols import SUBSCRIPTS, SUPERSCRIPTS
from digest.sources.text.mathml import MATH_TAGS, write_math

MAX_DEPTH = 60  # of nested elements; deeper ones lose their meaning, not their text
_TAG = re.compile(
    r"<!--(?:[^-]|-(?!->)){0,2000}+-->"
    r"|<(?P<end>/?)(?:[a-z]{1,10}:)?(?P<name>[a-z][a-z0-9-]{0,20})"
    r"(?P<attributes>(?:\s+[\w:.-]{1,40}(?:\s*=\s*(?:\"[^\"]{0,1000}\"|'[^']{0,1000}'|[^\s\"'<>=]{1,200}))?){0,30}+)"
    r"\s*(?P<empty>/?)>",
    re.IGNORECASE,
)
_INLINE = {
    "a", "abbr", "acronym", "alternatives", "bdi", "bdo", "big", "bold", "chem-struct", "cite", "code", "collab",
    "data", "del", "dfn", "em", "email", "ext-link", "font", "i", "inline-formula", "ins", "institution",
    "italic", "kbd", "mark", "milestone-start", "monospace", "named-content", "overline", "q", "roman", "s",
    "samp", "sans-serif", "sc", "scp", "small", "span", "strike", "strong", "styled-content", "tex-math", "time",
    "tt", "u", "underline", "uri", "var", "xref", "b", "sub", "sup",
}  # fmt: skip
_BLOCKS = {
    "abstract", "article", "aside", "blockquote", "body", "caption", "center", "dd", "def-item", "def-list",
    "disp-formula", "disp-quote", "div", "dl", "dt", "figcaption", "figure", "fn", "footer", "header", "html",
    "li", "list", "list-item", "main", "ol", "p", "pre", "sec", "section", "table", "tbody", "td", "th", "thead",
    "tr", "trans-abstract", "ul",
}  # fmt: skip
_HEADINGS = {"title", "h1", "h2", "h3", "h4", "h5", "h6"}
_BOLD = {"b", "strong", "bold"}
_DROPPED = {
    "annotation", "annotation-xml", "graphic", "head", "iframe", "inline-graphic", "label", "math-image",
    "mphantom", "none", "mprescripts", "object", "script", "style", "svg", "video",
}  # fmt: skip
_FORMULAS = {"inline-formula", "disp-formula", "alternatives"}
_VOID = {"br", "break", "hr"}  # always markup; the others only with attributes or "/>"
_VOID_WITH_ATTRIBUTES = {"img", "graphic", "inline-graphic", "wbr"}
_KNOWN = _INLINE | _BLOCKS | _HEADINGS | _DROPPED | MATH_TAGS | _VOID | _VOID_WITH_ATTRIBUTES
_OPTIONAL_END = {"p", "li", "td", "tr", "dd", "dt"}
_WHOLE_TITLES = frozenset({"abstract", "summary"})
_SECTIONS = re.compile(
    r"(?=[A-Z])(?i:(?:aims?|backgrounds?|conclusions?|context|design|discussions?|findings|importance|interpretation|introduction"
    r"|(?:material\w* and )?method\w*|methodology|motivation|objectives?|outcomes?|purposes?|rationale|results?"
    r"|significance|summary|abstract)(?: (?:\w+|&)){0,3})"
)
_SHORT_WORDS = {
    "a", "aim", "aims", "an", "and", "as", "at", "by", "for", "in", "into", "new", "of", "on", "or", "the", "to",
    "use", "with",
}  # fmt: skip
_HEADING_END = "\x02"
_AFTER_HEADING = re.compile(rf"\s*{_HEADING_END}[\s.:{_HEADING_END}]*")
_AS_THEY_ARE = frozenset({"st", "nd", "rd", "th", "®", "™", "©", "℠"})


@dataclass(slots=True)
class _Element:
    """Element that has begun: what is known of its content, and the text of its children where they count."""

    name: str
    attributes: str = ""
    parts: list[str] = field(default_factory=list)
    children: list[tuple[str, str]] = field(default_factory=list)
    is_first: bool = False  # no text came before it


def markup_to_text(text: str) -> str:
    """Return text with its markup as readable Unicode; white space is not yet single."""
    tags = _pair_tags(text)
    if not tags:
        return text
    root = _Element("")
    stack, position, has_text = [root], 0, False
    for tag, closes in tags:
        chunk = text[position : tag.start()]
        position = tag.end()
        has_text = has_text or bool(chunk.strip())
        stack[-1].parts.append(chunk)
        name = (tag["name"] or "").lower()
        if closes:
            element = stack.pop()
            written = _write(element, stack[-1].parts)
            stack[-1].children.append((name, written))
            stack[-1].parts.append(written)
        elif closes is False:
            stack.append(_Element(name, tag["attributes"], is_first=not has_text))
        elif name in MATH_TAGS:  # an empty one counts as a child
            stack[-1].children.append((name, " " if name == "mspace" else ""))
            stack[-1].parts.append(" " if name == "mspace" else "")
        elif name:
            stack[-1].parts.append(" ")
    root.parts.append(text[position:])
    written = "".join(root.parts)
    return _AFTER_HEADING.sub(": ", written.rstrip(f" \r\n\t{_HEADING_END}")) if _HEADING_END in written else written


def _pair_tags(text: str) -> list[tuple[re.Match[str], bool | None]]:
    """Return the tags that are markup: False for the first of an element, True for its last, None for an empty one."""
    tags = [tag for tag in _TAG.finditer(text) if not tag["name"] or tag["name"].lower() in _KNOWN]
    roles: dict[int, bool | None] = {}
    opened: list[tuple[int, str]] = []
    counts: Counter[str] = Counter()
    for number, tag in enumerate(tags):
        name = (tag["name"] or "").lower()
        if not name or name in _VOID or tag["empty"] or (name in _VOID_WITH_ATTRIBUTES and tag["attributes"]):
            roles[number] = None
        elif not tag["end"]:
            opened.append((number, name))
            counts[name] += 1
        elif counts[name]:
            while (last := opened.pop())[1] != name:
                counts[last[1]] -= 1
            counts[name] -= 1
            roles[last[0]], roles[number] = False, True
    begins_with_tag = bool(tags) and not text[: tags[0].start()].strip()
    for number, tag in enumerate(tags):  # <p>One<p>Two
        if number not in roles and (tag["name"].lower() in _OPTIONAL_END) and (begins_with_tag or tag["attributes"]):
            roles[number] = None
    _limit_depth(roles)
    return [(tags[number], roles[number]) for number in sorted(roles)]


def _limit_depth(roles: dict[int, bool | None]) -> None:
    """Make empty what is nested too deep."""
    depth = 0
    for number in sorted(roles):
        if roles[number]:
            if depth > MAX_DEPTH:
                roles[number] = None
            depth -= 1
        elif roles[number] is False:
            depth += 1
            if depth > MAX_DEPTH:
                roles[number] = None


def _write(element: _Element, before: list[str]) -> str:
    """Return the text of an element, all of whose children are written. `before` is what stands before it."""
    name, content = element.name, "".join(element.parts)
    if name in _DROPPED:
        return ""
    if name in MATH_TAGS:
        children = [(child, written) for child, written in element.children if child in MATH_TAGS]
        return write_math(name, element.attributes, content, children)
    if name in {"sub", "sup"}:
        return _write_script(content, name, "".join(before[-2:])[-2:])
    if name in _HEADINGS or (name in _BOLD and _SECTIONS.fullmatch(content.strip(f" \r\n\t.:{_HEADING_END}"))):
        return _write_heading(content, is_first=element.is_first)
    if name == "tex-math":  # often with a whole document around it
        _, begin, document = content.partition(r"\begin{document}")
        content = document.partition(r"\end{document}")[0] if begin else content
    elif name in _FORMULAS:  # one formula, written in MathML and in LaTeX
        formulas = (written for child, written in element.children if child in {"math", "alternatives"})
        content = next((written for written in formulas if written.strip()), content)
    elif name == "q":
        content = f"“{content}”"
    return f" {content} " if name in _BLOCKS else content


def _write_heading(content: str, *, is_first: bool) -> str:
    label = format_label(content.replace(_HEADING_END, ""))
    if not label or (is_first and label.casefold() in _WHOLE_TITLES):
        return " "
    return f" {label} " if label[-1] in "?!" else f" {label}{_HEADING_END}"


def format_label(label: str) -> str:
    """Return the heading of a section as it stands before its text: "Materials and methods" for one in capitals."""
    label = " ".join(label.split()).rstrip(" .:")
    if not label.isupper():
        return label
    words = label.split()
    is_acronym = len(words) > 1
    written = [
        word if is_acronym and len(word) <= 3 and word.lower() not in _SHORT_WORDS else word.lower()  # noqa: PLR2004
        for word in words
    ]
    return " ".join([written[0][:1].upper() + written[0][1:], *written[1:]])


def _write_script(content: str, name: str, before: str) -> str:
    """Return an index or exponent of a text: H₂O, Ca²⁺, PM2.5, HbA1c, x_i, Cre^ERT2. What can be typed is found."""
    inner, table = content.strip(), SUBSCRIPTS if name == "sub" else SUPERSCRIPTS
    trailing = " " if content[-1:].isspace() else ""
    is_word = any(character.isalpha() for character in inner)
    if not is_word and all(character in table for character in inner):
        written = "".join(table[character] for character in inner)
    elif name == "sup":
        is_mark = inner in _AS_THEY_ARE or not any(character.isalnum() for character in inner)
        written = inner if is_mark else f"^{inner}" if inner.isalnum() else f"^({inner})"
    elif is_word and " " in inner:
        written = f"_({inner})"
    else:
        is_variable = before[-1:].isalpha() and not before[:-1].isalnum()
        written = f"_{inner}" if is_word and is_variable and len(inner) == 1 else inner
    return written + trailing
