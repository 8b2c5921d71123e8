// Texts to token ids as limbeck reads them: special tokens, both texts of a pair, the length limit, windows, words.

import { Tokenizer } from "./tokenizers.js";
import { placed } from "./places.js";

const UNPARTED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff";
const LETTER = `[\\p{L}\\p{N}_]`;
// Python's \w and \s: letters and numbers without combining marks; blanks as there, of which \s here has others.
const BLANK = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const IS_BLANK = new RegExp(`^[${BLANK}]$`, "u");
const WORD = new RegExp(
  `[${UNPARTED}]|(?![${UNPARTED}])${LETTER}(?:[^${BLANK}${UNPARTED}]*(?![${UNPARTED}])${LETTER})?|[^\\p{L}\\p{N}_${BLANK}]`,
  "gu",
);
const PROBE = "a";

export class Reader {
  /**
   * @param {object} settings tokenizer.json
   * @param {object} config tokenizer_config.json
   * @param {number} maxTokens longer texts are cut
   */
  constructor(settings, config, maxTokens) {
    this.settings = settings;
    this.tokenizer = new Tokenizer(settings, config);
    this.maxTokens = maxTokens;
    this.cutsLeft = config.truncation_side === "left";
    const inputs = config.model_input_names;
    this.hasSegments = !Array.isArray(inputs) || inputs.includes("token_type_ids");
    this.frame = this.#frame();
  }

  /** One text or a pair: {ids, types, isCut}. */
  text(text, pair = null) {
    const first = this.#bare(text);
    if (pair === null) {
      const room = this.maxTokens - this.frame.before.length - this.frame.behind.length;
      return this.#framed(this.#cut(first, room), null, first.length > room);
    }
    const second = this.#bare(pair);
    const [n_first, n_second] = shares(first.length, second.length, this.#pairRoom());
    const isCut = n_first < first.length || n_second < second.length;
    return this.#framed(this.#cut(first, n_first), this.#cut(second, n_second), isCut);
  }

  /** Plain text by its words; `tokens` says which token answers for which word, [start, end) in the text. */
  words(text) {
    const words = [...text.matchAll(WORD)].map((found) => [found.index, found.index + found[0].length]);
    const joined = words.map(([start, end]) => text.slice(start, end)).join(" ");
    const owner = words.flatMap(([start, end], index) => [...Array(end - start).fill(index), -1]);
    const { ids, spans } = placed(this.tokenizer, this.settings, joined);
    const room = this.maxTokens - this.frame.before.length - this.frame.behind.length;
    const from = this.cutsLeft ? Math.max(0, ids.length - room) : 0;
    const kept = this.#cut(ids, room);
    const tokens = [];
    let last = -1;
    kept.forEach((_, index) => {
      const start = withoutBlanks(joined, spans[from + index]);
      const word = start < spans[from + index][1] ? (owner[start] ?? -1) : -1;
      if (word < 0 || word === last) return;
      last = word;
      tokens.push({ token: this.frame.before.length + index, span: words[word] });
    });
    return { ...this.#framed(kept, null, ids.length > room), tokens };
  }

  /** Windows on a context, each behind the question; `tokens` of each as in `words`, in the context. */
  windows(question, context, overlap) {
    const longest = Math.max(1, Math.floor(this.maxTokens / 4));
    const { ids, isCut } = this.#question(question, longest);
    const within = placed(this.tokenizer, this.settings, context);
    const room = this.#pairRoom() - ids.length;
    const least = this.#pairRoom() - longest;
    const step = room - Math.max(0, Math.min(overlap, Math.floor(this.maxTokens / 2), Math.floor((least * 3) / 4)));
    const windows = [];
    for (let start = 0; start === 0 || start - step + room < within.ids.length; start += step) {
      const part = within.ids.slice(start, start + room);
      const framed = this.#framed(ids, part, isCut);
      const offset = this.frame.before.length + ids.length + this.frame.middle.length;
      const tokens = part
        .map((_, index) => ({ token: offset + index, span: within.spans[start + index] }))
        .map(({ token, span }) => ({ token, span: [Math.min(withoutBlanks(context, span), span[1]), span[1]] }))
        .filter(({ span }) => span[0] < span[1]);
      windows.push({ ...framed, tokens });
    }
    return windows;
  }

  /** How a token is written. */
  written(id) {
    return this.tokenizer.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false }).trim();
  }

  /** A question's tokens, `longest` at most: a shorter text may be cut into other pieces. */
  #question(question, longest) {
    let asked = placed(this.tokenizer, this.settings, question);
    const isCut = asked.ids.length > longest;
    let text = question;
    while (asked.ids.length > longest) {
      text = text.slice(0, Math.min(asked.spans[longest - 1][1], lastCharacter(text)));
      asked = placed(this.tokenizer, this.settings, text);
    }
    return { ids: this.#bare(text), isCut };
  }

  #bare(text) {
    return this.tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  #cut(ids, room) {
    if (ids.length <= room) return ids;
    return this.cutsLeft ? ids.slice(ids.length - room) : ids.slice(0, room);
  }

  #pairRoom() {
    return this.maxTokens - this.frame.before.length - this.frame.middle.length - this.frame.end.length;
  }

  #framed(first, second, isCut) {
    const { before, behind, middle, end, secondType } = this.frame;
    if (second === null) {
      const ids = [...before, ...first, ...behind];
      return { ids, types: ids.map(() => 0), isCut };
    }
    const head = [...before, ...first, ...middle];
    const tail = [...second, ...end];
    return { ids: [...head, ...tail], types: [...head.map(() => 0), ...tail.map(() => secondType)], isCut };
  }

  /** What stands before, between and behind texts, looked up in what the tokenizer makes of a letter. */
  #frame() {
    const bare = this.#bare(PROBE);
    const single = this.tokenizer.encode(PROBE).ids;
    const start = place(single, bare, 0);
    const pair = this.tokenizer.encode(PROBE, { text_pair: PROBE, return_token_type_ids: true });
    const first = place(pair.ids, bare, 0) + bare.length;
    const second = place(pair.ids, bare, first);
    // The library gives the second text a segment of its own here, where `tokenizers` gives it none.
    const isRoberta = this.settings.post_processor?.type === "RobertaProcessing";
    return {
      before: single.slice(0, start),
      behind: single.slice(start + bare.length),
      middle: pair.ids.slice(first, second),
      end: pair.ids.slice(second + bare.length),
      secondType: this.hasSegments && !isRoberta ? (pair.token_type_ids?.[second] ?? 0) : 0,
    };
  }
}

function place(ids, part, from) {
  for (let at = from; at + part.length <= ids.length; at += 1) {
    if (part.every((id, index) => ids[at + index] === id)) return at;
  }
  throw new Error("This tokenizer puts no single frame around texts.");
}

/** How many tokens of each text of a pair are kept: the longer one is cut first. */
function shares(first, second, room) {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  let longer = shorter > room ? shorter : Math.max(shorter, room - shorter);
  let kept = shorter;
  if (kept + longer > room) {
    kept = Math.floor(room / 2);
    longer = kept + (room % 2);
  }
  return first <= second ? [kept, longer] : [longer, kept];
}

/** Where the last character of a text begins, in UTF-16 units. */
function lastCharacter(text) {
  return text.length - (text.codePointAt(text.length - 2) > 0xffff ? 2 : 1);
}

/** Where a token begins behind the blank that some tokenizers count to it. */
function withoutBlanks(text, [start, end]) {
  let at = start;
  while (at < end && IS_BLANK.test(text[at])) at += 1;
  return at;
}
