"""bench(): how fast an artifact answers on this machine, by every engine that is installed. No torch."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck import machine, report
from limbeck.artifact import Artifact, open_artifact
from limbeck.bench_record import BenchCell, BenchRecord
from limbeck.data import pocket, read_table
from limbeck.errors import DataError, OutputError, RecipeError
from limbeck.evaluate.speed import LENGTHS, texts_of_lengths
from limbeck.evaluate.timing import LengthText
from limbeck.examples import Examples
from limbeck.files import written_whole
from limbeck.progress import SILENT, Progress
from limbeck.runtime.engines import ENGINES, present_engines
from limbeck.runtime.graph_engine import EngineName, EngineSettings
from limbeck.runtime.model import Model
from limbeck.runtime.turns import in_turns
from limbeck.tasks import TASKS

CALL_SIZES = (1, 8, 32)
ROUNDS, _LEAST_ROUNDS = 100, 10
_SECONDS_A_CASE = 4.0
_STRETCHES = 5


def bench(
    artifact: str | Path,
    *,
    engines: Sequence[str] = (),
    threads: Sequence[int] = (),
    lengths: Sequence[int] = LENGTHS,
    call_sizes: Sequence[int] = CALL_SIZES,
    rounds: int = ROUNDS,
    out: str | Path | None = None,
    progress: Progress = SILENT,
) -> BenchRecord:
    """Time an artifact: latency and throughput of every engine at several lengths, call sizes and numbers of threads.

    At each length and call size all sides are timed in turns, from texts to logits, after calls that nobody times.
    Texts are made of Pocket's words. A case stops early, at 10 rounds at least, where it would take more than
    4 seconds.

    Args:
        artifact: The folder that ships.
        engines: Which; none takes all that are installed.
        threads: How many; none takes one, and the physical cores.
        lengths: Tokens of a text; what the artifact would cut is left out.
        call_sizes: Texts handed over in a call.
        rounds: How often each is timed.
        out: A file for the page, a self-contained HTML; None writes none.
        progress: Told how far it is.

    Raises:
        ArtifactError: It is no artifact, or cannot be loaded.
        DataError: Its task answers no texts of a chosen length.
        MissingExtraError: An engine is not installed.
        OutputError: The page cannot be written.
        RecipeError: An engine that does not exist, or a number below 1.
    """
    for name, numbers in (("threads", threads), ("lengths", lengths), ("call_sizes", call_sizes), ("rounds", [rounds])):
        if any(number < 1 for number in numbers):
            raise RecipeError(f"{name} are {', '.join(map(str, numbers))}.", hint="Give 1 or more.")
    page = None if out is None else Path(out)
    if page is not None and page.is_dir():
        raise OutputError(f"{page} is a folder.", hint="Give the name of a file, such as bench.html.")
    opened = open_artifact(Path(artifact))
    models = _models(opened, _sides(engines, threads))
    texts = _texts(opened, models[0], lengths)
    cells: list[BenchCell] = []
    with progress.bar("bench", total=len(texts) * len(call_sizes), unit="cases") as bar:
        for text in texts:
            for n_texts in call_sizes:
                cells += _case(models, text, n_texts, rounds=rounds)
                bar.advance(note=f"{n_texts} x {text.n_tokens} tokens")
    manifest, described = opened.manifest, machine.describe()
    record = BenchRecord(
        limbeck_version=described["limbeck"],
        artifact=opened.folder.resolve().name,
        scheme=manifest.scheme,
        shape=dict(manifest.shape),
        machine=described,
        cells=tuple(cells),
    )
    if page is not None:
        with written_whole(page) as temporary:
            temporary.write_text(report.render_bench(record), encoding="utf-8")
    return record


def _sides(engines: Sequence[str], threads: Sequence[int]) -> list[EngineSettings]:
    unknown = [name for name in engines if name not in ENGINES]
    if unknown:
        raise RecipeError(f"There is no engine {unknown[0]!r}.", hint=f"Give some of: {', '.join(ENGINES)}.")
    wanted: list[EngineName] = [name for name in ENGINES if name in engines] or list(present_engines())
    counts = sorted(set(threads)) or sorted({1, machine.physical_cores()})
    return [EngineSettings(engine, count) for engine in wanted for count in counts]


def _models(artifact: Artifact, sides: Sequence[EngineSettings]) -> list[Model]:
    return [Model(artifact, threads=side.threads, variant="quantized", settings=side) for side in sides]


def _texts(artifact: Artifact, model: Model, lengths: Sequence[int]) -> tuple[LengthText, ...]:
    """A text, or a pair, of each length."""
    words = read_table(pocket.folder() / "held_out.jsonl", with_labels=False).parts["all"].texts
    is_pair = TASKS[artifact.manifest.task].groups_rows
    examples = Examples(texts=words, text_pairs=words if is_pair else None, labels=None, label_names=())
    found = texts_of_lengths(model.encoder, examples, sorted(set(lengths)))
    if not found:
        raise DataError(
            f"No text of {', '.join(map(str, lengths))} tokens can be made for this artifact, whose task is "
            f"{artifact.manifest.task} and whose limit is {artifact.manifest.max_tokens} tokens.",
            hint="Give shorter --lengths; artifacts that read windows are timed on real texts: `limbeck verify`.",
        )
    return found


def _case(models: Sequence[Model], text: LengthText, n_texts: int, *, rounds: int) -> list[BenchCell]:
    def call(model: Model) -> Callable[[], object]:
        texts = [text.text] * n_texts
        pairs = None if text.text_pair is None else [text.text_pair] * n_texts
        return lambda: model.logits(texts, pairs)

    calls = {model.settings: call(model) for model in models}
    start = time.perf_counter()
    in_turns(calls, rounds=1, warm_up=2)
    a_round = (time.perf_counter() - start) / 3
    n = min(rounds, max(_LEAST_ROUNDS, int(_SECONDS_A_CASE / a_round)))
    return [
        _cell(side, text.n_tokens, n_texts, 1000 * seconds)
        for side, seconds in in_turns(calls, rounds=n, warm_up=0).items()
    ]


def _cell(side: EngineSettings, n_tokens: int, n_texts: int, times_ms: NDArray[np.float64]) -> BenchCell:
    p50, p95, p99 = (float(value) for value in np.percentile(times_ms, [50, 95, 99]))
    medians = [np.median(stretch) for stretch in np.array_split(times_ms, min(_STRETCHES, len(times_ms)))]
    spread = float((max(medians) - min(medians)) / p50)
    return BenchCell(side.engine, side.threads, n_texts, n_tokens, p50, p95, p99, spread, len(times_ms))
