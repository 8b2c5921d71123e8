// Tokens of a text with the characters that each of them covers, which the tokenizers' own library does not tell.

const SPACE_MARK = "\u2581";
const LOOK_AHEAD = 8;

/**
 * The tokens of a text, without special ones around it, each with its characters.
 * @param {object} tokenizer of @huggingface/tokenizers
 * @param {object} settings tokenizer.json
 * @param {string} text
 * @returns {{ids: number[], spans: [number, number][]}} spans in UTF-16 units of the text: [start, end)
 */
export function placed(tokenizer, settings, text) {
  const ids = [];
  const spans = [];
  for (const section of sections(settings.added_tokens ?? [], text)) {
    if (section.id !== undefined) {
      ids.push(section.id);
      spans.push([section.start, section.end]);
      continue;
    }
    const found = inPlainText(tokenizer, settings, text.slice(section.start, section.end), section.start);
    ids.push(...found.ids);
    spans.push(...found.spans);
  }
  return { ids, spans };
}

/** Added tokens stand in a text as they are written; what lies between them is tokenized. */
function sections(added, text) {
  const byContent = new Map(added.map((token) => [token.content, token]));
  const contents = [...byContent.keys()].filter(Boolean).sort((one, other) => other.length - one.length);
  if (!contents.length) return [{ start: 0, end: text.length }];
  const pattern = new RegExp(contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "g");
  const found = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const token = byContent.get(match[0]);
    const before = token.lstrip ? text.slice(0, match.index).trimEnd().length : match.index;
    if (before > end) found.push({ start: end, end: before });
    found.push({ id: token.id, start: match.index, end: match.index + match[0].length });
    end = match.index + match[0].length;
    if (token.rstrip) end += text.slice(end).length - text.slice(end).trimStart().length;
  }
  if (end < text.length) found.push({ start: end, end: text.length });
  return found;
}

function inPlainText(tokenizer, settings, text, offset) {
  const { content, from } = normalized(tokenizer.normalizer, text);
  const units = splitsBytes(settings.pre_tokenizer) ? byBytes(content) : null;
  const splits = splitsAtBlanks(settings.pre_tokenizer);
  const words = tokenizer.pre_tokenizer ? tokenizer.pre_tokenizer(content, { section_index: 0 }) : [content];
  const ids = [];
  const spans = [];
  let at = units && words.length && addsBlank(words[0], content) ? -1 : 0;
  for (const word of content ? words : []) {
    // A mark of a blank that is none of the word's own characters is counted to the first of them.
    const { begin, isMarked } = units ? { begin: at, isMarked: false } : wordPlace(word, content, at, splits);
    at = begin + word.length;
    for (const [token, first, last] of pieces(tokenizer, settings, word)) {
      ids.push(tokenizer.token_to_id(token) ?? tokenizer.model.unk_token_id);
      const start = Math.max(0, begin + (isMarked ? Math.max(first, 1) : first));
      const end = Math.max(0, begin + (isMarked ? Math.max(last, 2) : last));
      const [firstUnit, lastUnit] = units ? [units[start], units[end - 1]] : [[start, start + 1], [end - 1, end]];
      const [origin, last_origin] = [from[firstUnit?.[0]], from[lastUnit && lastUnit[1] - 1]];
      const stop = end > start && last_origin ? last_origin[1] : (origin?.[0] ?? text.length);
      spans.push([offset + (origin?.[0] ?? text.length), offset + stop]);
    }
  }
  return { ids, spans };
}

/** [token, first, last) of a word's tokens, counted in the word; one that is not spelled out covers all that is left. */
function pieces(tokenizer, settings, word) {
  const prefix = settings.model.continuing_subword_prefix ?? "";
  const tokens = tokenizer.model([word]);
  const found = [];
  let at = 0;
  for (const [index, token] of tokens.entries()) {
    const spelled = prefix && at > 0 && token.startsWith(prefix) ? token.slice(prefix.length) : token;
    const isSpelled = word.startsWith(spelled, at);
    const end = isSpelled ? at + spelled.length : nextPlace(word, tokens[index + 1], at);
    found.push([token, at, end]);
    at = end;
  }
  return found;
}

/** Where the token behind an unknown one begins. */
function nextPlace(word, next, at) {
  const found = next === undefined ? -1 : word.indexOf(next, at + 1);
  return found < 0 ? word.length : found;
}

/** Where a word's first character stands; of a marked one, the place in front of the first behind the mark. */
function wordPlace(word, content, at, splits) {
  const plain = word.replaceAll(SPACE_MARK, " ");
  for (const spelled of splits ? [word] : [word, plain]) {
    const begin = content.indexOf(spelled, at);
    if (begin >= 0 && !content.slice(at, begin).trim()) return { begin, isMarked: false };
  }
  const isMarked = word.startsWith(SPACE_MARK);
  const found = content.indexOf(isMarked ? plain.slice(1) : plain, at);
  return { begin: found < 0 ? at : found - (isMarked ? 1 : 0), isMarked };
}

/** Whether blanks are gone before words are marked. */
function splitsAtBlanks(settings) {
  const atBlanks = settings?.type === "WhitespaceSplit" || (settings?.type === "Split" && settings.invert);
  return atBlanks || (settings?.pretokenizers ?? []).some(splitsAtBlanks);
}

/** The text as the tokenizer reads it, and for each of its units the [start, end) that it came from. */
function normalized(normalizer, text) {
  const bySingle = [];
  let spelled = "";
  let start = 0;
  for (const character of text) {
    const piece = normalizer ? normalizer(character) : character;
    for (let index = 0; index < piece.length; index += 1) bySingle.push([start, start + character.length]);
    spelled += piece;
    start += character.length;
  }
  const content = normalizer ? normalizer(text) : text;
  if (content === spelled) return { content, from: bySingle };
  // Characters that are joined or ordered otherwise beside each other: the nearest one that is alike.
  const from = [];
  let at = 0;
  for (const unit of content) {
    const found = spelled.indexOf(unit, at);
    if (found >= 0 && found - at <= LOOK_AHEAD) at = found;
    const place = bySingle[Math.min(at, bySingle.length - 1)] ?? [0, text.length];
    for (let index = 0; index < unit.length; index += 1) from.push(place);
    if (found === at) at += unit.length;
  }
  return { content, from };
}

function splitsBytes(settings) {
  return settings?.type === "ByteLevel" || (settings?.pretokenizers ?? []).some(splitsBytes);
}

function addsBlank(word, content) {
  return word.startsWith("\u0120") && !content.startsWith(" ");
}

/** For each byte of UTF-8 the units [start, end) of the character that it belongs to. */
function byBytes(content) {
  const found = [];
  let place = 0;
  for (const character of content) {
    const n_bytes = new TextEncoder().encode(character).length;
    for (let index = 0; index < n_bytes; index += 1) found.push([place, place + character.length]);
    place += character.length;
  }
  return found;
}
