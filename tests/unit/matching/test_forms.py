"""One word, however it is written: keyword and paper find each other in both directions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.matching import Matcher, PaperDocument, explain, parse, to_key

# Spellings of two continents, by kind.
SPELLINGS = [
    *[
        ("optimisation", "optimization"),
        ("optimise", "optimize"),
        ("optimised", "optimized"),
        ("tokeniser", "tokenizer"),
    ],
    *[("summarising", "summarizing"), ("parameterisation", "parameterization"), ("standardised", "standardized")],
    *[("emphasise", "emphasize"), ("hypothesised", "hypothesized"), ("generalisability", "generalizability")],
    *[("analyse", "analyze"), ("catalysed", "catalyzed"), ("hydrolysing", "hydrolyzing")],
    *[("behaviour", "behavior"), ("behavioural", "behavioral"), ("tumours", "tumor"), ("colourings", "coloring")],
    *[("neighbourhood", "neighborhood"), ("vapour", "vapor"), ("labour", "labors"), ("favourite", "favorites")],
    *[("fibre", "fiber"), ("centre", "centers"), ("theatre", "theater"), ("nanometre", "nanometers")],
    *[("microfibres", "microfiber"), ("multicentre", "multicenter"), ("centred", "centered"), ("titre", "titers")],
    *[("modelling", "modeling"), ("labelled", "labeled"), ("unlabelled", "unlabeled"), ("travelling", "traveling")],
    *[("signalling", "signaling"), ("tunnelling", "tunneling"), ("fulfil", "fulfill"), ("enrolment", "enrollment")],
    *[("catalogue", "catalogs"), ("dialogue", "dialog"), ("analogues", "analog"), ("catalogued", "cataloged")],
    *[("defence", "defense"), ("licences", "license"), ("practising", "practicing")],
    *[("haemoglobin", "hemoglobin"), ("leukaemia", "leukemia"), ("anaemic", "anemic"), ("paediatric", "pediatric")],
    *[("anaesthesia", "anesthesia"), ("ischaemia", "ischemia"), ("gynaecology", "gynecology"), ("faecal", "fecal")],
    *[("oestrogen", "estrogen"), ("oesophagus", "esophagus"), ("foetal", "fetal"), ("oedema", "edema")],
    *[("diarrhoea", "diarrhea"), ("apnoea", "apnea"), ("homoeostasis", "homeostasis"), ("coeliac", "celiac")],
    *[("sulphate", "sulfate"), ("leucocyte", "leukocyte"), ("aluminium", "aluminum"), ("greyscale", "grayscale")],
    *[("ageing", "aging"), ("judgement", "judgment"), ("artefacts", "artifact"), ("disc", "disks")],
    *[
        ("programme", "programs"),
        ("manoeuvre", "maneuver"),
        ("manoeuvring", "maneuvering"),
        ("mould", "molds"),
    ],
    *[("focussed", "focused"), ("sceptical", "skeptical"), ("learnt", "learned"), ("tyre", "tires")],
]
# Greek letters, umlauts, numbers, a genus and its species.
CHARACTERS = [
    *[("beta decay", "$\\beta$ decay"), ("amyloid-β", "amyloid-beta"), ("lambda CDM", "ΛCDM"), ("J/psi", "$J/ψ$")],
    *[("TGF-β1", "TGF beta 1"), ("gamma delta T cells", "γδ T cells"), ("λ-calculus", "lambda calculus")],
    *[("NF-kappaB", "NF-κB"), ("varepsilon greedy", "ε-greedy"), ("Ω baryon", "omega baryons"), ("Δt", "delta t")],
    *[("Schroedinger equation", "Schrödinger equation"), ("Schrodinger", "Schroedinger"), ("Möbius", "Moebius")],
    *[("Goedel", "Gödel"), ("Moessbauer", "Mössbauer"), ("Groebner bases", "Gröbner bases"), ("Sørensen", "Soerensen")],
    *[("two photon", "2-photon"), ("type 2 diabetes", "type two diabetes"), ("threefold", "3-fold")],
    *[("zero shot", "0-shot"), ("one-step", "1 step"), ("two stage", "twostage")],
    *[("C elegans", "C. elegans"), ("E coli", "E.coli"), ("C. elegans", "C elegans")],
]
PLURALS = [
    *[("equilibrium", "equilibria"), ("mitochondrion", "mitochondria"), ("gyrus", "gyri"), ("sulcus", "sulci")],
    *[("taxon", "taxa"), ("ganglion", "ganglia"), ("phylum", "phyla"), ("atrium", "atria"), ("modulus", "moduli")],
    *[
        ("bacillus", "bacilli"),
        ("glomerulus", "glomeruli"),
        ("hippocampus", "hippocampi"),
        ("lumen", "lumina"),
    ],
    *[("cyanobacterium", "cyanobacteria"), ("streptococcus", "streptococci"), ("microalga", "microalgae")],
    *[("lacuna", "lacunae"), ("hypha", "hyphae"), ("lamella", "lamellae"), ("maxilla", "maxillae")],
    *[("meta-analysis", "meta-analyses"), ("stenosis", "stenoses"), ("prosthesis", "prostheses"), ("oasis", "oases")],
    *[("apex", "apices"), ("cervix", "cervices"), ("codex", "codices"), ("submatrix", "submatrices")],
    *[
        ("stoma", "stomata"),
        ("stigma", "stigmata"),
        ("genus", "genera"),
        ("plateau", "plateaux"),
        ("ellipse", "ellipses"),
    ],
    *[("kilonova", "kilonovae"), ("octahedron", "octahedra"), ("photosynthesis", "photosyntheses"), ("hoof", "hooves")],
]


def matches(keyword: str, text: str) -> bool:
    return bool(Matcher([parse(keyword)]).match([PaperDocument(0, "", text)])[0])


@pytest.mark.parametrize(("one", "other"), SPELLINGS + CHARACTERS + PLURALS)
def test_each_form_finds_the_other(one: str, other: str) -> None:
    assert matches(one, f"On {other}, and more")
    assert matches(other, f"On {one}, and more")


@pytest.mark.parametrize(("one", "other"), [pair for pair in SPELLINGS + PLURALS if " " not in pair[0]])
def test_forms_of_one_word_are_one_keyword(one: str, other: str) -> None:
    assert parse(one).canonical == parse(other).canonical
    assert parse(f"deep {one} theory").canonical == parse(f"deep-{other} theory").canonical


@pytest.mark.parametrize(
    ("one", "other"), [(one, other) for one, other in SPELLINGS + PLURALS if one.removesuffix("s") != other]
)
def test_quotes_switch_other_forms_off(one: str, other: str) -> None:
    assert not matches(f'"{one}"', f"On {other}, and more")
    assert matches(f'"{one}"', f"On {one}, and more")


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        *[("exercise", "exercize"), ("promise", "promize"), ("size", "sise"), ("hour", "hor"), ("contour", "contor")],
        *[("prologue", "prolog"), ("poet", "pot"), ("value", "valu"), ("tensor", "10 sor"), ("often", "of 10")],
        *[("number", "nombre"), ("mum", "5 μm"), ("leucine", "leukine"), ("data", "datum")],
        *[("aerosol", "erosol"), ("controlling", "controling"), ("crystalline", "crystaline"), ("media", "medium")],
        *[("in R we", "in R. We"), ("bases", "basis"), ("τέχνη", "tau"), ("tau", "at time τ"), ("τ", "tau protein")],
        *[("Hoelder", "copyright holders"), ("Mueller", "Reed-Muller codes")],
        *[("one step", "of process: (1) Step correctness"), ("one dimensional", "the $(D-1)$-dimensional space")],
    ],
)
def test_words_that_only_look_alike_do_not_find_each_other(keyword: str, text: str) -> None:
    assert not matches(keyword, text)


@given(st.text("abcehilmnoprstuyz", max_size=10))
def test_the_form_of_a_form_is_itself(word: str) -> None:
    assert to_key(to_key(word)) == to_key(word)


def test_a_span_covers_the_word_as_it_is_written() -> None:
    paper = PaperDocument(0, "On behavioural tumour modelling", "Ageing in C. elegans, Λ CDM, and double-β decay")
    keywords = ["tumor modeling", "aging", "C elegans", "lambda CDM", "beta decay"]
    found = explain([parse(keyword) for keyword in keywords], paper)
    assert [paper.title[span.start : span.end] for span in found.title] == ["tumour modelling"]
    spans = [paper.abstract[span.start : span.end] for span in found.abstract]
    assert spans == ["Ageing", "C. elegans", "Λ CDM", "β decay"]


def test_a_beginning_finds_words_by_either_spelling() -> None:
    assert matches("tumor*", "tumours")
    assert matches("tumour*", "tumourigenesis")
    assert matches("behavior*", "a behavioural study")
