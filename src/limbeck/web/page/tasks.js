// One question of each task: what is read of it, what the model is run on, and what is made of its logits.

import { bestSpan, cosine, largest, score, sigmoid, softmax, taggedSpans } from "./answers.js";

const SHOWN_TOKENS = 5;

/**
 * Answer a question.
 * @param {{page: object, reader: Reader, run: function}} model
 * @param {{text: string, pair?: string, others?: string[]}} question `pair` is a second text or a context; `others` are
 *   passages to put in order, or texts to compare with the first one
 * @returns {Promise<{answer: object, ms: number, n_tokens: number, is_cut: boolean}>}
 */
export async function ask(model, question) {
  const started = performance.now();
  const counts = { n_tokens: 0, is_cut: false };
  const run = async (row) => {
    counts.n_tokens += row.ids.length;
    counts.is_cut ||= row.isCut;
    return model.run(row);
  };
  const answer = await TASKS[model.page.task]({ ...model, run }, question);
  return { answer, ms: performance.now() - started, ...counts };
}

const TASKS = {
  classification: async (model, question) => {
    const logits = await ofText(model, question);
    const label = model.page.label_names[largest(logits)];
    return { label, logits, probabilities: named(model, softmax(logits)) };
  },
  "multi-label": async (model, question) => {
    const logits = await ofText(model, question);
    const labels = model.page.label_names.filter((_, index) => logits[index] >= 0);
    return { labels, logits, probabilities: named(model, logits.map(sigmoid)) };
  },
  regression: async (model, question) => {
    const logits = await ofText(model, question);
    return { value: logits[0], logits };
  },
  reranking: async (model, { text, others }) => {
    const found = [];
    for (const [index, passage] of others.entries()) {
      found.push({ index, text: passage, score: score(await ofText(model, { text, pair: passage })) });
    }
    return { passages: found.toSorted((one, other) => other.score - one.score) };
  },
  embeddings: async (model, { text, others = [] }) => {
    const vector = await ofText(model, { text });
    const found = [];
    for (const [index, other] of others.entries()) {
      found.push({ index, text: other, cosine: cosine(vector, await ofText(model, { text: other })) });
    }
    return { vector, others: found.toSorted((one, other) => other.cosine - one.cosine) };
  },
  "token-classification": async (model, { text }) => {
    const read = model.reader.words(text);
    const rows = rowsOf(await model.run(read));
    const words = read.tokens.map(({ token, span }) => {
      const shares = softmax(rows(token));
      const tag = largest(shares);
      return { label: model.page.label_names[tag], share: shares[tag], span };
    });
    return { text, spans: taggedSpans(words).map((span) => ({ ...span, text: text.slice(span.start, span.end) })) };
  },
  "question-answering": async (model, { text, pair }) => {
    const windows = [];
    for (const window of model.reader.windows(text, pair, model.page.window_overlap)) {
      const rows = rowsOf(await model.run(window));
      const values = [0, ...window.tokens.map(({ token }) => token)].map(rows);
      const spans = window.tokens.map(({ span }) => span);
      windows.push({ starts: values.map((row) => row[0]), ends: values.map((row) => row[1]), spans });
    }
    const { span, probability } = bestSpan(windows, model.page.no_answer_threshold);
    const [start, end] = span ?? [null, null];
    return { text: span ? pair.slice(start, end) : "", start, end, probability };
  },
  "fill-mask": async (model, { text }) => {
    const mask = model.reader.tokenizer.token_to_id(model.page.mask_token);
    const read = model.reader.text(text);
    const rows = rowsOf(await model.run(read));
    const places = read.ids.flatMap((id, index) => (id === mask ? [index] : []));
    return { masks: places.map((index) => ({ tokens: likeliest(model, softmax(rows(index))) })) };
  },
};

/** The logits of one text or pair. */
async function ofText(model, { text, pair = null }) {
  return (await model.run(model.reader.text(text, pair))).values;
}

/** Number of a token -> its logits. */
function rowsOf({ values, width }) {
  return (token) => values.slice(token * width, (token + 1) * width);
}

function named(model, shares) {
  return shares.map((probability, index) => ({ label: model.page.label_names[index], probability }));
}

function likeliest(model, shares) {
  const order = shares.map((_, id) => id).toSorted((one, other) => shares[other] - shares[one]);
  return order.slice(0, SHOWN_TOKENS).map((id) => ({ token: model.reader.written(id), probability: shares[id] }));
}
