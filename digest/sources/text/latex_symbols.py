"""Tables of LaTeX macros and accents: pylatexenc's, and our own where people read something else."""

from functools import cache

from pylatexenc.latex2text import get_default_latex_context_db

ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
    "b": "\u0331", "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0304", "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7", "acute": "\u0301", "grave": "\u0300",
    "breve": "\u0306", "check": "\u030c",
}  # fmt: skip
OVERRIDES = {
    "sim": "~", "star": "*", "ast": "*", "prime": "\u2032", "degree": "°", "deg": "°", "lvert": "|", "rvert": "|",
    "textasciitilde": "~", "tilde": "~", "textbackslash": "\\", "textless": "<", "textgreater": ">", "LaTeX": "LaTeX",
    "TeX": "TeX", "mid": "|", "backslash": "\\", "copyright": "©", "checkmark": "✓", "slash": "/", "lbrace": "{",
    "rbrace": "}", "nobreakdash": "", "quad": " ", "qquad": " ", "today": "", "newline": " ", "par": " ", "item": " ",
    "limits": "", "nolimits": "", "displaystyle": "", "noindent": "", "xspace": "", "protect": "", "and": " and ",
    "left": "", "right": "", "middle": "", "big": "", "Big": "", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "",
    "bigg": "", "Bigg": "", "biggl": "", "biggr": "", "centering": "", "footnotesize": "", "small": "", "large": "",
    "bf": "", "it": "", "em": "", "rm": "", "tt": "", "sc": "", "sf": "", "sl": "", "bfseries": "", "itshape": "",
    "ttfamily": "", "cdots": "⋯", "eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.", "eps": "ε",
}  # fmt: skip
IGNORED_MACROS = {
    "cite", "citep", "citet", "citealp", "citeauthor", "citeyear", "ref", "cref", "Cref", "eqref", "label", "begin",
    "end", "vspace", "hspace", "mkern", "color", "includegraphics",
}  # fmt: skip
OPERATOR_NAMES = {
    "log", "ln", "exp", "min", "max", "sup", "inf", "lim", "limsup", "liminf", "argmin", "argmax", "sin", "cos",
    "tan", "tanh", "sinh", "cosh", "det", "dim", "ker", "gcd", "mod", "bmod", "deg", "Pr",
}  # fmt: skip
FONT_MACROS = {
    "mathcal", "mathbb", "mathbf", "mathrm", "mathsf", "mathit", "mathfrak", "mathscr", "boldsymbol", "bm", "mathtt",
    "operatorname", "underline", "underbrace", "overbrace",
}  # fmt: skip
SUPERSCRIPTS = dict(zip("0123456789+-−=()niT*′∘°⊤†", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱᵀ*′°°ᵀ†", strict=True))  # noqa: RUF001
SUBSCRIPTS = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))  # noqa: RUF001


@cache
def load_symbols() -> dict[str, str]:
    """Return the macros that stand for a symbol or an operator.

    Cached, since pylatexenc takes some milliseconds to build its table.
    """
    symbols: dict[str, str] = {}
    for spec in get_default_latex_context_db().iter_macro_specs():
        text = spec.simplify_repl
        if isinstance(text, str) and spec.macroname.isalpha() and "%" not in text and len(text) <= 4:  # noqa: PLR2004
            symbols[spec.macroname] = text.replace("  ", " ")
    return symbols | {name: name for name in OPERATOR_NAMES} | OVERRIDES
