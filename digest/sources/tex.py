r"""TeX as arXiv's authors write it, turned into readable Unicode: "$\mathcal{O}(n^2)$" reads "O(n²)".

One pass from left to right that never raises: abstracts are prose with some TeX in it, often damaged. What is not
understood stays as it is written, so nothing is lost: a lone "$5", a "%" (no comment here), an unknown macro's name
and its argument. pylatexenc gives the table of symbols; its own walker takes "%" for a comment and drops macros it
does not know, so the walk is ours.
"""

import re
import unicodedata

from digest.sources.symbols import ACCENTS, DOWN, DROPPED, LETTERS, NAMES, UP, symbols

DEPTH = 40  # groups within groups; deeper ones are hostile and stay as written
_MATH_LONGEST = 800

_PLAIN_RUN = re.compile(r"[^\\${}~^_\[\]h]+")
_LINK = re.compile(r"https?://(?:[^\s\\{}$<>]|\\[_%&#~])+")
_MACRO = re.compile(r"\\([A-Za-z]+)\*?[ \t\n]?")
_PROSE = re.compile(r"\s*\d[^\\]*\s[A-Za-z]{2,}|[^\\^_={}]*\b[A-Za-z]{2,}\s+[A-Za-z]{2,}\b[^\\^_={}]*$")
_WORDY = re.compile(r"[^\W\d_][\w \-'.:+/]*")


def untex(text: str) -> str:
    """`text` with its TeX made readable. Linear in its length but for groups, which nest `DEPTH` deep at most."""
    return _Walk(text).until(None, math=False)


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def until(self, stop: str | None, *, math: bool) -> str:
        """Everything up to `stop` (a closing mark, taken along) or to the end of the text."""
        read: list[str] = []
        while self.at < len(self.text):
            if stop and self.text.startswith(stop, self.at):
                self.at += len(stop)
                break
            read.append(self._piece(math=math, before=read[-1] if read else ""))
        return "".join(read)

    def _piece(self, *, math: bool, before: str) -> str:  # noqa: PLR0911  - one return a kind of piece
        text, start = self.text, self.at
        if run := _PLAIN_RUN.match(text, start):
            self.at = run.end()
            return run[0].replace("'", "′") if math else run[0]  # noqa: RUF001
        if link := _LINK.match(text, start):
            self.at = link.end()
            return re.sub(r"\\(.)", r"\1", link[0])
        match text[start]:
            case "\\":
                return self._macro(math=math, before=before)
            case "{":
                return self._group(math=math)
            case "$":
                return self._dollar(math=math)
            case "^" | "_" if math or (text.startswith("{", start + 1) and text[start - 1 : start].isalnum()):
                return self._script(text[start])
            case "~":
                self.at += 1
                return " " if math or self._ties() else "~"
        self.at += 1
        return text[start]

    def _ties(self) -> bool:
        # "Fig.~3" is a tie; "~200 degrees", "5~10" and "/~name" are not.
        left, right = self.text[self.at - 2 : self.at - 1], self.text[self.at : self.at + 1]
        return bool(left) and (left.isalpha() or left in ".,;:)]}$") and bool(right) and not right.isspace()

    def _group(self, *, math: bool) -> str:
        start = self.at
        self.at += 1
        if self.depth >= DEPTH:
            return "{"
        switch = re.compile(r"\s*\\(?:bf|it|em|rm|tt|sc|sf|sl|small|color)\b").match(self.text, self.at)
        self.depth += 1
        inside = self.until("}", math=math)
        self.depth -= 1
        closed = self.text[self.at - 1] == "}" and self.at > start + 1
        if not closed:
            return "{" + inside
        # Braces that hold words only shield capitals or letters: {BERT}. Others mean what they show: {"a": 1}.
        return (
            inside if math or switch or not inside or _WORDY.fullmatch(inside) or len(inside) == 1 else f"{{{inside}}}"
        )

    def _dollar(self, *, math: bool) -> str:
        mark = "$$" if self.text.startswith("$$", self.at) else "$"
        start = self.at + len(mark)
        end = -1 if math else self._closing(mark, start)
        if end < 0:
            self.at += len(mark)
            return "" if math else mark
        self.at = end + len(mark)
        return _Walk(self.text[start:end]).until(None, math=True).strip()

    def _closing(self, mark: str, start: int) -> int:
        end = self.text.find(mark, start, start + _MATH_LONGEST)
        while end > start and self.text[end - 1] == "\\":
            end = self.text.find(mark, end + 1, start + _MATH_LONGEST)
        inside = self.text[start:end] if end > start else ""
        if not inside or _PROSE.match(inside) or "\n\n" in inside:
            return -1
        # "from $5-$10": a sum of money, then another one.
        if inside[0].isdigit() and self.text[end + 1 : end + 2].isdigit() and "\\" not in inside:
            return -1
        spaced = inside[0].isspace() + inside[-1].isspace()
        return -1 if spaced == 1 and not re.search(r"[\\^_=]", inside) else end

    def _script(self, mark: str) -> str:
        self.at += 1
        inside = self.argument(math=True).strip()
        table = UP if mark == "^" else DOWN
        if not inside:
            return ""
        if all(c in table for c in inside) and (len(inside) == 1 or not any(c.isalpha() for c in inside)):
            return "".join(table[c] for c in inside)
        return mark + (inside if len(inside) == 1 or inside.isalnum() else f"({inside})")

    def argument(self, *, math: bool) -> str:
        """What a macro is given: a group, a macro, or one character."""
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        if self.at >= len(self.text):
            return ""
        if self.text[self.at] == "{" and self.depth < DEPTH:
            self.at += 1
            self.depth += 1
            inside = self.until("}", math=math)
            self.depth -= 1
            return inside
        if self.text[self.at] == "\\" and self.depth < DEPTH:
            self.depth += 1
            inside = self._macro(math=math, before="")
            self.depth -= 1
            return inside
        self.at += 1
        return self.text[self.at - 1]

    def option(self) -> None:
        """Skip what stands in square brackets after a macro."""
        if self.text.startswith("[", self.at) and (end := self.text.find("]", self.at, self.at + 80)) > 0:
            self.at = end + 1

    def _macro(self, *, math: bool, before: str) -> str:  # noqa: PLR0911  - one return a kind of macro
        found = _MACRO.match(self.text, self.at)
        if not found:
            return self._sign(math=math)
        name, spaced = found[1], found[0][-1].isspace()
        self.at = found.end()
        if name in ACCENTS and (math or name not in {"bar", "dot", "check"}) and not (spaced and len(name) > 1):
            return self._accent(name, math=math)
        if (reads := _shape(self, name, math=math)) is not None:
            return reads
        if name in LETTERS and math:
            return self.argument(math=True)
        if name in DROPPED:
            self.option()
            self.argument(math=False)
            return ""
        if (sign := symbols().get(name)) is not None:
            return self._symbol(sign, spaced=spaced, math=math, before=before)
        if self.text.startswith("{", self.at):  # \textbf{...}, \ours{}, \anything{...}
            return self.argument(math=math and not name.startswith("text")) or name
        return name + (" " if spaced else "")

    def _symbol(self, sign: str, *, spaced: bool, math: bool, before: str) -> str:
        if self.text.startswith("{}", self.at):
            self.at += 2
        after = self.text[self.at : self.at + 1]
        if sign in NAMES:
            return (" " if before[-1:].isalnum() else "") + sign + (" " if after.isalnum() or after == "\\" else "")
        wide = spaced and after and (not sign.isalpha() or len(sign) > 1)
        return sign + (" " if wide and (not math or (before.endswith(" ") and after not in "^_,.)")) else "")

    def _accent(self, name: str, *, math: bool) -> str:
        base = self.argument(math=math)
        base = {"ı": "i", "ȷ": "j"}.get(base, base)  # noqa: RUF001
        if len(base) != 1 or not base.isalpha():
            return base
        return unicodedata.normalize("NFC", base + ACCENTS[name])

    def _sign(self, *, math: bool) -> str:
        sign = self.text[self.at + 1 : self.at + 2]
        self.at = min(self.at + 2, len(self.text))
        if sign and sign in "([":
            closing = "\\)" if sign == "(" else "\\]"
            if (end := self.text.find(closing, self.at, self.at + _MATH_LONGEST)) < 0:
                return sign
            inside, self.at = self.text[self.at : end], end + 2
            return _Walk(inside).until(None, math=True).strip()
        if sign and sign in ACCENTS and not math:
            return self._accent(sign, math=math)
        if sign in {"", ",", ";", ":", ">", "\\"} or sign.isspace():
            return " " if sign not in {"", ","} or math else "\u2009"
        return {"!": "", "-": "", "/": "", "|": "‖"}.get(sign, sign)


