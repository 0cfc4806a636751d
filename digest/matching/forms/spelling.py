"""Spelling of two continents: tumour is tumor, optimisation is optimization. The American form is the key.

The rules are whole kinds (-isation, -our, -re, -lling, ae and oe of Greek) with their exceptions. Keyword and paper
pass the same rules, so a word that they change without need (televisation) harms nothing as long as no other word
looks like the result.
"""

import re
from collections.abc import Iterator

_OUR = (
    "ard|arm|behavi|cand|clam|col|demean|endeav|fav|ferv|flav|harb|hon|hum|lab|misdemean|neighb|od|parl|ranc|rig|rum"
    "|savi|sav|splend|succ|tum|val|vap|vig"
)
_LL = (
    "apparel|bevel|cancel|carol|channel|chisel|counsel|dial|duel|enamel|equal|fuel|funnel|gravel|grovel|initial|jewel"
    "|kernel|label|level|libel|marshal|medal|model|panel|parcel|pedal|pencil|quarrel|ravel|rival|shovel|signal|snorkel"
    "|spiral|swivel|total|trammel|travel|tunnel|yodel"
)
_RE = "calib|cent|fib|goit|lit|lust|meag|met|nit|och|sab|scept|somb|spect|theat|tit"
_METRIC = "centi|deci|kilo|micro|milli|nano|pico|femto"
# What stands before -ise where it is the ending of a verb: organise, summarise, emphasise; not raise, devise, exercise.
_VERB_STEM = "[a-z]{2}[lmntdg]|[aeou]r|[aey]s|graph|[cp]ath|pith|critic|public|italic"
_NO_VERBS = re.compile(
    r".*(?:promis|premis|expertis|treatis|advertis|paradis|merchandis|chastis|practis)\w*|(?:de|sur|che)mise\w*|valises?"
    r"|aris(?:es?|ing)|disab\w*"
)

# What a word must have, the pattern, and its replacement.
_RULES = tuple(
    (part, re.compile(pattern), replacement)
    for part, pattern, replacement in (
        ("is", rf"({_VERB_STEM})is(?=(?:e|ed|es|ing|er|ers|able|ability)$)", r"\1iz"),
        ("isation", r"(?<=[a-z]{2})isation(?=(?:al|ally|s)?$)", "ization"),
        ("lys", r"(?<=[a-z])lys(?=(?:e|ed|er|ers|ing|able)$)", "lyz"),
        ("our", rf"({_OUR})our", r"\1or"),
        ("re", rf"^({_RE})re$", r"\1er"),
        ("re", rf"(cent|fib|theat|lit|(?:{_METRIC})met)re$", r"\1er"),
        ("r", r"(cent|fib|theat)r(?=(?:ed|ing)$)", r"\1er"),
        ("oeuv", r"manoeuvre?(?=er|$)", "maneuver"),
        ("oeuv", r"manoeuvre?", "maneuver"),
        ("ll", rf"({_LL})l(?=(?:ed|er|ers|ing|ings|or|ors)$)", r"\1"),
        ("ilful", r"^(sk|w)ilful", r"\1illful"),
        ("l", r"(fulfi|enro|insta|disti|insti)l(?=(?:ment|s)?$)", r"\1ll"),
        ("ogu", r"(anal|catal|dial|epil|homol|monol|orthol|paral|travel)ogu(?:e$|(?=(?:ed|ing)$))", r"\1og"),
        ("ence", r"^(def|off|lic|pret)ence", r"\1ense"),
        ("practis", r"practis(?=e|i)", "practic"),
        ("ae", r"haem(?=[aeo])", "hem"),
        ("ae", r"aemi(?=[ac]|$)", "emi"),
        ("ae", r"(^|an|kin|syn)aesth", r"\1esth"),
        ("ae", r"^aetiol", "etiol"),
        ("ae", r"caesar(?=[ei]an)", "cesar"),
        ("ae", r"^caes(?=ium)", "ces"),
        ("ae", r"caec(?=um|al)", "cec"),
        ("ae", r"faec(?=es|al)", "fec"),
        ("ae", r"gynaec", "gynec"),
        ("ae", r"paed(?=iatr|ic)", "ped"),
        ("ae", r"cyclopaed", "cycloped"),
        ("ae", r"palaeo", "paleo"),
        ("ae", r"archaeo", "archeo"),
        ("ae", r"mediaev", "mediev"),
        ("ae", r"^naev(?=us|i)", "nev"),
        ("oe", r"^(an|anti|di|pro|)oestr(?=[aiou])", r"\1estr"),
        ("oe", r"(^|o)oesoph", r"\1esoph"),
        ("oe", r"(^|[^a-z])foet(?=us|al|o)", r"\1fet"),
        ("oe", r"oedem", "edem"),
        ("oe", r"(rrh|pn)oea", r"\1ea"),
        ("oe", r"amoeb", "ameb"),
        ("oe", r"homoeo", "homeo"),
        ("oe", r"^coel(?=iac|om)", "cel"),
        ("oe", r"pharmacopoeia", "pharmacopeia"),
        ("sulph", r"sulph", "sulf"),
        ("leuc", r"leuc(?=o|em)", "leuk"),
        ("ou", r"^(m|sm)ou(?=ld|lt)", r"\1o"),
        ("grey", r"^grey", "gray"),
        ("eab", r"(siz|us|mov|lik|sal|lov)eab(?=l)", r"\1ab"),
        ("gement", r"(judg|acknowledg|abridg)ement", r"\1ment"),
        ("sceptic", r"^sceptic", "skeptic"),
        ("inium", r"aluminium", "aluminum"),
        ("gramme", r"^(kilo|)gramme$", r"\1gram"),
        ("plough", r"^plough", "plow"),
        ("artefact", r"artefact", "artifact"),
        ("ss", r"(focus|bias)s(?=ed$|ing$)", r"\1"),
        ("tt", r"benefitt(?=ed$|ing$)", "benefit"),
        ("orientated", r"orientated$", "oriented"),
    )
)

