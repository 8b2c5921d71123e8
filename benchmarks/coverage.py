"""How often do the verdict's intervals hold the truth, and how often is its proof wrong? By simulation and by summing.

    python benchmarks/coverage.py [--repetitions 1000] [--samples 1000]

Texts are drawn from laws whose true figures are known, the interval of each drawn set is made as a verdict makes it,
and those that hold the truth are counted. How often the test against the margin errs is no simulation: probabilities
of all outcomes that it would take for a proof are summed, with the truth put at the margin itself.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import binom

from limbeck.evaluate import intervals, pairs, scores
from limbeck.evaluate.scores import Doubt
from limbeck.tasks.measures import FScore, Mean, Measure, PooledMean, RankCorrelation, Share

MARGIN = 0.005


@dataclass(frozen=True)
class Setting:
    """A law that texts are drawn from.

    Args:
        kind: Which interval: "share", "ratio", "difference", "F1", "Spearman", ...
        words: The law.
        n: Texts of a set.
        draw: Draws the measures of one set: of the artifact and, where two are compared, of the teacher.
        truth: The true figure; None takes the mean of very large sets.
        cells: Of two models right and wrong: both right, only the first, only the second, neither.
    """

    kind: str
    words: str
    n: int
    draw: Callable[[np.random.Generator, int], tuple[Measure, ...]]
    truth: float | None = None
    cells: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Coverage:
    """What became of a setting: the share of intervals that hold the truth, those above and those below it.

    The repetitions are 0 where nothing was drawn.
    """

    setting: Setting
    held: float
    above: float
    below: float
    repetitions: int


def share(draw: np.random.Generator, n: int, *, p: float) -> tuple[Measure, ...]:
    """Right with probability p."""
    return (Share(draw.random(n) < p),)


def paired(draw: np.random.Generator, n: int, *, cells: tuple[float, float, float, float]) -> tuple[Measure, ...]:
    """Both right, only the first, only the second, neither."""
    kinds = draw.choice(4, size=n, p=cells)
    return Share(kinds < 2), Share((kinds == 0) | (kinds == 2))


def spans(draw: np.random.Generator, n: int, *, present: float, missed: float, invented: float) -> FScore:
    """A text has Poisson many spans, some are missed, and others invented."""
    total = draw.poisson(present, n)
    found = draw.binomial(total, 1 - missed)
    return FScore(found, draw.poisson(invented, n), total - found)


def one_f1(draw: np.random.Generator, n: int, *, present: float, missed: float, invented: float) -> tuple[Measure, ...]:
    """F1 of one model."""
    return (spans(draw, n, present=present, missed=missed, invented=invented),)


def two_f1(draw: np.random.Generator, n: int, *, present: float, missed: float, rarer: float) -> tuple[Measure, ...]:
    """F1 of two models on the same spans: the second misses some, the first these and a few more."""
    total = draw.poisson(present, n)
    teacher = draw.binomial(total, 1 - missed)
    artifact = draw.binomial(teacher, 1 - rarer)
    invented = draw.poisson(present * missed, n)
    return FScore(artifact, invented, total - artifact), FScore(teacher, invented, total - teacher)


def ranks(draw: np.random.Generator, n: int, *, rho: float, steps: int | None = None) -> tuple[Measure, ...]:
    """Two normal numbers a text with this correlation, the second rounded to a few steps where so told."""
    first = draw.normal(size=n)
    second = rho * first + np.sqrt(1 - rho**2) * draw.normal(size=n)
    if steps is not None:
        second = np.clip(np.round(second * steps / 5 + steps / 2), 0, steps)
    return (RankCorrelation(first, second),)


def two_ranks(draw: np.random.Generator, n: int, *, noise: float) -> tuple[Measure, ...]:
    """Two models of the same truth: the second is off by noise, the first by a little more."""
    truth = draw.normal(size=n)
    teacher = truth + noise * draw.normal(size=n)
    return RankCorrelation(teacher + noise / 3 * draw.normal(size=n), truth), RankCorrelation(teacher, truth)


def cosines(draw: np.random.Generator, n: int, *, spread: float) -> tuple[Measure, ...]:
    """Cosines near 1 with a tail: 1 minus 0.02 times a lognormal number."""
    return (Mean(1 - 0.02 * np.exp(spread * draw.normal(size=n))),)


def divergences(draw: np.random.Generator, n: int, *, words: int) -> tuple[Measure, ...]:
    """Divergences of the words of a text, lognormal numbers; a text has Poisson many and one."""
    counts = 1 + draw.poisson(words - 1, n) if words > 1 else np.ones(n, np.int64)
    values = np.exp(1.5 * draw.normal(size=int(counts.sum())))
    sums = np.bincount(np.repeat(np.arange(n), counts), weights=values, minlength=n)
    return (PooledMean(sums.astype(np.float64), counts),)


def f1_of(present: float, missed: float, invented: float) -> float:
    """The true F1 of `spans`."""
    right = 2 * present * (1 - missed)
    return right / (right + invented + present * missed)


_PAIRS = (
    (60, "few texts, 20 % disagreement", (0.7, 0.1, 0.1, 0.1)),
    (300, "rare disagreement, 3 %", (0.9, 0.01, 0.02, 0.07)),
    (872, "99 % right, rare disagreement, 2 %", (0.97, 0.008, 0.012, 0.01)),
    (300, "12 % disagreement", (0.8, 0.05, 0.07, 0.08)),
    (300, "hardly any disagreement, 0.6 %", (0.9, 0.002, 0.004, 0.094)),
)
_SPANS = ((60, 0.5, 0.3, 0.2), (100, 1.5, 0.05, 0.05), (200, 0.2, 0.1, 0.02), (300, 0.1, 0.4, 0.05))
_RANKS = ((40, 0.8, None), (100, 0.6, 5), (100, 0.95, None), (300, 0.9, 5))
SETTINGS: tuple[Setting, ...] = (
    *(
        Setting("share", f"right on {p:.0%}", n, partial(share, p=p), p)
        for n, p in ((50, 0.9), (50, 0.98), (100, 0.98), (200, 0.98), (300, 0.95), (872, 0.99))
    ),
    *(
        Setting("ratio", words, n, partial(paired, cells=of), (of[0] + of[1]) / (of[0] + of[2]), of)
        for n, words, of in _PAIRS
    ),
    *(Setting("difference", words, n, partial(paired, cells=of), of[1] - of[2], of) for n, words, of in _PAIRS),
    *(
        Setting(
            "F1",
            f"{present:g} spans a text, {missed:.0%} missed",
            n,
            partial(one_f1, present=present, missed=missed, invented=invented),
            f1_of(present, missed, invented),
        )
        for n, present, missed, invented in _SPANS
    ),
    *(
        Setting(
            "Spearman",
            f"correlation about {rho:g}{'' if steps is None else f', {steps + 1} grades'}",
            n,
            partial(ranks, rho=rho, steps=steps),
        )
        for n, rho, steps in _RANKS
    ),
    Setting("ratio of F1", "a span a text", 100, partial(two_f1, present=1.0, missed=0.1, rarer=0.05)),
    Setting("difference of F1", "a span a text", 100, partial(two_f1, present=1.0, missed=0.1, rarer=0.05)),
    Setting("ratio of Spearman", "two models of one truth", 100, partial(two_ranks, noise=0.6)),
    Setting("difference of Spearman", "two models of one truth", 100, partial(two_ranks, noise=0.6)),
    *(
        Setting("mean cosine", f"tail {spread:g}", n, partial(cosines, spread=spread), 1 - 0.02 * np.exp(spread**2 / 2))
        for n, spread in ((50, 0.5), (100, 1.0))
    ),
    *(
        Setting(
            "mean divergence",
            f"tail 1.5, {words} a text",
            n,
            partial(divergences, words=words),
            float(np.exp(1.5**2 / 2)),
        )
        for n, words in ((100, 1), (872, 1), (100, 10))
    ),
)


def interval_of(setting: Setting, measures: tuple[Measure, ...], doubt: Doubt) -> tuple[float, float]:
    """The interval that a verdict gives."""
    if len(measures) == 1:
        found = scores.of_one(measures[0], doubt)
    else:
        artifact, teacher = measures
        kept = scores.retention(artifact, teacher, doubt) if setting.kind.startswith("ratio") else None
        found = kept or scores.difference(artifact, teacher, doubt)
    return found.interval.low, found.interval.high


def truth_of(setting: Setting, generator: np.random.Generator) -> float:
    """The true figure; of correlations and pairs the mean of twenty sets of 100,000 texts."""
    if setting.truth is not None:
        return setting.truth
    values = []
    for _ in range(20):
        measures = setting.draw(generator, 100_000)
        first, *others = (measure.value for measure in measures)
        values.append(first if not others else first / others[0] if "ratio" in setting.kind else first - others[0])
    return float(np.mean(values))


def coverage(setting: Setting, *, repetitions: int, samples: int, seed: int = 0) -> Coverage:
    """Count the intervals of a setting that hold the truth; those of a share are few, and weighed by their chance."""
    if setting.kind == "share":
        assert setting.truth is not None
        return weighed(setting, setting.truth)
    generator = np.random.default_rng([seed, *setting.words.encode(), *setting.kind.encode()])
    truth = truth_of(setting, generator)
    if setting.cells is None:
        drawn = (
            interval_of(setting, setting.draw(generator, setting.n), Doubt(0.95, samples, repetition))
            for repetition in range(repetitions)
        )
        ends = np.array(list(drawn))
    else:  # all at once, which is what makes ten times as many cheap
        both, first, second, _ = generator.multinomial(setting.n, setting.cells, size=repetitions).T
        ends = (
            pairs.ratio_ends(both, first, second, confidence=0.95)
            if setting.kind == "ratio"
            else pairs.difference_ends(first, second, setting.n, confidence=0.95)
        )
    above, below = int((ends[:, 0] > truth).sum()), int((ends[:, 1] < truth).sum())
    held = 1 - (above + below) / repetitions
    return Coverage(setting, held, above / repetitions, below / repetitions, repetitions)


def weighed(setting: Setting, p: float) -> Coverage:
    """The exact coverage of Wilson's interval: the chances of all numbers of right texts whose interval holds p."""
    right = np.arange(setting.n + 1)
    chances = binom.pmf(right, setting.n, p)
    ends = np.array([_wilson(int(one), setting.n) for one in right])
    above, below = float(chances[ends[:, 0] > p].sum()), float(chances[ends[:, 1] < p].sum())
    return Coverage(setting, 1 - above - below, above, below, 0)


