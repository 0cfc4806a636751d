"""Names of the categories of arXiv in words, as its account pages and the commands of its mailing lists have them."""

from digest.matching.metadata import DIVIDED_ARCHIVES, is_arxiv_category, normalize_category

# Archives without categories of their own.
SINGLE_ARCHIVES = frozenset(
    "gr-qc hep-ex hep-lat hep-ph hep-th math-ph nucl-ex nucl-th quant-ph".split()  # noqa: SIM905
)
_NAMES = {
    "cs": "AI Artificial Intelligence; AR Hardware Architecture; CC Computational Complexity; CE Computational "
    "Engineering, Finance, and Science; CG Computational Geometry; CL Computation and Language; CR Cryptography and "
    "Security; CV Computer Vision and Pattern Recognition; CY Computers and Society; DB Databases; DC Distributed, "
    "Parallel, and Cluster Computing; DL Digital Libraries; DM Discrete Mathematics; DS Data Structures and "
    "Algorithms; ET Emerging Technologies; FL Formal Languages and Automata Theory; GL General Literature; GR "
    "Graphics; GT Computer Science and Game Theory; HC Human-Computer Interaction; IR Information Retrieval; IT "
    "Information Theory; LG Machine Learning; LG Learning; LO Logic in Computer Science; MA Multiagent Systems; MM "
    "Multimedia; MS Mathematical Software; NA Numerical Analysis; NE Neural and Evolutionary Computing; NI Networking "
    "and Internet Architecture; OS Operating Systems; PF Performance; PL Programming Languages; RO Robotics; SC "
    "Symbolic Computation; SD Sound; SE Software Engineering; SI Social and Information Networks; SY Systems and "
    "Control",
    "stat": "AP Applications; CO Computation; ME Methodology; ML Machine Learning; TH Statistics Theory",
    "eess": "AS Audio and Speech Processing; IV Image and Video Processing; SP Signal Processing; SY Systems and "
    "Control",
    "econ": "EM Econometrics; GN General Economics; TH Theoretical Economics",
    "math": "AC Commutative Algebra; AG Algebraic Geometry; AP Analysis of PDEs; AT Algebraic Topology; CA Classical "
    "Analysis and ODEs; CO Combinatorics; CT Category Theory; CV Complex Variables; DG Differential Geometry; DS "
    "Dynamical Systems; FA Functional Analysis; GM General Mathematics; GN General Topology; GR Group Theory; GT "
    "Geometric Topology; HO History and Overview; IT Information Theory; KT K-Theory and Homology; LO Logic; MG "
    "Metric Geometry; NA Numerical Analysis; NT Number Theory; OA Operator Algebras; OC Optimization and Control; PR "
    "Probability; QA Quantum Algebra; RA Rings and Algebras; RT Representation Theory; SG Symplectic Geometry; SP "
    "Spectral Theory; ST Statistics Theory",
    "q-bio": "BM Biomolecules; CB Cell Behavior; GN Genomics; MN Molecular Networks; NC Neurons and Cognition; PE "
    "Populations and Evolution; QM Quantitative Methods; SC Subcellular Processes; TO Tissues and Organs",
    "q-fin": "CP Computational Finance; EC Economics; GN General Finance; MF Mathematical Finance; PM Portfolio "
    "Management; PR Pricing of Securities; RM Risk Management; ST Statistical Finance; TR Trading and Market "
    "Microstructure",
    "physics": "acc-ph Accelerator Physics; app-ph Applied Physics; ao-ph Atmospheric and Oceanic Physics; atom-ph "
    "Atomic Physics; bio-ph Biological Physics; chem-ph Chemical Physics; class-ph Classical Physics; comp-ph "
    "Computational Physics; data-an Data Analysis, Statistics and Probability; flu-dyn Fluid Dynamics; geo-ph "
    "Geophysics; ins-det Instrumentation and Detectors; med-ph Medical Physics; optics Optics; plasm-ph Plasma "
    "Physics; soc-ph Physics and Society; space-ph Space Physics",
    "astro-ph": "CO Cosmology and Nongalactic Astrophysics; EP Earth and Planetary Astrophysics; GA Astrophysics of "
    "Galaxies; HE High Energy Astrophysical Phenomena; IM Instrumentation and Methods for Astrophysics; SR Solar and "
    "Stellar Astrophysics",
    "cond-mat": "dis-nn Disordered Systems and Neural Networks; mes-hall Mesoscale and Nanoscale Physics; mtrl-sci "
    "Materials Science; quant-gas Quantum Gases; soft Soft Condensed Matter; stat-mech Statistical Mechanics; str-el "
    "Strongly Correlated Electrons; supr-con Superconductivity",
    "nlin": "AO Adaptation and Self-Organizing Systems; CD Chaotic Dynamics; CG Cellular Automata and Lattice Gases; "
    "PS Pattern Formation and Solitons; SI Exactly Solvable and Integrable Systems",
}


def _by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for archive, entries in _NAMES.items():
        for entry in entries.split("; "):
            subject, _, name = entry.partition(" ")
            found[name.lower()] = (*found.get(name.lower(), ()), f"{archive}.{subject}")
    return found


CATEGORIES_BY_NAME = _by_name()


def find_categories(text: str, archive: str = "") -> tuple[str, ...]:
    """Return the categories that a code, an archive or a name means; none where it is neither.

    `archive`: the one whose mailing list is meant, in which codes stand alone: CL for cs.CL.
    """
    plain = text.strip().lower()
    if plain in DIVIDED_ARCHIVES or (plain.endswith(".*") and plain[:-2] in DIVIDED_ARCHIVES):
        return (f"{plain.removesuffix('.*')}.*",)
    if plain in SINGLE_ARCHIVES:
        return (plain,)
    for name in (plain, f"{archive}.{plain}"):
        if is_arxiv_category(name):
            return (normalize_category(name),)
    named = CATEGORIES_BY_NAME.get(plain, ())
    return tuple(name for name in named if name.startswith(f"{archive}.")) or named
