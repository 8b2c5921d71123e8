"""bench(): how fast an artifact answers on this machine, by every engine that is installed. No torch."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck import report
from limbeck.artifact.sealed import MANIFEST_FILE, Artifact, open_artifact
from limbeck.data import pocket, read_table
from limbeck.errors import DataError, OutputError, RecipeError
from limbeck.evaluate.speed import LENGTHS, texts_of_lengths
from limbeck.evaluate.timing import LengthText, latency_of
from limbeck.ground import fingerprint, machine, wording
from limbeck.ground.files import refuse_foreign_page, written_whole
from limbeck.ground.progress import SILENT, Progress
from limbeck.records.bench import BenchCell, BenchRecord
from limbeck.runtime.engines import ENGINES, present_engines
from limbeck.runtime.graph_engine import EngineName, EngineSettings
from limbeck.runtime.model import Model
from limbeck.runtime.turns import in_turns
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples
from limbeck.walk.bench_memory import BenchMemory, Case

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
    4 seconds. Killed at any point, the same call goes on within a day without timing a finished case again; a complete
    benchmark leaves nothing behind, and the next one times all anew.

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
        RecipeError: An engine that does not exist, a number below 1, or no length or call size at all.
    """
    for name, numbers in (("threads", threads), ("lengths", lengths), ("call_sizes", call_sizes), ("rounds", [rounds])):
        if any(number < (name != "threads") for number in numbers):
            raise RecipeError(
                f"{name} are {', '.join(map(str, numbers))}.",
                hint="Give 1 or more; of threads 0 is the physical cores.",
            )
    for name, numbers in (("lengths", lengths), ("call_sizes", call_sizes)):
        if not numbers:
            raise RecipeError(f"No {name} are given.", hint="Give one number or more, as in 1,8.")
    page = None if out is None else Path(out)
    if page is not None and page.is_dir():
        raise OutputError(f"{page} is a folder.", hint="Give the name of a file, such as bench.html.")
    if page is not None:
        refuse_foreign_page(page)
    opened = open_artifact(Path(artifact))
    models = {side: Model(opened, variant="quantized", settings=side) for side in _sides(engines, threads)}
    texts = _texts(opened, next(iter(models.values())), lengths)
    manifest, described = opened.manifest, machine.describe()
    cases = {(text.n_tokens, n_texts): text for text in texts for n_texts in call_sizes}
    memory = BenchMemory(_hangs_on(opened, models, cases, rounds=rounds, described=described))
    found = memory.cases()
    n_earlier = len(found)
    if n_earlier:
        progress.say(f"{n_earlier} of {wording.counted(len(cases), 'case')} timed by this command before it was killed")
    with progress.bar("bench", total=rounds * len(cases), unit="rounds", done=rounds * n_earlier) as bar:
        for n_tokens, n_texts in [case for case in cases if case not in found]:
            told = partial(bar.advance, note=f"{wording.counted(n_texts, 'text')} of {n_tokens} tokens")
            cells = _case(models, cases[n_tokens, n_texts], n_texts, rounds=rounds, told=told)
            memory.keep(cells)
            found[n_tokens, n_texts] = cells
    record = BenchRecord(
        limbeck_version=described["limbeck"],
        artifact=opened.folder.resolve().name,
        scheme=manifest.scheme,
        shape=dict(manifest.shape),
        machine=described,
        cells=tuple(cell for case in cases for cell in found[case]),
        n_earlier=n_earlier,
    )
    if page is not None:
        with written_whole(page) as temporary:
            temporary.write_text(report.render_bench(record), encoding="utf-8")
    memory.forget()
    return record


def _sides(engines: Sequence[str], threads: Sequence[int]) -> list[EngineSettings]:
    unknown = [name for name in engines if name not in ENGINES]
    if unknown:
        raise RecipeError(f"There is no engine {unknown[0]!r}.", hint=f"Give some of: {', '.join(ENGINES)}.")
    wanted: list[EngineName] = [name for name in ENGINES if name in engines] or list(present_engines())
    counts = sorted({count or machine.physical_cores() for count in threads} or {1, machine.physical_cores()})
    return [EngineSettings(engine, count) for engine in wanted for count in counts]


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
            hint="Give other --lengths; artifacts that read windows are timed on real texts: `limbeck verify`.",
        )
    return found


def _hangs_on(
    artifact: Artifact,
    sides: Iterable[EngineSettings],
    cases: Mapping[Case, LengthText],
    *,
    rounds: int,
    described: Mapping[str, str],
) -> dict[str, Any]:
    """All that tells this benchmark from another; not the clock, which differs from call to call."""
    return {
        "artifact": fingerprint.of_file(artifact.path(MANIFEST_FILE)),
        "sides": [str(side) for side in sides],
        "cases": [{"n_texts": n_texts, **asdict(text)} for (_, n_texts), text in cases.items()],
        "rounds": rounds,
        "machine": {name: value for name, value in described.items() if name != "clock"},
        "openvino": machine.installed_version("openvino"),
    }


def _case(
    models: Mapping[EngineSettings, Model], text: LengthText, n_texts: int, *, rounds: int, told: Callable[[int], None]
) -> list[BenchCell]:
    def call(model: Model) -> Callable[[], object]:
        texts = [text.text] * n_texts
        pairs = None if text.text_pair is None else [text.text_pair] * n_texts
        return lambda: model.logits(texts, pairs)

    calls = {side: call(model) for side, model in models.items()}
    start = time.perf_counter()
    in_turns(calls, rounds=1, warm_up=2)
    a_round = (time.perf_counter() - start) / 3
    n = min(rounds, max(_LEAST_ROUNDS, int(_SECONDS_A_CASE / a_round)))
    shares = iter(np.diff(np.linspace(0, rounds, n + 1).astype(int)).tolist())  # a bar of cases that end early, too
    seconds = in_turns(calls, rounds=n, warm_up=0, told=lambda: told(next(shares)))
    return [_cell(side, text.n_tokens, n_texts, times) for side, times in seconds.items()]


def _cell(side: EngineSettings, n_tokens: int, n_texts: int, seconds: NDArray[np.float64]) -> BenchCell:
    latency = latency_of(seconds)
    assert latency.p95_ms is not None, "only records of earlier versions lack it"
    medians = [1000 * np.median(stretch) for stretch in np.array_split(seconds, min(_STRETCHES, len(seconds)))]
    return BenchCell(
        side.engine,
        side.threads,
        n_texts,
        n_tokens,
        latency.p50_ms,
        latency.p95_ms,
        latency.p99_ms,
        spread=float((max(medians) - min(medians)) / latency.p50_ms),
        n=latency.n,
    )