def _wilson(right: int, n: int) -> tuple[float, float]:
    found = intervals.wilson(right, n, confidence=0.95)
    return found.low, found.high


def error_at_margin(n: int, discordance: float, *, margin: float = MARGIN, alpha: float = 0.05) -> tuple[float, float]:
    """Probabilities that the exact test, and Tango's score test, prove what is false by a hair: the loss is the margin.

    Args:
        n: Texts.
        discordance: Share of texts on which only one is right; at least the margin.
        margin: The true loss, and the margin of the test.
        alpha: The error that is accepted.
    """
    of_first, of_second = (discordance - margin) / 2, (discordance + margin) / 2
    last = int(binom.isf(1e-9, n, of_second)) + 1
    exact = tango = 0.0
    far = 1.6448536269514722
    start = 0
    for only_second in range(last):
        weight = binom.pmf(only_second, n, of_second)
        rest = n - only_second
        start = least_proven(only_second, n, margin, alpha, start)
        exact += weight * binom.sf(start - 1, rest, of_first / (1 - of_second))
        counts = np.arange(rest + 1)
        is_proven = pairs.difference_score(counts, only_second, n, -margin) > far
        first = int(np.argmax(is_proven)) if is_proven.any() else rest + 1
        tango += weight * binom.sf(first - 1, rest, of_first / (1 - of_second))
    return exact, tango


