r"""TeX as arXiv's authors write it, turned into readable Unicode: "$\mathcal{O}(n^2)$" reads "O(n²)".

One pass from left to right that never raises: abstracts are prose with some TeX in it, often damaged. What is not
understood stays as it is written, so nothing is lost: a lone "$5", a "%" (no comment here), an unknown macro's name
and its argument. pylatexenc gives the table of symbols; its own walker takes "%" for a comment and drops macros it
does not know, so the walk is ours.
"""

import re
import unicodedata

from digest.sources.latex_symbols import (
    ACCENTS,
    FONT_MACROS,
    IGNORED_MACROS,
    OPERATOR_NAMES,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    load_symbols,
)

MAX_DEPTH = 40  # groups within groups; deeper ones are hostile and stay as written


_MAX_MATH_LENGTH = 800


_PLAIN_RUN = re.compile(r"[^\\${}~^_\[\]h]+")


_URL = re.compile(r"https?://(?:[^\s\\{}$<>]|\\[_%&#~])+")


_MACRO = re.compile(r"\\([A-Za-z]+)\*?[ \t\n]?")


_PROSE = re.compile(r"\s*\d[^\\]*\s[A-Za-z]{2,}|[^\\^_={}]*\b[A-Za-z]{2,}\s+[A-Za-z]{2,}\b[^\\^_={}]*$")


_WORDS = re.compile(r"[^\W\d_][\w \-'.:+/]*")


def latex_to_text(text: str) -> str:
    """`text` with its TeX made readable. Linear in its length but for groups, which nest `DEPTH` deep at most."""
    return _LatexParser(text).parse_until(None, math=False)


class _LatexParser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def parse_until(self, stop: str | None, *, math: bool) -> str:
        """Everything up to `stop` (a closing mark, taken along) or to the end of the text."""
        read: list[str] = []
        while self.position < len(self.text):
            if stop and self.text.startswith(stop, self.position):
                self.position += len(stop)
                break
            read.append(self.parse_next(math=math, before=read[-1] if read else ""))
        return "".join(read)

    def parse_next(self, *, math: bool, before: str) -> str:  # noqa: PLR0911  - one return a kind of piece
        text, start = self.text, self.position
        if run := _PLAIN_RUN.match(text, start):
            self.position = run.end()
            return run[0].replace("'", "′") if math else run[0]  # noqa: RUF001
        if link := _URL.match(text, start):
            self.position = link.end()
            return re.sub(r"\\(.)", r"\1", link[0])
        match text[start]:
            case "\\":
                return self.parse_macro(math=math, before=before)
            case "{":
                return self.parse_group(math=math)
            case "$":
                return self.parse_dollar(math=math)
            case "^" | "_" if math or (text.startswith("{", start + 1) and text[start - 1 : start].isalnum()):
                return self.parse_script(text[start])
            case "~":
                self.position += 1
                return " " if math or self.is_tie() else "~"
        self.position += 1
        return text[start]

    def is_tie(self) -> bool:
        # "Fig.~3" is a tie; "~200 degrees", "5~10" and "/~name" are not.
        left, right = self.text[self.position - 2 : self.position - 1], self.text[self.position : self.position + 1]
        return bool(left) and (left.isalpha() or left in ".,;:)]}$") and bool(right) and not right.isspace()

    def parse_group(self, *, math: bool) -> str:
        start = self.position
        self.position += 1
        if self.depth >= MAX_DEPTH:
            return "{"
        switch = re.compile(r"\s*\\(?:bf|it|em|rm|tt|sc|sf|sl|small|color)\b").match(self.text, self.position)
        self.depth += 1
        inside = self.parse_until("}", math=math)
        self.depth -= 1
        closed = self.text[self.position - 1] == "}" and self.position > start + 1
        if not closed:
            return "{" + inside
        # Braces that hold words only shield capitals or letters: {BERT}. Others mean what they show: {"a": 1}.
        return (
            inside if math or switch or not inside or _WORDS.fullmatch(inside) or len(inside) == 1 else f"{{{inside}}}"
        )

    def parse_dollar(self, *, math: bool) -> str:
        mark = "$$" if self.text.startswith("$$", self.position) else "$"
        start = self.position + len(mark)
        end = -1 if math else self.find_math_end(mark, start)
        if end < 0:
            self.position += len(mark)
            return "" if math else mark
        self.position = end + len(mark)
        return _LatexParser(self.text[start:end]).parse_until(None, math=True).strip()

    def find_math_end(self, mark: str, start: int) -> int:
        end = self.text.find(mark, start, start + _MAX_MATH_LENGTH)
        while end > start and self.text[end - 1] == "\\":
            end = self.text.find(mark, end + 1, start + _MAX_MATH_LENGTH)
        inside = self.text[start:end] if end > start else ""
        if not inside or _PROSE.match(inside) or "\n\n" in inside:
            return -1
        # "from $5-$10": a sum of money, then another one.
        if inside[0].isdigit() and self.text[end + 1 : end + 2].isdigit() and "\\" not in inside:
            return -1
        spaced = inside[0].isspace() + inside[-1].isspace()
        return -1 if spaced == 1 and not re.search(r"[\\^_=]", inside) else end

    def parse_script(self, mark: str) -> str:
        self.position += 1
        inside = self.parse_argument(math=True).strip()
        table = SUPERSCRIPTS if mark == "^" else SUBSCRIPTS
        if not inside:
            return ""
        if all(c in table for c in inside) and (len(inside) == 1 or not any(c.isalpha() for c in inside)):
            return "".join(table[c] for c in inside)
        return mark + (inside if len(inside) == 1 or inside.isalnum() else f"({inside})")

    def parse_argument(self, *, math: bool) -> str:
        """What a macro is given: a group, a macro, or one character."""
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        if self.position >= len(self.text):
            return ""
        if self.text[self.position] == "{" and self.depth < MAX_DEPTH:
            self.position += 1
            self.depth += 1
            inside = self.parse_until("}", math=math)
            self.depth -= 1
            return inside
        if self.text[self.position] == "\\" and self.depth < MAX_DEPTH:
            self.depth += 1
            inside = self.parse_macro(math=math, before="")
            self.depth -= 1
            return inside
        self.position += 1
        return self.text[self.position - 1]

    def skip_option(self) -> None:
        """Skip what stands in square brackets after a macro."""
        if (
            self.text.startswith("[", self.position)
            and (end := self.text.find("]", self.position, self.position + 80)) > 0
        ):
            self.position = end + 1

    def parse_macro(self, *, math: bool, before: str) -> str:  # noqa: PLR0911  - one return a kind of macro
        found = _MACRO.match(self.text, self.position)
        if not found:
            return self.parse_escape(math=math)
        name, spaced = found[1], found[0][-1].isspace()
        self.position = found.end()
        if name in ACCENTS and (math or name not in {"bar", "dot", "check"}) and not (spaced and len(name) > 1):
            return self.parse_accent(name, math=math)
        if (reads := _expand_macro(self, name, math=math)) is not None:
            return reads
        if name in FONT_MACROS and math:
            return self.parse_argument(math=True)
        if name in IGNORED_MACROS:
            self.skip_option()
            self.parse_argument(math=False)
            return ""
        if (sign := load_symbols().get(name)) is not None:
            return self.format_symbol(sign, followed_by_space=spaced, math=math, before=before)
        if self.text.startswith("{", self.position):  # \textbf{...}, \ours{}, \anything{...}
            return self.parse_argument(math=math and not name.startswith("text")) or name
        return name + (" " if spaced else "")

    def format_symbol(self, symbol: str, *, followed_by_space: bool, math: bool, before: str) -> str:
        if self.text.startswith("{}", self.position):
            self.position += 2
        after = self.text[self.position : self.position + 1]
        if symbol in OPERATOR_NAMES:
            return (" " if before[-1:].isalnum() else "") + symbol + (" " if after.isalnum() or after == "\\" else "")
        wide = followed_by_space and after and (not symbol.isalpha() or len(symbol) > 1)
        return symbol + (" " if wide and (not math or (before.endswith(" ") and after not in "^_,.)")) else "")

    def parse_accent(self, name: str, *, math: bool) -> str:
        base = self.parse_argument(math=math)
        base = {"ı": "i", "ȷ": "j"}.get(base, base)  # noqa: RUF001
        if len(base) != 1 or not base.isalpha():
            return base
        return unicodedata.normalize("NFC", base + ACCENTS[name])

    def parse_escape(self, *, math: bool) -> str:
        sign = self.text[self.position + 1 : self.position + 2]
        self.position = min(self.position + 2, len(self.text))
        if sign and sign in "([":
            closing = "\\)" if sign == "(" else "\\]"
            if (end := self.text.find(closing, self.position, self.position + _MAX_MATH_LENGTH)) < 0:
                return sign
            inside, self.position = self.text[self.position : end], end + 2
            return _LatexParser(inside).parse_until(None, math=True).strip()
        if sign and sign in ACCENTS and not math:
            return self.parse_accent(sign, math=math)
        if sign in {"", ",", ";", ":", ">", "\\"} or sign.isspace():
            return " " if sign not in {"", ","} or math else "\u2009"
        return {"!": "", "-": "", "/": "", "|": "‖"}.get(sign, sign)


