r"""LaTeX as arXiv's authors write it, as readable Unicode: "$\mathcal{O}(n^2)$" reads "O(n²)".

One pass from left to right that never raises: abstracts are prose with some LaTeX in it, often damaged. What is not
understood stays as it is, so nothing is lost: a lone "$5", a "%" (no comment here), an unknown macro's name and its
argument. pylatexenc gives the table of symbols; its own parser takes "%" for a comment and drops macros it does not
know, so the parser is our own.
"""

import re
import unicodedata

from digest.sources.text.latex_symbols import (
    ACCENTS,
    FONT_MACROS,
    IGNORED_MACROS,
    OPERATOR_NAMES,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    load_symbols,
)

MAX_DEPTH = 40  # of nested groups; deeper ones are hostile and stay as they are
MAX_MATH_LENGTH = 800

_PLAIN_RUN = re.compile(r"[^\\${}~^_\[\]h]+")
_URL = re.compile(r"https?://(?:[^\s\\{}$<>]|\\[_%&#~])+")
_MACRO = re.compile(r"\\([A-Za-z]+)\*?[ \t\n]?")
_FONT_SWITCH = re.compile(r"\s*\\(?:bf|it|em|rm|tt|sc|sf|sl|small|color)\b")
_AMOUNT = re.compile(r"\s*\d[^\\]*\s[A-Za-z]{2,}")
_FORMULA_SIGN, _TWO_WORDS = re.compile(r"[\\^_={}]"), re.compile(r"\b[A-Za-z]{2,}\s+[A-Za-z]{2,}\b")
_WORDS = re.compile(r"[^\W\d_][\w \-'.:+/]*")


def latex_to_text(text: str) -> str:
    """Return text with its LaTeX as readable Unicode.

    Linear in its length but for groups, which nest MAX_DEPTH deep at most.
    """
    return _LatexParser(text).parse_until(None, math=False)


