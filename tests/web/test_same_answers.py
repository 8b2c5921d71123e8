"""Headless Chromium gives the answers that the runtime gives: every family, scheme, task and kind of tokenizer."""

import json
import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browsing import Served

import limbeck
from limbeck.artifact.sealed import open_artifact
from limbeck.ground.progress import SILENT
from limbeck.runtime.engine import Engine
from limbeck.text.tokens import TextEncoder, TokenBatch
from limbeck.web import write_page
from limbeck.web.page_tokenizer import for_the_page
from limbeck.web.runtime_files import runtime_files
from random_artifact import write_random_artifact
from small_run import SmallRun
from tiny import FAMILIES, WORDS
from trained_tokenizers import KINDS, ODD, texts_of, write_trained_tokenizer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCHEMES = (
    "w4a8e4", "w3a8e4", "w2a8e2", "w8a8t", "w4a8e4-asymmetric", "w4a8g16e4", "w2a8g32e4", "w8a32g16-asymmetric",
    "w8a32e8", "w4a32e4", "w3a32", "w32a32e8",
)  # fmt: skip
PARTED_BY = {
    "Whitespace": {"type": "Whitespace"},
    "Punctuation": {
        "type": "Sequence",
        "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}],
    },
    "Contiguous": {
        "type": "Sequence",
        "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Contiguous"}],
    },
}
TEXTS = [
    "wake me at seven",
    "what a lovely, really awful film!",
    "",
    "naïve  MUM and 日本 love rain",
    *[" ".join(WORDS)] * 2,
]
CONTEXT = " ".join(f"{word}, {other}." for word, other in zip(WORDS, WORDS[3:], strict=False))
RUN_ALL = """async ([models, rows]) => {
  const ort = await import("./onnxruntime.js");
  const { load } = await import("./loading.js");
  const page = await (await fetch("page.json")).json();
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await load(page.files.runtime, () => {})).buffer;
  const found = {};
  for (const name of models) {
    const bytes = new Uint8Array(await (await fetch(name)).arrayBuffer());
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
    found[name] = [];
    for (const row of rows) {
      const feeds = Object.fromEntries(session.inputNames.map((input) => [
        input, new ort.Tensor("int64", BigInt64Array.from(row[input], BigInt), [1, row[input].length])]));
      const out = await session.run(feeds);
      found[name].push(Array.from(out[session.outputNames[0]].data));
    }
  }
  return found;
}"""
ASK_ALL = """async (questions) => {
  const { Model } = await import("./asking.js");
  const model = await Model.load(() => {});
  const found = [];
  for (const question of questions) found.push(await model.ask(question));
  return found;
}"""
READ_ALL = """async ([settings, config, maxTokens, singles, pairs]) => {
  const { Reader } = await import("./reading.js");
  const reader = new Reader(settings, config, maxTokens);
  return [singles.map((text) => reader.text(text)), pairs.map(([text, pair]) => reader.text(text, pair))];
}"""


def page_of(artifact: Path, folder: Path, libraries: Path) -> Path:
    """An artifact's page in a new folder."""
    folder.mkdir()
    write_page(open_artifact(artifact), folder, name="A model", runtime_folder=libraries, progress=SILENT)
    return folder


def opened(browser: "Browser", address: str) -> "Page":
    """The page, once its model is loaded."""
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    return page