def _expand_macro(parser: _LatexParser, name: str, *, math: bool) -> str | None:  # noqa: PLR0911  - a table of shapes
    """Macros whose arguments change places or form; None for all others."""
    match name:
        case "frac" | "tfrac" | "dfrac" | "nicefrac":
            over, under = parser.parse_argument(math=True), parser.parse_argument(math=True)
            return f"{_in_parentheses(over)}/{_in_parentheses(under)}"
        case "sqrt":
            parser.skip_option()
            return f"√{_in_parentheses(parser.parse_argument(math=True))}"
        case "binom":
            return f"C({parser.parse_argument(math=True)}, {parser.parse_argument(math=True)})"
        case "href":
            target, words = parser.parse_argument(math=False), parser.parse_argument(math=False)
            return words if "/" in words or not words else f"{words} ({target})"
        case "textcolor" | "colorbox" | "hyperlink" | "hyperref":
            parser.skip_option()
            parser.parse_argument(math=False)
            return parser.parse_argument(math=math)
        case "footnote":
            return f" ({parser.parse_argument(math=False)})"
        case "unicode":
            code = parser.parse_argument(math=False).lower().removeprefix("x")
            return chr(int(code, 16)) if re.fullmatch(r"[0-9a-f]{2,5}", code) else code
        case "textsuperscript" | "textsubscript":
            inside = parser.parse_argument(math=False)
            table = SUPERSCRIPTS if name == "textsuperscript" else SUBSCRIPTS
            return "".join(table.get(c, c) for c in inside)
        case "SI" | "qty":
            return f"{parser.parse_argument(math=True)} {parser.parse_argument(math=True)}"
    return None


def _in_parentheses(operand: str) -> str:
    return operand if len(operand) <= 1 or operand.isalnum() or operand.replace(".", "").isdigit() else f"({operand})"
