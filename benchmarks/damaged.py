"""Is a damaged artifact caught, and the reason named first? Seven ways of damaging one, each judged by `verify`.

    python benchmarks/damaged.py ARTIFACT --data DATA --stale OTHER --name Banking77 [--signals FOLDER]

The artifact is a BERT classifier in w8a8e8, its teacher's answers to the held-out texts lie on this disk, and OTHER
answers with the same labels: it stands for a teacher that was trained anew. Each damage is done to a copy, which is
sealed again, as whoever did it unknowingly would have.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from asked_and_told import origin

from limbeck import data, runtime
from limbeck.recipe.knobs import DataTable
from limbeck.verification import verify

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import damage

CHANGES = {"verify.timing_texts": 2, "verify.timing_rounds": 1, "verify.fresh_starts": 0}
LAYER, HEAD, TABLE = "bert.encoder.layer.0.intermediate.dense", "classifier", "bert.embeddings.word_embeddings.weight"
FEW = 3


def main() -> None:
    """Damage, judge, and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--stale", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--signals", type=Path)
    options = parser.parse_args()
    rare = _rare_tokens(options.artifact, options.data)
    damages: dict[str, Callable[[Path], None]] = {
        "none": lambda _: None,
        "two labels' rows of the head exchanged, in the graph that answers": lambda folder: damage.swap_head_rows(
            folder, HEAD, 5, 9, in_both=False
        ),
        "the same in both graphs": lambda folder: damage.swap_head_rows(folder, HEAD, 5, 9, in_both=True),
        "one layer's scales 2 % larger": lambda folder: damage.scale_a_layer(folder, LAYER, 1.02),
        "the tokenizer keeps capitals": damage.keep_capitals,
        "texts cut at 16 tokens": lambda folder: damage.cut_texts(folder, 16),
        f"embeddings of {len(rare)} rare tokens zeroed, in the graph that answers": lambda folder: damage.zero_rows(
            folder, TABLE, rare, in_both=False
        ),
        "the same tokens in both graphs": lambda folder: damage.zero_rows(folder, TABLE, rare, in_both=True),
    }
    lines = [
        f"# Damaged on purpose: {options.name}",
        "",
        "| damage | verdict | agreement | retention | the reason that is named first |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(options, name, harm) for name, harm in damages.items()]
    lines.append(_row(options, "a teacher that was trained anew", lambda _: None, teacher_source=options.stale))
    command = "python benchmarks/damaged.py ARTIFACT --data DATA --stale OTHER"
    sys.stdout.write("\n".join([*lines, *origin(f"{command} --name {options.name}")]) + "\n")


def _row(options: argparse.Namespace, name: str, harm: Callable[[Path], None], **given: str) -> str:
    with tempfile.TemporaryDirectory() as work:
        folder = damage.copied(options.artifact, Path(work) / "artifact")
        harm(folder)
        verdict = verify(folder, options.data, changes=CHANGES, signals=options.signals, **given)  # type: ignore[arg-type]
    artifact = next(model for model in verdict.models if model.name.startswith("artifact"))
    shares = [
        "–" if score is None else f"{100 * score.value:.1f} %" for score in (artifact.agreement, artifact.retention)
    ]
    reason = verdict.reasons[0].sentence if verdict.reasons else "–"
    return f"| {name} | {'passed' if verdict.passed else 'refused'} | {' | '.join(shares)} | {reason} |"


def _rare_tokens(artifact: Path, source: str) -> list[int]:
    """Those that at most three held-out texts have."""
    model, settings = runtime.load(artifact), DataTable()
    held_out, _ = data.held_out_of(
        data.to_examples(data.read_table(source, columns=settings), model.label_names), settings=settings
    )
    counts = Counter(token for ids in model.encoder.encode(held_out.texts).ids for token in set(ids))
    return sorted(token for token, count in counts.items() if count <= FEW)


if __name__ == "__main__":
    main()