def _shape(walk: _Walk, name: str, *, math: bool) -> str | None:  # noqa: PLR0911  - a table of shapes
    """Macros whose arguments change places or form; None for all others."""
    match name:
        case "frac" | "tfrac" | "dfrac" | "nicefrac":
            over, under = walk.argument(math=True), walk.argument(math=True)
            return f"{_held(over)}/{_held(under)}"
        case "sqrt":
            walk.option()
            return f"√{_held(walk.argument(math=True))}"
        case "binom":
            return f"C({walk.argument(math=True)}, {walk.argument(math=True)})"
        case "href":
            target, words = walk.argument(math=False), walk.argument(math=False)
            return words if "/" in words or not words else f"{words} ({target})"
        case "textcolor" | "colorbox" | "hyperlink" | "hyperref":
            walk.option()
            walk.argument(math=False)
            return walk.argument(math=math)
        case "footnote":
            return f" ({walk.argument(math=False)})"
        case "unicode":
            code = walk.argument(math=False).lower().removeprefix("x")
            return chr(int(code, 16)) if re.fullmatch(r"[0-9a-f]{2,5}", code) else code
        case "textsuperscript" | "textsubscript":
            inside = walk.argument(math=False)
            table = UP if name == "textsuperscript" else DOWN
            return "".join(table.get(c, c) for c in inside)
        case "SI" | "qty":
            return f"{walk.argument(math=True)} {walk.argument(math=True)}"
    return None


def _held(part: str) -> str:
    return part if len(part) <= 1 or part.isalnum() or part.replace(".", "").isdigit() else f"({part})"
