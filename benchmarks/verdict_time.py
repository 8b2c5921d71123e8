"""How long does a verdict take beyond the models' own answers? One `verify`, its parts timed.

    python benchmarks/verdict_time.py ARTIFACT --data DATA --teacher TEACHER [--name Banking77]

"Own" is one pass of the artifact over all texts. The parts are what `limbeck verify` does besides: statistics (scores,
intervals, proof, flips, divergence, calibration, slices, reasons), other spellings, and the timing of both sides with
fresh processes. Seconds that passed, and seconds of processor of this process, which others' load touches less.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from asked_and_told import origin

from limbeck import data, evaluate, runtime, verification
from limbeck.recipe.knobs import DataTable

Clock = tuple[float, float]


def main() -> None:
    """Time, and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact")
    parser.add_argument("--data", required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--name", required=True)
    options = parser.parse_args()
    seconds: dict[str, Clock] = {}
    model = runtime.load(options.artifact, threads=1)
    settings = DataTable()
    texts, _ = data.held_out_of(
        data.to_examples(data.read_table(options.data, columns=settings), model.label_names), settings=settings
    )
    _watched(seconds, "the artifact's own answers", model.logits)(texts.texts, texts.text_pairs)
    evaluate.judge = _watched(seconds, "statistics", evaluate.judge)
    evaluate.measure_speed = _watched(seconds, "timing and fresh processes", evaluate.measure_speed)
    respelled = verification.respelled  # type: ignore[attr-defined]
    verification.respelled = _watched(seconds, "other spellings", respelled)  # type: ignore[attr-defined]
    verdict = verification.verify(
        options.artifact, options.data, teacher_source=options.teacher, changes={"verify.threads": 1}
    )
    lines = [f"# A verdict's time: {options.name}", "", f"{verdict.n_held_out} texts, one thread.", ""]
    lines += ["| part | seconds | processor seconds |", "|---|---:|---:|"]
    lines += [f"| {name} | {passed:.1f} | {used:.1f} |" for name, (passed, used) in seconds.items()]
    beyond = [sum(one[at] for name, one in seconds.items() if not name.startswith("the artifact")) for at in (0, 1)]
    lines.append(f"| beyond the artifact's own answers | {beyond[0]:.1f} | {beyond[1]:.1f} |")
    command = "python benchmarks/verdict_time.py ARTIFACT --data DATA --teacher TEACHER"
    sys.stdout.write("\n".join([*lines, *origin(f"{command} --name {options.name}")]) + "\n")


def _watched(seconds: dict[str, Clock], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*given: Any, **named: Any) -> Any:  # noqa: ANN401
        passed, used = time.perf_counter(), time.process_time()
        found = call(*given, **named)
        seconds[name] = (time.perf_counter() - passed, time.process_time() - used)
        return found

    return watched


if __name__ == "__main__":
    main()
