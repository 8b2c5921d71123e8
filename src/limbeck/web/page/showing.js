// Answers as parts of the page: the likeliest first, texts with what was found in them, numbers.

const SHOWN = 5;
const N_COLOURS = 6;

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** The parts that stand for an answer; see tasks.js for what each task's answer holds. */
export function show(page, question, answer) {
  return SHOWS[page.task](answer, question, page);
}

const SHOWS = {
  classification: ({ label, probabilities }) => {
    const sorted = byProbability(probabilities);
    return [first(`${label}, ${percent(sorted[0].probability)}`), ...shares(sorted, { chosen: (one) => one.label === label })];
  },
  "multi-label": ({ labels, probabilities }) => [
    first(labels.join(", ") || "No label"),
    ...shares(byProbability(probabilities), { chosen: (one) => labels.includes(one.label) }),
  ],
  regression: ({ value }) => [first(value.toFixed(3))],
  reranking: ({ passages }) =>
    list("ol", passages.map((one) => bar(one.text, one.score.toFixed(2), place(one.score, passages.map((other) => other.score))))),
  embeddings: ({ others }) => list("ol", others.map((one) => bar(one.text, one.cosine.toFixed(3), Math.max(0, one.cosine)))),
  "token-classification": ({ text, spans }, question, page) => [marked(text, spans, kindsOf(page.label_names))],
  "question-answering": ({ text, start, end, probability }, question) =>
    text
      ? [first(`${text}, ${percent(probability)}`), marked(question.pair, [{ start, end }], [])]
      : [first(`No answer, ${percent(probability)}`)],
  "fill-mask": ({ masks }, question, page) => {
    if (!masks.length) return [element("p", `Write ${page.mask_token} in the place of a word.`)];
    return masks.flatMap(({ tokens }) =>
      list("ol", tokens.map((one) => bar(one.token, percent(one.probability), one.probability))),
    );
  },
};

function element(kind, text, className = "") {
  const found = document.createElement(kind);
  found.textContent = text;
  found.className = className;
  return found;
}

function first(text) {
  return element("p", text, "first");
}

function list(kind, items) {
  const found = document.createElement(kind);
  found.append(...items);
  return [found];
}

function bar(name, told, share, isChosen = false) {
  const found = element("li", "", isChosen ? "share chosen" : "share");
  found.style.setProperty("--share", percent(share).replace(" ", ""));
  found.append(element("span", name), element("span", told));
  return found;
}

function byProbability(probabilities) {
  return probabilities.toSorted((one, other) => other.probability - one.probability);
}

/** The likeliest, and all others where one asks for them. */
function shares(sorted, { chosen }) {
  const bars = sorted.map((one) => bar(one.label, percent(one.probability), one.probability, chosen(one)));
  if (bars.length <= SHOWN + 1) return list("ul", bars);
  const rest = document.createElement("details");
  rest.append(element("summary", `${bars.length - SHOWN} more labels`), ...list("ul", bars.slice(SHOWN)));
  return [...list("ul", bars.slice(0, SHOWN)), rest];
}

/** Where a number lies between the least and the largest of them. */
function place(value, values) {
  const [least, most] = [Math.min, Math.max].map((chosen) => values.reduce((one, other) => chosen(one, other)));
  return most > least ? (value - least) / (most - least) : 1;
}

function kindsOf(names) {
  return [...new Set(names.filter((name) => name !== "O").map((name) => name.replace(/^[BIELSU]-/u, "")))];
}

/** A text with its spans highlighted, each with its label. */
function marked(text, spans, kinds) {
  const found = element("p", "", "text");
  let at = 0;
  for (const { start, end, label, probability } of spans) {
    found.append(text.slice(at, start));
    const mark = element("mark", text.slice(start, end), `kind-${Math.max(0, kinds.indexOf(label)) % N_COLOURS}`);
    if (label) mark.append(" ", element("small", `${label} ${percent(probability)}`));
    found.append(mark);
    at = end;
  }
  found.append(text.slice(at));
  return found;
}
