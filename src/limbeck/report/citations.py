"""Which papers a run stands on: those of the methods that it used, and no others."""

from collections.abc import Iterator

from limbeck.records.bits import COMPENSATED, DIVIDED, MIXED, TRAINED
from limbeck.records.run import RunRecord

_CITATIONS = {
    "soft_labels": (
        "Soft labels: Hinton, Vinyals, Dean 2015, *Distilling the Knowledge in a Neural Network*, arXiv:1503.02531."
    ),
    "last_hidden": (
        "Hidden states: Jiao et al. 2020, *TinyBERT: Distilling BERT for Natural Language Understanding*, "
        "arXiv:1909.10351."
    ),
    "layer_hidden": (
        "Hidden states between layers: Romero et al. 2015, *FitNets: Hints for Thin Deep Nets*, arXiv:1412.6550."
    ),
    "attention_maps": (
        "Attention maps: Wang et al. 2020, *MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of "
        "Pre-Trained Transformers*, arXiv:2002.10957."
    ),
    "relations": (
        "Relations: Wang et al. 2021, *MiniLMv2: Multi-Head Self-Attention Relation Distillation for Compressing "
        "Pretrained Transformers*, arXiv:2012.15828."
    ),
    "similarities": (
        "Similarities: Passalis and Tefas 2018, *Learning Deep Representations with Probabilistic Knowledge Transfer*, "
        "arXiv:1803.10837."
    ),
    "margins": (
        "Margins between passages: Hofstätter et al. 2020, *Improving Efficient Neural Ranking Models with "
        "Cross-Architecture Knowledge Distillation*, arXiv:2010.02666."
    ),
    "ndcg": ("nDCG: Järvelin and Kekäläinen 2002, *Cumulated Gain-Based Evaluation of IR Techniques*, ACM TOIS 20(4)."),
    "by_loss": (
        "Layers by loss: Kim et al. 2024, *Shortened LLaMA: A Simple Depth Pruning for Large Language Models*, "
        "arXiv:2402.02834."
    ),
    "widths": (
        "Heads, neurons and channels by importance: Michel et al. 2019, *Are Sixteen Heads Really Better than One?*, "
        "arXiv:1905.10650; Molchanov et al. 2019, *Importance Estimation for Neural Network Pruning*, arXiv:1906.10771."
    ),
    "embedding_size": (
        "Factorised embeddings: Lan et al. 2020, *ALBERT: A Lite BERT for Self-supervised Learning of Language "
        "Representations*, arXiv:1909.11942."
    ),
    "layers": (
        "Layers taken over from the teacher: Sanh et al. 2019, *DistilBERT, a distilled version of BERT*, "
        "arXiv:1910.01108."
    ),
    "static": (
        "Averages of words and of runs of words: Iyyer et al. 2015, *Deep Unordered Composition Rivals Syntactic "
        "Methods for Text Classification*, ACL P15-1162; Joulin et al. 2017, *Bag of Tricks for Efficient Text "
        "Classification*, arXiv:1607.01759."
    ),
    "vocabulary": (
        "Vocabulary trimmed to the texts: Abdaoui et al. 2020, *Load What You Need: Smaller Versions of Multilingual "
        "BERT*, arXiv:2010.05609."
    ),
    "integers": (
        "Integers: Jacob et al. 2018, *Quantization and Training of Neural Networks for Efficient "
        "Integer-Arithmetic-Only Inference*, arXiv:1712.05877."
    ),
    MIXED: (
        "Bits by layer: Yao et al. 2020, *HAWQ-V3: Dyadic Neural Network Quantization*, arXiv:2011.10680; Dong et al. "
        "2019, *HAWQ-V2: Hessian Aware trace-Weighted Quantization of Neural Networks*, arXiv:1911.03852."
    ),
    DIVIDED: (
        "Outlying inputs: Xiao et al. 2022, *SmoothQuant: Accurate and Efficient Post-Training Quantization for Large "
        "Language Models*, arXiv:2211.10438."
    ),
    COMPENSATED: (
        "Rounding that makes up for its errors: Frantar et al. 2022, *GPTQ: Accurate Post-Training Quantization for "
        "Generative Pre-trained Transformers*, arXiv:2210.17323."
    ),
    TRAINED: "Training with roundings: Esser et al. 2019, *Learned Step Size Quantization*, arXiv:1902.08153.",
    "wilson": (
        "Intervals of shares: Wilson 1927, *Probable Inference, the Law of Succession, and Statistical Inference*."
    ),
    "score": (
        "Intervals of ratios and differences of paired shares: Tang, Tang, Chan 2003, *On Tests of Equivalence via "
        "Non-Unity Relative Risk for Matched-Pair Design*; Tango 1998, *Equivalence Test and Confidence Interval for "
        "the Difference in Proportions for the Paired-Sample Design*."
    ),
    "BCa bootstrap": "Other intervals: Efron 1987, *Better Bootstrap Confidence Intervals*.",
    "studentized bootstrap": (
        "Intervals of means: Hall 1988, *Theoretical Comparison of Bootstrap Confidence Intervals*."
    ),
    "exact unconditional test": (
        "The proof: Hsueh, Liu, Chen 2001, *Unconditional Exact Tests for Equivalence or Noninferiority for Paired "
        "Binary Endpoints*; Berger, Boos 1994, *P Values Maximized over a Confidence Set for the Nuisance Parameter*; "
        "McNemar 1947, *Note on the Sampling Error of the Difference between Correlated Proportions or Percentages*."
    ),
}


def citations(record: RunRecord) -> list[str]:
    """The papers of the methods that a run used, in the order of the walk.

    Args:
        record: What the run has to tell.
    """
    return [_CITATIONS[key] for key in _used(record)]


def _used(record: RunRecord) -> Iterator[str]:
    weights = record.recipe.get("distill", {}).get("weights", {})
    objectives = (
        "soft_labels",
        "last_hidden",
        "similarities",
        "margins",
        "layer_hidden",
        "attention_maps",
        "relations",
    )
    learned = {loss for training in record.trainings for point in training.curve for loss in point.losses}
    yield from (key for key in objectives if (key in learned if weights.get(key) is None else weights[key]))
    cut = record.cut
    if cut is None or cut.layers:
        yield "layers"
    if cut is not None and cut.chosen == "static":
        yield "static"
    if cut is not None and cut.removals:
        yield "by_loss"
    if cut is not None and cut.widths:
        yield "widths"
    if record.recipe.get("student", {}).get("embedding_size"):
        yield "embedding_size"
    if record.vocabulary is not None:
        yield "vocabulary"
    yield from ("integers", *record.quantization.methods)
    models = record.verdict.models
    if record.verdict.task == "reranking":
        yield "ndcg"
    scores = [score for model in models for score in (model.agreement, model.retention, model.score) if score]
    methods = {score.interval.method.removeprefix("paired ") for score in scores}
    if record.verdict.non_inferiority is not None:
        methods.add(record.verdict.non_inferiority.method.removeprefix("paired "))
    told = ("wilson", "score", "BCa bootstrap", "studentized bootstrap", "exact unconditional test")
    yield from (method for method in told if method in methods)
