// What a model computed, as answers: probabilities, tags, spans, cosines. The same rules as in limbeck's tasks.

const LONGEST_ANSWER = 30;
const BEGINS = "BSU";
const ENDS = "ELSU";

/** Of a row of logits; they sum to 1. */
export function softmax(row) {
  const top = row.reduce((most, value) => Math.max(most, value), -Infinity); // a vocabulary is too long to be spread
  const powers = row.map((value) => Math.exp(value - top));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

/** The largest of a row; of equal ones the first. */
export function largest(row) {
  return row.reduce((best, value, index) => (value > row[best] ? index : best), 0);
}

export function sigmoid(value) {
  return 0.5 * (1 + Math.tanh(0.5 * value));
}

export function cosine(one, other) {
  const dot = (left, right) => left.reduce((sum, value, index) => sum + value * right[index], 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

/** By how much a passage fits: the one logit, or that of the second class above that of the first. */
export function score(row) {
  return row.length === 1 ? row[0] : row[1] - row[0];
}

/**
 * Spans of words out of a tag for each word, as conlleval finds them.
 * @param {{label: string, share: number, span: [number, number]}[]} words
 */
export function taggedSpans(words) {
  const found = [];
  let open = null;
  const close = () => {
    if (open) found.push(open);
    open = null;
  };
  for (const { label, share, span } of words) {
    const [prefix, kind] = parsed(label);
    const begins = kind && (BEGINS.includes(prefix) || kind !== open?.label);
    if (open && (begins || !kind)) close();
    if (begins) open = { label: kind, start: span[0], end: span[1], probability: 1 };
    if (open) {
      open.end = span[1];
      open.probability *= share;
      if (ENDS.includes(prefix)) close();
    }
  }
  close();
  return found;
}

function parsed(label) {
  const found = /^([BIELSU])-(.+)$/su.exec(label);
  if (found) return [found[1], found[2]];
  return label === "O" ? ["", ""] : ["I", label];
}

/**
 * The best span of all windows on a context, or none.
 * @param {{starts: number[], ends: number[], spans: [number, number][]}[]} windows of each its first token, which stands
 *   for "no answer", and then those of the context, whose places `spans` tells
 * @param {number | null} threshold what "no answer" must lead by; null where every question has an answer
 */
export function bestSpan(windows, threshold) {
  let best = -Infinity;
  let place = null;
  let nothing = Infinity;
  const scores = [];
  for (const { starts, ends, spans } of windows) {
    nothing = Math.min(nothing, starts[0] + ends[0]);
    for (let first = 0; first < spans.length; first += 1) {
      for (let last = first; last < Math.min(spans.length, first + LONGEST_ANSWER); last += 1) {
        const sum = starts[first + 1] + ends[last + 1];
        scores.push(sum);
        if (sum > best) [best, place] = [sum, [spans[first][0], spans[last][1]]];
      }
    }
  }
  const mayDecline = threshold !== null;
  if (mayDecline) scores.push(nothing);
  const top = scores.reduce((most, value) => Math.max(most, value), -Infinity);
  const total = top + Math.log(scores.reduce((sum, value) => sum + Math.exp(value - top), 0));
  if (place === null || (mayDecline && nothing - best > threshold)) {
    return { span: null, probability: mayDecline ? Math.exp(nothing - total) : 0 };
  }
  return { span: place, probability: Math.exp(best - total) };
}
