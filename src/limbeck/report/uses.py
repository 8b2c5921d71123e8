"""What a model card says of each task: what the artifact is, and how its answers are read."""

from dataclasses import dataclass, replace

_LABELS = (
    'with open("config.json", encoding="utf-8") as stream:',
    '    labels = json.load(stream)["id2label"]',
)

_MASK = "[MASK]"


@dataclass(frozen=True)
class Use:
    """One task.

    Args:
        kind: "A text classifier".
        answer: What an answer holds, as an example prints it.
        lines: Python that turns `logits` of one text into an answer.
        limit: What a user must know.
        output: The graph's.
        pipeline: What transformers.js calls the task, where not as the hub does.
        call: What an example iterates over.
        given: One text or pair, as a tokenizer is called with it.
        reader: The library that reads the float32 student.
        reads_on: Whether what is longer than one window is read on in others.
    """

    kind: str
    answer: str
    lines: tuple[str, ...]
    limit: str
    output: str = "logits"
    pipeline: str = ""
    call: str = 'model(["a first text", "a second text"])'
    given: str = '"a text"'
    reader: str = "Transformers"
    reads_on: bool = False

    def with_mask(self, mask: str | None) -> "Use":
        """The same, for a tokenizer whose mask is written so."""
        if mask is None:
            return self
        lines = tuple(line.replace(_MASK, mask) for line in self.lines)
        return replace(self, call=self.call.replace(_MASK, mask), given=self.given.replace(_MASK, mask), lines=lines)

    @property
    def needs_labels(self) -> bool:
        """Whether the lines read config.json."""
        return _LABELS[0] in self.lines


USES = {
    "classification": Use(
        "A text classifier",
        "answer.label, answer.probability",
        (*_LABELS, "print(labels[str(int(logits[0].argmax()))])"),
        "It knows its own labels only, and gives one of them to every text, also to a text that fits none.",
    ),
    "multi-label": Use(
        "A multi-label text classifier",
        "answer.labels",
        (*_LABELS, "print([labels[str(index)] for index in np.flatnonzero(logits[0] >= 0)])"),
        "It knows its own labels only; a text that fits none of them may still be given some.",
    ),
    "regression": Use(
        "A model that gives a text a number",
        "answer.value",
        ("print(float(logits[0, 0]))",),
        "Its numbers lie on the scale that its teacher learned, and mean nothing on another.",
    ),
    "embeddings": Use(
        "A sentence embedding model",
        "answer.vector",
        ("print(sentence_embedding[0])",),
        "Its vectors are near its teacher's, but not the same: an index must be made anew with them.",
        output="sentence_embedding",
        pipeline="feature-extraction",
        reader="sentence-transformers",
    ),
    "reranking": Use(
        "A reranker",
        "answer.score, answer.text",
        ("print(float(logits[0, -1] - (logits[0, 0] if logits.shape[1] == 2 else 0)))",),
        "Its scores put the passages of one query in order; scores of different queries say nothing about each other.",
        call='model.rank("a query", ["a passage", "another passage"])',
        given='"a query", "a passage"',
        reader="sentence-transformers",
    ),
    "token-classification": Use(
        "A model that finds names and other spans in texts",
        "answer.spans",
        (
            *_LABELS,
            "tags = [labels[str(tag)] for tag in logits[0].argmax(axis=1)]",
            "print(list(zip(encoding.tokens, tags)))",
        ),
        "It knows its own types of spans only; plain texts are parted into words by rules that may not be those of the "
        'texts that it learned from, so give words where you have them: model([["two", "words"]]).',
    ),
    "question-answering": Use(
        "A model that answers questions with a part of a text",
        "answer.text, answer.probability",
        (
            "places = [place for place, source in enumerate(encoding.sequence_ids) if source == 1]",
            "begins, ends = logits[0, places].T",
            "scores = begins[:, None] + ends + np.where(np.tri(len(places), k=-1), -np.inf, 0)",
            "first, last = (places[place] for place in np.unravel_index(scores.argmax(), scores.shape))",
            'print("a context"[encoding.offsets[first][0] : encoding.offsets[last][1]])',
        ),
        "Its answer is a piece of the context, also where the context holds none, unless it learned to decline.",
        call='model(["a question"], ["a context"])',
        given='"a question", "a context"',
        reads_on=True,
    ),
    "fill-mask": Use(
        "A general text encoder with the head of a masked language model",
        "answer.masks[0].tokens[0].token",
        (
            'place = encoding.ids.index(tokenizer.token_to_id("[MASK]"))',
            "print([tokenizer.decode([int(token)]) for token in np.argsort(-logits[0, place])[:5]])",
        ),
        "It knows language and no task: fine-tune it on labelled texts, as with "
        "`limbeck teach --encoder this-folder --data labelled.jsonl`. What it puts in the place of a mask is what its "
        "training texts make likely, true or not.",
        call='model(["wake me at [MASK]", "it is [MASK] today"])',
        given='"wake me at [MASK]"',
    ),
}
