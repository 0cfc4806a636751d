"""Elements of MathML as readable Unicode on one line, as LaTeX is written: x², (a+b)/c, ∑_(i=1)ⁿ."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from digest.sources.text.latex import operand
from digest.sources.text.latex_symbols import SUBSCRIPTS, SUPERSCRIPTS

_TOKENS = {"mi", "mn", "mo", "ms", "mtext", "mspace"}
MATH_TAGS = _TOKENS | {
    "annotation", "annotation-xml", "maction", "math", "menclose", "merror", "mfenced", "mfrac", "mmultiscripts",
    "mover", "mpadded", "mphantom", "mprescripts", "mroot", "mrow", "msqrt", "mstyle", "msub", "msubsup", "msup",
    "mtable", "mtd", "mtr", "munder", "munderover", "none", "semantics",
}  # fmt: skip
_FENCE = re.compile(r"\b(open|close|separators)\s*=\s*[\"']([^\"']{0,5})[\"']")
_ACCENTS = {
    "¯": "\u0304", "\u203e": "\u0304", "^": "\u0302", "\u02c6": "\u0302", "~": "\u0303", "\u02dc": "\u0303",
    "→": "\u20d7", "˙": "\u0307", "¨": "\u0308",
}  # fmt: skip


def write_math(name: str, attributes: str, content: str, children: Sequence[tuple[str, str]]) -> str:
    """Return an element, given its content and its child elements (name and text), all of which are written."""
    if name in _TOKENS:
        token = content if name in {"mtext", "ms"} else "".join(content.split())
        is_function = name == "mi" and len(token) > 1 and token.isascii() and token.islower()
        return f" {token} " if is_function else token
    if not children:
        return content.strip()
    written = [text for _, text in children]
    count, write = _WRITERS.get(name, (0, None))
    if write and len(children) >= count:
        return write(*(text.strip() for text in written[:count]))
    if name == "mmultiscripts":
        return _write_multiscripts(children)
    if name == "mfenced":
        signs = {"open": "(", "separators": ",", "close": ")"} | dict(_FENCE.findall(attributes))
        return f"{signs['open']}{signs['separators'].join(written)}{signs['close']}"
    joined = "".join(written)
    match name:
        case "msqrt":
            joined = f"√{operand(joined.strip())}"
        case "mtable":
            joined = joined.rstrip("; ")
        case "mtr":
            joined = f"{joined.rstrip(', ')}; "
        case "mtd":
            joined = f"{joined}, "
    return joined


def _write_script(sign: str, content: str) -> str:
    table = SUPERSCRIPTS if sign == "^" else SUBSCRIPTS
    if not content:
        return ""
    if all(c in table for c in content) and (len(content) == 1 or not any(c.isalpha() for c in content)):
        return "".join(table[character] for character in content)
    return sign + (content if len(content) == 1 or content.isalnum() else f"({content})")


def _write_over(base: str, mark: str) -> str:
    accent = _ACCENTS.get(mark)
    if accent and len(base) == 1:
        return unicodedata.normalize("NFC", base + accent)
    return base + _write_script("^", mark)


def _write_scripts(base: str, index: str, exponent: str) -> str:
    return base + _write_script("_", index) + _write_script("^", exponent)


def _write_multiscripts(children: Sequence[tuple[str, str]]) -> str:
    """Return a base with scripts on both sides, as isotopes have them."""
    sides: list[list[str]] = [[]]
    for name, text in children[1:]:
        if name == "mprescripts":
            sides.append([])
        else:
            sides[-1].append(text.strip())
    behind, *before = (
        "".join(_write_script("^" if number % 2 else "_", script) for number, script in enumerate(side))
        for side in sides
    )
    return f"{''.join(before)}{children[0][1]}{behind}"


# How many children an element has, and how they are written.
_WRITERS: dict[str, tuple[int, Callable[..., str]]] = {
    "mfrac": (2, lambda numerator, denominator: f"{operand(numerator)}/{operand(denominator)}"),
    "mroot": (2, lambda radicand, index: f"{_write_script('^', index)}√{operand(radicand)}"),
    "msub": (2, lambda base, index: base + _write_script("_", index)),
    "munder": (2, lambda base, index: base + _write_script("_", index)),
    "msup": (2, lambda base, exponent: base + _write_script("^", exponent)),
    "mover": (2, _write_over),
    "msubsup": (3, _write_scripts),
    "munderover": (3, _write_scripts),
    "semantics": (1, lambda presentation, *_: presentation),
}
