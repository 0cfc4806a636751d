"""Abstracts of bioRxiv and medRxiv, which keep tokens of HighWire's typesetting and lose what stood between parts.

C_LIO_LIIn-stent CNs may appear        items of a list
O_ST_ABSBackgroundC_ST_ABSThe          a heading, as is BackgroundThe at the beginning of a paragraph
PO_SCPLOWEAFOWLC_SCPLOW                small capitals
O_FIG O_LINKSMALLFIG WIDTH=200 ... C_FIG
{sigma}, {degrees}, [&le;]             letters and signs
"""

import html
import re

_FIGURE = re.compile(
    r"O_(?P<kind>FIG|TBL|INLINEFIG|VIDEO)\b.{0,20000}?\bC_(?P=kind)"
    r"|O_LINK(?:SMALL)?(?:FIG|TBL|INLINE)\b.{0,2000}?(?:_FIGEXP|$)|View larger version[^\n]{0,40}\n?"
    r"|(?:org\.highwire\.dtl\.DTLVardef@[0-9a-f]{1,8})+\w*|\b[OMC]_(?:FIG|TBL)\b",
    re.DOTALL,
)
_HEADING_TOKEN = re.compile(r"[:.]?\s*O_ST_ABS(.{1,120}?)[:.]?\s*C_ST_ABS\s*", re.DOTALL)
_FIRST_ITEM = re.compile(r"(?<=[A-Za-z])(?<!_[A-Z][A-Z])\s?O_(?:LI|UL|OL)(?=[^\s])")
_ITEM = re.compile(r"(?:[OC]_(?:LI|UL|OL|QD|FD|P)){1,6}(?=[A-Z0-9\s\"'(]|$)")
_SMALL_CAPITALS = re.compile(r"[OC]_SC(?:PLOW|PCAP|AP|P)(?![a-z])")
# Headings of sections that run into the text behind them, where a paragraph begins.
_HEADINGS = (
    "(?:graphical |plain language |author |lay |one sentence )?(?:abstract|summary)",
    *("aims?(?: and objectives?)?", "added value of this study", "availability(?: and implementation)?"),
    *("background(?: and (?:aims?|objectives?|purpose))?", "clinical trial registration", "context", "discussion"),
    *("conclusions?(?: and (?:relevance|significance))?", "design(?:,? setting,? and participants)?", "exposures?"),
    *("ethics and dissemination", "evidence before this study", "findings", "funding", "highlights", "importance"),
    *("impact statement", "implications(?: of all the available evidence)?", "interpretation", "interventions?"),
    *("introduction", "key ?(?:messages|points|words)", "limitations?", "methodology", "motivation", "objectives?"),
    *("main outcomes?(?: and measures?| measures?)?", "materials? and methods?", "new (?:&|and) noteworthy"),
    *("methods?(?: (?:&|and) (?:findings|results|analysis|materials?))?", "outcomes?", "participants", "patients"),
    *("principal findings", "purpose", "question", "rationale", "research in context", "results?(?: and discussion)?"),
    *("setting", "significance(?: statement)?", "statement of significance", "study design", "teaser"),
    *("strengths and limitations(?: of this study)?", "supplementary information", "trial registration(?: number)?"),
    *("withdrawal statement", "what (?:is known|the study adds)"),
)
_RUN_IN = re.compile(rf"(?:{'|'.join(_HEADINGS)})(?-i:(?=[A-Z][a-z ]|[A-Z]{{2}}|[0-9\"(]))", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\s*\n\s*")
_BRACED = re.compile(r"\{([A-Za-z+/ -]{1,20})\}")
_ENTITY = re.compile(r"\[(&[A-Za-z]{2,10};)\]")
GREEK = ("\u0370", "\u03ff")
_SIGNS = {
    "varepsilon": "ε",
    "vartheta": "θ",
    "varphi": "φ",
    "degrees": "°",
    "degree": "°",
    "middle dot": "·",
    "+/-": "±",
    "micro": "\u00b5",
    "times": "\u00d7",
    "le": "≤",
    "leq": "≤",
    "ge": "≥",
    "geq": "≥",
    "approx": "≈",
    "cong": "≅",
    "sim": "~",
    "infty": "∞",
    "rightarrow": "→",
    "leftarrow": "←",
}
_WHOLE_TITLES = {"abstract", "summary"}


def clean_typesetting(text: str) -> str:
    """Return an abstract without tokens of the typesetter, its headings set apart: "Background: The"."""
    text = _FIGURE.sub(" ", text)
    text = _SMALL_CAPITALS.sub("", text)
    text = _HEADING_TOKEN.sub(lambda heading: f"\n{heading[1].strip()}: ", text)
    text = _ITEM.sub(" ", _FIRST_ITEM.sub(": ", text))
    text = _ENTITY.sub(r"\1", _BRACED.sub(_write_sign, text))
    paragraphs = [_separate_heading(paragraph) for paragraph in _PARAGRAPH.split(text.strip())]
    if paragraphs and paragraphs[0].rstrip(":").casefold() in _WHOLE_TITLES:
        del paragraphs[0]
    return "\n".join(paragraphs)


def _separate_heading(paragraph: str) -> str:
    match = _RUN_IN.match(paragraph)
    if not match or match[0].islower():
        return paragraph
    rest = paragraph[match.end() :]
    return rest if match[0].casefold() in _WHOLE_TITLES else f"{match[0]}: {rest}"


def _write_sign(braced: re.Match[str]) -> str:
    name = braced[1]
    if name in _SIGNS:
        return _SIGNS[name]
    sign = html.unescape(f"&{name};")
    return sign if len(sign) == 1 and GREEK[0] <= sign <= GREEK[1] else braced[0]