# Words of no kind.
_WORDS = {
    "aeon": "eon", "aeroplane": "airplane", "ageing": "aging", "burnt": "burned", "carburettor": "carburetor",
    "connexion": "connection", "cosy": "cozy", "cypher": "cipher", "disc": "disk", "haem": "heme",
    "inflexion": "inflection", "jewellery": "jewelry", "learnt": "learned", "maths": "math", "marvellous": "marvelous",
    "mollusc": "mollusk", "moustache": "mustache", "phial": "vial", "preventative": "preventive",
    "programme": "program", "pyjama": "pajama", "speciality": "specialty", "tranquillity": "tranquility",
    "tyre": "tire", "unlearnt": "unlearned", "woollen": "woolen", "yoghurt": "yogurt",
}  # fmt: skip

# British spellings to try for an American one; the rules above decide whether one of them is the same word.
_BRITISH = (
    (r"or", "our"), (r"iz(?=[ea])", "is"), (r"izing", "ising"), (r"er$", "re"), (r"yz", "ys"),
    (r"l(?=ed$|er$|ing$)", "ll"),
    (r"og$", "ogue"), (r"ense$", "ence"), (r"sulf", "sulph"), (r"hem(?=[ao])", "haem"), (r"emi(?=[ac])", "aemi"),
    (r"esth", "aesth"), (r"ped(?=i)", "paed"), (r"etiol", "aetiol"), (r"paleo", "palaeo"), (r"estr", "oestr"),
    (r"esoph", "oesoph"), (r"edem", "oedem"), (r"fet(?=us|al)", "foet"), (r"ea$", "oea"), (r"gynec", "gynaec"),
    (r"gray", "grey"), (r"num$", "nium"), (r"artif", "artef"), (r"leuk", "leuc"), (r"gment", "gement"),
)  # fmt: skip
_BRITISH_WORDS = {american: british for british, american in _WORDS.items()}


def to_american(word: str) -> str:
    """Return the American spelling of a word in lower case; any other word as it is. Idempotent."""
    known = _WORDS.get(word)
    if known is not None:
        return known
    for part, pattern, replacement in _RULES:
        if part in word and (part != "is" or not _NO_VERBS.fullmatch(word)):
            word = pattern.sub(replacement, word, count=1)
    return word


def british_spellings(word: str) -> Iterator[str]:
    """Yield the British spellings of an American one, as far as the rules tell."""
    if word in _BRITISH_WORDS:
        yield _BRITISH_WORDS[word]
    for pattern, replacement in _BRITISH:
        british = re.sub(pattern, replacement, word)
        if british != word and to_american(british) == word:
            yield british