def least_proven(only_second: int, n: int, margin: float, alpha: float, start: int) -> int:
    """The least number of texts that only the first has right with which the exact test proves; more than n: none."""
    for only_first in range(start, n - only_second + 1):
        if pairs.difference_score(only_first, only_second, n, -margin) < 1.2:
            continue  # far from any proof
        if pairs.above_p(only_first, only_second, n, -margin, alpha=alpha) <= alpha:
            return only_first
    return n + 1


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=1000)
    options = parser.parse_args()
    started = time.process_time()
    for line in coverage_table(options.repetitions, options.samples):
        print(line, flush=True)
    print()
    for line in error_table():
        print(line, flush=True)
    print(f"\nProcessor time: {time.process_time() - started:.0f} s")


def coverage_table(repetitions: int, samples: int) -> Iterator[str]:
    """A line for each setting."""
    yield "| figure | texts | law | interval | holds the truth | lies above | lies below |"
    yield "|---|---:|---|---|---:|---:|---:|"
    for setting in SETTINGS:
        times = repetitions if setting.cells is None else 10 * repetitions
        found = coverage(setting, repetitions=times, samples=samples)
        yield (
            f"| {setting.kind} | {setting.n} | {setting.words} | {method_of(setting)} | {found.held:.1%} | "
            f"{found.above:.1%} | {found.below:.1%} |"
        )


def method_of(setting: Setting) -> str:
    """What the interval is called."""
    measures = setting.draw(np.random.default_rng(0), 20)
    if len(measures) == 2:
        return intervals.SCORE if isinstance(measures[0], Share) else intervals.PAIRED_BCA
    return scores.of_one(measures[0], Doubt(0.95, 200, 0)).interval.method


def error_table() -> Iterator[str]:
    """A line for each number of texts and discordance."""
    yield "| texts | disagreement | exact test errs | score test (Tango) errs |"
    yield "|---:|---:|---:|---:|"
    for n, discordance in ((100, 0.1), (300, 0.02), (560, 0.005), (620, 0.005), (872, 0.01), (872, 0.05), (2000, 0.02)):
        exact, tango = error_at_margin(n, discordance)
        yield f"| {n:,} | {discordance:.1%} | {exact:.2%} | {tango:.2%} |"


if __name__ == "__main__":
    main()