class _LatexParser:
    """Recursive descent over one text. Each `parse_*` consumes what it names and returns its Unicode."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def parse_until(self, stop: str | None, *, math: bool) -> str:
        """Parse up to and including `stop`, or to the end of the text."""
        parts: list[str] = []
        while self.position < len(self.text):
            if stop and self.text.startswith(stop, self.position):
                self.position += len(stop)
                break
            parts.append(self.parse_next(math=math, before=parts[-1] if parts else ""))
        return "".join(parts)

    def parse_next(self, *, math: bool, before: str) -> str:  # noqa: PLR0911  - one return a kind of token
        """Parse one token. `before` is the output of the one before it."""
        text, start = self.text, self.position
        if run := _PLAIN_RUN.match(text, start):
            self.position = run.end()
            return run[0].replace("'", "′") if math else run[0]  # noqa: RUF001
        if url := _URL.match(text, start):
            self.position = url.end()
            return re.sub(r"\\(.)", r"\1", url[0])
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
        """Return whether the tilde just consumed joins two words.

        "Fig.~3" is a tie; "~200 degrees", "5~10" and "/~name" are not.
        """
        left, right = self.text[self.position - 2 : self.position - 1], self.text[self.position : self.position + 1]
        return bool(left) and (left.isalpha() or left in ".,;:)]}$") and bool(right) and not right.isspace()

    def parse_group(self, *, math: bool) -> str:
        """Parse a group in braces.

        Braces around words only protect capitals: {BERT}. Others are part of the text: {"a": 1}.
        """
        start = self.position
        self.position += 1
        if self.depth >= MAX_DEPTH:
            return "{"
        has_font_switch = _FONT_SWITCH.match(self.text, self.position)
        self.depth += 1
        content = self.parse_until("}", math=math)
        self.depth -= 1
        is_closed = self.text[self.position - 1] == "}" and self.position > start + 1
        if not is_closed:
            return "{" + content
        if math or has_font_switch or len(content) <= 1 or _WORDS.fullmatch(content):
            return content
        return f"{{{content}}}"

    def parse_dollar(self, *, math: bool) -> str:
        """Parse a formula between dollar signs, or a dollar sign that begins none."""
        delimiter = "$$" if self.text.startswith("$$", self.position) else "$"
        start = self.position + len(delimiter)
        end = -1 if math else self.find_math_end(delimiter, start)
        if end < 0:
            self.position += len(delimiter)
            return "" if math else delimiter
        self.position = end + len(delimiter)
        return _LatexParser(self.text[start:end]).parse_until(None, math=True).strip()

    def find_math_end(self, delimiter: str, start: int) -> int:
        """Return where the closing delimiter stands, -1 when the opening one is a currency sign."""
        end = self.text.find(delimiter, start, start + MAX_MATH_LENGTH)
        while end > start and self.text[end - 1] == "\\":
            end = self.text.find(delimiter, end + 1, start + MAX_MATH_LENGTH)
        formula = self.text[start:end] if end > start else ""
        is_prose = _AMOUNT.match(formula) or (not _FORMULA_SIGN.search(formula) and _TWO_WORDS.search(formula))
        if not formula or is_prose or "\n\n" in formula:
            return -1
        # "from $5-$10": an amount of money, then another one.
        if formula[0].isdigit() and self.text[end + 1 : end + 2].isdigit() and "\\" not in formula:
            return -1
        outer_spaces = formula[0].isspace() + formula[-1].isspace()
        return -1 if outer_spaces == 1 and not re.search(r"[\\^_=]", formula) else end

    def parse_script(self, operator: str) -> str:
        """Parse a superscript (^) or subscript (_)."""
        self.position += 1
        content = self.parse_argument(math=True).strip()
        table = SUPERSCRIPTS if operator == "^" else SUBSCRIPTS
        if not content:
            return ""
        if all(c in table for c in content) and (len(content) == 1 or not any(c.isalpha() for c in content)):
            return "".join(table[c] for c in content)
        return operator + (content if len(content) == 1 or content.isalnum() else f"({content})")

    def parse_argument(self, *, math: bool) -> str:
        """Parse the argument of a macro: a group, a macro, or one character."""
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        if self.position >= len(self.text):
            return ""
        if self.text[self.position] == "{" and self.depth < MAX_DEPTH:
            self.position += 1
            self.depth += 1
            content = self.parse_until("}", math=math)
            self.depth -= 1
            return content
        if self.text[self.position] == "\\" and self.depth < MAX_DEPTH:
            self.depth += 1
            content = self.parse_macro(math=math, before="")
            self.depth -= 1
            return content
        self.position += 1
        return self.text[self.position - 1]

    def skip_option(self) -> None:
        """Skip an option in square brackets."""
        position = self.position
        if self.text.startswith("[", position) and (end := self.text.find("]", position, position + 80)) > 0:
            self.position = end + 1

    def parse_macro(self, *, math: bool, before: str) -> str:  # noqa: PLR0911  - one return a kind of macro
        """Parse a macro with its arguments."""
        macro = _MACRO.match(self.text, self.position)
        if not macro:
            return self.parse_escape(math=math)
        name, has_space = macro[1], macro[0][-1].isspace()
        self.position = macro.end()
        # In prose \bar, \dot and \check are accents of symbols only: H\nu\bar\nu.
        is_accent = math or name not in {"bar", "dot", "check"} or self.text.startswith("\\", self.position)
        if name in ACCENTS and is_accent and not (has_space and len(name) > 1):
            return self.parse_accent(name, math=math)
        if (expansion := self.expand_macro(name, math=math)) is not None:
            return expansion
        if name in FONT_MACROS and math:
            return self.parse_argument(math=True)
        if name in IGNORED_MACROS:
            self.skip_option()
            self.parse_argument(math=False)
            return ""
        if (symbol := load_symbols().get(name)) is not None:
            return self.space_symbol(symbol, has_space=has_space, math=math, before=before)
        if self.text.startswith("{", self.position):  # \textbf{...}, \ours{}, \anything{...}
            return self.parse_argument(math=math and not name.startswith("text")) or name
        return name + (" " if has_space else "")

    def space_symbol(self, symbol: str, *, has_space: bool, math: bool, before: str) -> str:
        """Return a symbol with the spaces that it needs between its neighbors."""
        if self.text.startswith("{}", self.position):
            self.position += 2
        after = self.text[self.position : self.position + 1]
        if symbol in OPERATOR_NAMES:
            return (" " if before[-1:].isalnum() else "") + symbol + (" " if after.isalnum() or after == "\\" else "")
        is_greek = len(symbol) == 1 and "\u0370" <= symbol <= "\u03ff" and not math
        is_wide = has_space and after and (is_greek or not symbol.isalpha() or len(symbol) > 1)
        return symbol + (" " if is_wide and (not math or (before.endswith(" ") and after not in "^_,.)")) else "")

    def parse_accent(self, name: str, *, math: bool) -> str:
        """Parse the letter below an accent, and compose both."""
        base = self.parse_argument(math=math)
        base = {"ı": "i", "ȷ": "j"}.get(base, base)  # noqa: RUF001
        character = base.rstrip()
        if len(character) != 1 or not character.isalpha():
            return base
        return unicodedata.normalize("NFC", character + ACCENTS[name]) + base[1:]

    def parse_escape(self, *, math: bool) -> str:
        r"""Parse a backslash before anything but a letter: \$, \", \(, \,."""
        character = self.text[self.position + 1 : self.position + 2]
        self.position = min(self.position + 2, len(self.text))
        if character and character in "([":
            delimiter = "\\)" if character == "(" else "\\]"
            if (end := self.text.find(delimiter, self.position, self.position + MAX_MATH_LENGTH)) < 0:
                return character
            formula, self.position = self.text[self.position : end], end + 2
            return _LatexParser(formula).parse_until(None, math=True).strip()
        if character and character in ACCENTS and not math:
            return self.parse_accent(character, math=math)
        if character in {"", ",", ";", ":", ">", "\\"} or character.isspace():
            return " " if character not in {"", ","} or math else "\u2009"
        return {"!": "", "-": "", "/": "", "|": "‖"}.get(character, character)

    def expand_macro(self, name: str, *, math: bool) -> str | None:  # noqa: PLR0911  - one return a macro
        """Expand a macro that moves or reshapes its arguments, None for any other."""
        match name:
            case "frac" | "tfrac" | "dfrac" | "nicefrac":
                numerator, denominator = self.parse_argument(math=True), self.parse_argument(math=True)
                return f"{operand(numerator)}/{operand(denominator)}"
            case "sqrt":
                self.skip_option()
                return f"√{operand(self.parse_argument(math=True))}"
            case "binom":
                return f"C({self.parse_argument(math=True)}, {self.parse_argument(math=True)})"
            case "href":
                url, label = self.parse_argument(math=False), self.parse_argument(math=False)
                return label if "/" in label or not label else f"{label} ({url})"
            case "textcolor" | "colorbox" | "hyperlink" | "hyperref":
                self.skip_option()
                self.parse_argument(math=False)
                return self.parse_argument(math=math)
            case "footnote":
                return f" ({self.parse_argument(math=False)})"
            case "unicode":
                code = self.parse_argument(math=False).lower().removeprefix("x")
                return chr(int(code, 16)) if re.fullmatch(r"[0-9a-f]{2,5}", code) else code
            case "textsuperscript" | "textsubscript":
                content = self.parse_argument(math=False)
                table = SUPERSCRIPTS if name == "textsuperscript" else SUBSCRIPTS
                return "".join(table.get(c, c) for c in content)
            case "SI" | "qty":
                return f"{self.parse_argument(math=True)} {self.parse_argument(math=True)}"
        return None


def operand(text: str) -> str:
    """Return an operand, in parentheses unless it is one number, word or character."""
    return text if len(text) <= 1 or text.isalnum() or text.replace(".", "").isdigit() else f"({text})"