def asked(browser: "Browser", folder: Path, questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a page answers."""
    with Served.of(folder) as served:
        page = opened(browser, served.address)
        found: list[dict[str, Any]] = page.evaluate(ASK_ALL, list(questions))
        page.close()
    return found


def test_every_operator_has_a_kernel(browser: "Browser", libraries: Path, tmp_path: Path) -> None:
    """An operator that the plain build of onnxruntime-web lacks would be found by the first visitor of a page."""
    made = {f"family {name}": {"family": name} for name in (*FAMILIES, "static")}
    made |= {f"scheme {name}": {"scheme": name} for name in SCHEMES}
    made |= {
        "tags": {"task": "token-classification"},
        "masks": {"task": "fill-mask"},
        "vectors": {"task": "embeddings"},
    }
    folder = page_of(write_random_artifact(tmp_path / "one"), tmp_path / "page", libraries)
    rows = [
        {
            "input_ids": np.random.default_rng(length).integers(5, 100, length).tolist(),
            "attention_mask": [1] * length,
            "token_type_ids": [0] * length,
        }
        for length in (1, 7, 33)
    ]
    wanted: dict[str, list[Any]] = {}
    for index, (name, settings) in enumerate(made.items()):
        artifact = open_artifact(write_random_artifact(tmp_path / name, **settings))
        graph = artifact.path(artifact.manifest.model_file)
        shutil.copyfile(graph, folder / f"{index}.onnx")
        engine = Engine(graph, threads=1)
        batches = [TokenBatch(**{key: np.array([values], np.int64) for key, values in row.items()}) for row in rows]
        wanted[f"{index}.onnx"] = [engine.run(batch).reshape(-1) for batch in batches]
    with Served.of(folder) as served:
        page = browser.new_page()
        page.goto(served.address)
        found = page.evaluate(RUN_ALL, [list(wanted), rows])
        page.close()
    for name, values in wanted.items():
        for ours, theirs in zip(values, found[name], strict=True):
            # A code that falls between two integers may be rounded the other way, as sums of floats differ in order.
            np.testing.assert_allclose(theirs, ours, atol=0.03 * np.abs(ours).max(), err_msg=f"{name} of {list(made)}")


@pytest.mark.parametrize("kind", [*KINDS, "Whitespace", "Punctuation", "Contiguous"])
def test_tokens_are_those_of_the_runtime(browser: "Browser", libraries: Path, tmp_path: Path, kind: str) -> None:
    """The tokenizers of the page are another library's: one other id is another text for the model."""
    write_trained_tokenizer(tmp_path, kind if kind in KINDS else "WordPiece")
    if kind not in KINDS:
        told = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
        told["pre_tokenizer"] = PARTED_BY[kind]
        told["normalizer"]["strip_accents"] = False
        (tmp_path / "tokenizer.json").write_text(json.dumps(told), "utf-8")
    encoder = TextEncoder(tmp_path, max_tokens=16)
    texts = [
        *ODD,
        *texts_of("held_out")[:60],
        "don.t stop... what?! $5 a_b x\u200dy\u0301 ½\ufeffz\x85z",
        "a" * 50,
        "1,234.5 http://x.y/z?q=1 #tag \t tab \u00a0 no-break \u200d",
    ]
    pairs = [*zip(texts, reversed(texts), strict=True), ("", "b"), ("b", "")]
    settings, config = (
        json.loads((tmp_path / name).read_text("utf-8")) for name in ("tokenizer.json", "tokenizer_config.json")
    )
    folder = page_of(write_random_artifact(tmp_path / "one"), tmp_path / "page", libraries)
    with Served.of(folder) as served:
        page = browser.new_page()
        page.goto(served.address)
        singles, doubles = page.evaluate(READ_ALL, [for_the_page(settings), config, 16, texts, pairs])
        page.close()
    for found, encoded, given in (
        (singles, encoder.encode(texts), texts),
        (doubles, encoder.encode(*map(list, zip(*pairs, strict=True))), pairs),
    ):
        for index, one in enumerate(found):
            assert one["ids"] == encoded.ids[index], given[index]
            assert one["types"] == encoded.type_ids[index], given[index]
            assert one["isCut"] == (index in encoded.truncated), given[index]


def test_a_trained_classifier_gives_the_same_labels(
    browser: "Browser", libraries: Path, tmp_path: Path, walked: SmallRun
) -> None:
    """What people see on the page must be what was verified."""
    artifact = walked.run.artifact
    texts = [json.loads(line)["text"] for line in walked.data.read_text("utf-8").splitlines()]
    found = asked(browser, page_of(artifact, tmp_path / "page", libraries), [{"text": text} for text in texts])
    answers = limbeck.load(artifact, threads=1)(texts)
    assert [one["answer"]["label"] for one in found] == [one.label for one in answers]
    shares = [
        one["answer"]["probabilities"][wanted.label_id]["probability"]
        for one, wanted in zip(found, answers, strict=True)
    ]
    np.testing.assert_allclose(shares, [one.probability for one in answers], atol=0.03)


@pytest.mark.parametrize("task", ["multi-label", "regression", "classification"])
def test_pairs_and_numbers(browser: "Browser", libraries: Path, tmp_path: Path, task: str) -> None:
    """A second text that is cut or joined otherwise gives another number."""
    artifact = write_random_artifact(tmp_path / "artifact", task=task)
    questions = [{"text": text, "pair": other} for text, other in zip(TEXTS, reversed(TEXTS), strict=True)]
    found = asked(browser, page_of(artifact, tmp_path / "page", libraries), questions)
    logits = limbeck.load(artifact, threads=1).logits(TEXTS, TEXTS[::-1])
    values = np.array([one["answer"]["logits"] for one in found])
    np.testing.assert_allclose(values, logits.values, atol=0.03 * np.abs(logits.values).max())
    assert [one["is_cut"] for one in found] == [index in logits.truncated for index in range(len(TEXTS))]


@pytest.mark.parametrize("tokenizer", [None, *KINDS])
def test_tags_stand_where_they_stand(
    browser: "Browser", libraries: Path, tmp_path: Path, tokenizer: str | None
) -> None:
    """A highlight that is off by one character, in a text of blanks and accents, is worse than none."""
    family = "bert" if tokenizer in {None, "WordPiece"} else "roberta"
    artifact = write_random_artifact(
        tmp_path / "artifact", task="token-classification", tokenizer=tokenizer, family=family, scheme="w8a32e8"
    )
    texts = [*TEXTS, *ODD]
    found = asked(browser, page_of(artifact, tmp_path / "page", libraries), [{"text": text} for text in texts])
    for text, one, wanted in zip(texts, found, limbeck.load(artifact, threads=1)(texts), strict=True):
        spans = one["answer"]["spans"]
        assert [(span["label"], span["text"]) for span in spans] == [
            (span.label, span.text) for span in wanted.spans
        ], text
        np.testing.assert_allclose(
            [span["probability"] for span in spans], [span.probability for span in wanted.spans], rtol=1e-4
        )


# Not the trained WordPiece: its template gives second texts no segment of their own, and `tokenizers` gives them one
# from the second window on.
@pytest.mark.parametrize("tokenizer", [None, "BPE", "Unigram"])
@pytest.mark.parametrize("threshold", [None, 0.0])
def test_answers_within_long_contexts(
    browser: "Browser", libraries: Path, tmp_path: Path, tokenizer: str | None, threshold: float | None
) -> None:
    """Windows that share other tokens, or another rule for no answer, would give other words of the context."""
    data = {"window_overlap": 8} | ({} if threshold is None else {"no_answer_threshold": threshold})
    artifact = write_random_artifact(
        tmp_path / "artifact",
        task="question-answering",
        tokenizer=tokenizer,
        family="bert" if tokenizer is None else "roberta",
        scheme="w8a32e8",
        data=data,
    )
    asks = [("who?", CONTEXT), ("wake me " * 20, CONTEXT), ("is it good?", "Mum, the naïve café (rain)!"), ("x", "")]
    questions = [{"text": text, "pair": pair} for text, pair in asks]
    found = asked(browser, page_of(artifact, tmp_path / "page", libraries), questions)
    wanted = limbeck.load(artifact, threads=1)(*map(list, zip(*asks, strict=True)))
    assert [one["answer"]["text"] for one in found] == [one.text for one in wanted]
    np.testing.assert_allclose(
        [one["answer"]["probability"] for one in found], [one.probability for one in wanted], rtol=1e-3, atol=1e-6
    )


def test_vectors_passages_and_masks(browser: "Browser", libraries: Path, tmp_path: Path) -> None:
    """Three more tasks, each by its own rule: cosines, an order, the likeliest tokens."""
    vectors = write_random_artifact(tmp_path / "vectors", task="embeddings", family="static")
    others = ["play my song", "wake me at eight", "rain tomorrow"]
    (found,) = asked(browser, page_of(vectors, tmp_path / "p1", libraries), [{"text": "wake me", "others": others}])
    first, *rest = limbeck.load(vectors, threads=1).logits(["wake me", *others]).values
    cosines = [float(first @ one / math.sqrt((first @ first) * (one @ one))) for one in rest]
    told = {one["text"]: one["cosine"] for one in found["answer"]["others"]}
    np.testing.assert_allclose([told[text] for text in others], cosines, atol=1e-3)

    ranks = write_random_artifact(tmp_path / "ranks", task="reranking", scheme="w8a32e8")  # rounds no batches
    (found,) = asked(browser, page_of(ranks, tmp_path / "p2", libraries), [{"text": "wake me", "others": others}])
    ranked = limbeck.load(ranks, threads=1).rank("wake me", others)
    assert [one["index"] for one in found["answer"]["passages"]] == [one.index for one in ranked]

    masks = write_random_artifact(tmp_path / "masks", task="fill-mask", scheme="w8a32e8")
    text = "wake me at [MASK] and play [MASK]"
    (found,) = asked(browser, page_of(masks, tmp_path / "p3", libraries), [{"text": text}])
    (wanted,) = limbeck.load(masks, threads=1)([text])
    for ours, theirs in zip(wanted.masks, found["answer"]["masks"], strict=True):
        assert [one["token"] for one in theirs["tokens"]] == [one.token for one in ours.tokens[:5]]
        np.testing.assert_allclose(
            [one["probability"] for one in theirs["tokens"]], [one.probability for one in ours.tokens[:5]], rtol=1e-3
        )


def test_the_lines_of_the_guide(browser: "Browser", libraries: Path, tmp_path: Path, walked: SmallRun) -> None:
    """Lines that are copied from a guide and fail are worse than none."""
    guide = Path(__file__).parents[2] / "docs" / "guides" / "browser.md"
    block = re.findall(r"^```js\n(.*?)^```$", guide.read_text("utf-8"), re.MULTILINE | re.DOTALL)[-1]
    for name, path in runtime_files(libraries, progress=SILENT).items():
        shutil.copyfile(path, tmp_path / name.rsplit("/", 1)[-1])
    shutil.copytree(walked.run.artifact, tmp_path / "intents")
    (tmp_path / "index.html").write_text('<!doctype html><script type="module" src="lines.js"></script>')
    (tmp_path / "lines.js").write_text(block, encoding="utf-8")
    text = re.search(r'encode\("(.*)"\)', block)
    assert text
    with Served.of(tmp_path) as served:
        page = browser.new_page()
        with page.expect_console_message(lambda one: one.type == "log", timeout=60_000) as told:
            page.goto(served.address)
        page.close()
    assert told.value.text == limbeck.load(walked.run.artifact, threads=1)([text.group(1)])[0].label
