# ruff: noqa: RUF001 - Greek letters look like others
"""Letters written out: Greek ones by their names, umlauts as ae, oe and ue, numbers as words.

A Greek letter is a sign where it stands alone or among Latin letters and digits: β-decay, ΛCDM, TGF-β1. In a Greek word
it is a letter, and in μm and kΩ a unit.
"""

import re
import unicodedata
from collections.abc import Iterator

_GREEK_NAMES = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        (
            *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
            *("nu", "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
        ),
        strict=True,
    )
)
_GREEK_WORDS = frozenset(_GREEK_NAMES.values())
_TEX_VARIANTS = {f"var{name}": name for name in ("epsilon", "theta", "kappa", "pi", "rho", "sigma", "phi")}
_GREEK_WORD = re.compile(r"[α-ω]{2,}")
_GREEK_PAIRS = {"αβ", "γδ", "βγ"}  # T cells, and subunits of proteins
_UNIT = re.compile(r"\d*μ(?:m|s|l|g|a|v|w|j|f|h|t|mol|sec|gal|rad|as|bar|pa|hz|ci|sv|gy|k|eq|n)|(?:\d+[kmg]?|[kmg])ω")

# Names and words with umlauts that science writes with ae, oe and ue, too. Only these, because most English words with
# such letters (poet, value, coefficient) have no umlaut in them. None that without marks is an English word or
# somebody else's name: Hölder and holders, Müller and Reed-Muller codes, Böhm and Bohm.
_UMLAUT_WORDS = (
    "ångström ansätze bäcklund bjørn böhme bölling børn brønsted brückner büchi bühlmann bürgi "
    "clausthäler dörfler dörnfeld dühring düring düsseldorf eötvös erdős fejér föllmer földes förster "
    "fröhlich fröbel fürstenberg fürth gärtner gärtnerei göbel gödel göppert görtler göttingen grönwall "
    "gröbner grötzsch grüneisen grünwald grünbaum gümbel günther häffner hägele hänsch härtel hörmander "
    "höffding hönig höhne hückel hübner hürthle jäger jørgensen jülich kähler källén känguru kármán "
    "käsemann köhler köln könig königsberg körner kötter krätzig krämer krüger künneth küpper künzel "
    "kürten landé läuchli lämmer löb löwdin löwenheim löwner löffler lübeck lüders lüscher lüroth lünen "
    "märz mändl mössbauer möbius möller møller mörsch mühlhausen münchen münster müntz nägeli nörlund "
    "nördlingen nørgaard nürnberg nyström öchsner örsted ørsted plücker pöschl pöppel prüfer rädler "
    "räikkönen rödl rössler rømer röntgen rüdiger rügen sætre schäfer schäffer schläfli schönberg "
    "schönflies schönhage schröder schrödinger schrödingers schücking schüle schüler schüller schütte "
    "schütz schütze schwärmer schönebeck søren sørensen sjögren sjöstrand stäckel störmer størmer "
    "strömberg strömgren strömholm stürmer thäter thörn tönnies träger tröger tübingen übermensch "
    "ångstrom völkl voigtländer wächter wäscher wölfflin wöhler würzburg zürich zäpfchen"
)
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})
_PLAIN = str.maketrans({"ø": "o", "æ": "ae"})


def _strip_marks(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.translate(_PLAIN))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


_UMLAUTS = {_strip_marks(word.translate(_DIGRAPHS)): _strip_marks(word) for word in _UMLAUT_WORDS.split()}
_UMLAUT_SPELLINGS = {
    spelling: (umlaut, _strip_marks(umlaut.translate(_DIGRAPHS)))
    for umlaut in _UMLAUT_WORDS.split()
    for spelling in (umlaut, _strip_marks(umlaut), _strip_marks(umlaut.translate(_DIGRAPHS)))
}

_NUMBERS = dict(zip("zero one two three four five six seven eight nine ten".split(), map(str, range(11)), strict=True))  # noqa: SIM905
_NUMBER_COMPOUND = re.compile(
    rf"({'|'.join(_NUMBERS)})(fold|stage|step|shot|way|dimensional|body|point|photon|level|layer|player|sided|party|loop)"
)


def spell_greek(word: str) -> str:
    """Return a word with the names of its Greek letters in place of those that are signs."""
    if (_GREEK_WORD.fullmatch(word) and word not in _GREEK_PAIRS) or _UNIT.fullmatch(word):
        return word
    return "".join(_GREEK_NAMES.get(char, char) for char in word)


def is_ambiguous_alone(word: str) -> bool:
    """Return whether a word (in lower case) means its other forms only in a phrase.

    A τ alone is any variable, not the protein.
    """
    return word in _GREEK_NAMES or word in _GREEK_WORDS


def has_greek(word: str) -> bool:
    """Return whether a word has a Greek letter without marks."""
    return any("α" <= char <= "ω" for char in word)


def to_plain_characters(word: str) -> str:
    """Return schrodinger for schroedinger, 2 for two, 3fold for threefold, phi for varphi; any other word as it is."""
    plain = _UMLAUTS.get(word) or _NUMBERS.get(word) or _TEX_VARIANTS.get(word)
    if plain is not None:
        return plain
    compound = _NUMBER_COMPOUND.fullmatch(word)
    return _NUMBERS[compound[1]] + compound[2] if compound else word


def other_characters(word: str) -> Iterator[str]:
    """Yield a Greek letter or its name, a name with or without umlauts, a number or its word: the others of `word`."""
    if has_greek(word):
        yield from (spelled for spelled in [spell_greek(word)] if spelled != word)
    for table in (_GREEK_NAMES, _NUMBERS):
        yield from (key for key, value in table.items() if value == word and key != "ς")
    if word in _NUMBERS:
        yield _NUMBERS[word]
    yield from (spelling for spelling in _UMLAUT_SPELLINGS.get(word, ()) if spelling != word)
