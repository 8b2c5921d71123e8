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
  const words = content ? (tokenizer.pre_tokenizer ? tokenizer.pre_tokenizer(content, { section_index: 0 }) : [content]) : [];
  const isBytes = splitsBytes(settings.pre_tokenizer);
  const from_byte = isBytes ? bytePlaces(content) : null;
  const ids = [];
  const spans = [];
  let at = isBytes && words.length && addsBlank(words[0], content) ? -1 : 0;
  for (const word of words) {
    const begin = isBytes ? at : wordPlace(word, content, at);
    const lead = isBytes || !word.startsWith(SPACE_MARK) || content.startsWith(word, begin) ? 0 : 1;
    at = begin + word.length - lead;
    for (const [token, first, last] of pieces(tokenizer, settings, word)) {
      ids.push(tokenizer.token_to_id(token) ?? tokenizer.model.unk_token_id);
      const places = [begin + first - lead, begin + last - lead].map((place) => Math.max(0, place));
      const [start, end] = isBytes ? places.map((place) => from_byte[Math.min(place, from_byte.length - 1)]) : places;
      const stop = end > start ? from[end - 1][1] : (from[start]?.[0] ?? text.length);
      spans.push([offset + (from[start]?.[0] ?? text.length), offset + stop]);
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

function wordPlace(word, content, at) {
  const plain = word.replaceAll(SPACE_MARK, " ");
  const whole = content.indexOf(word, at);
  const found = whole >= 0 ? whole : content.indexOf(plain, at);
  if (found >= 0) return found;
  const core = content.indexOf(plain.trimStart(), at);
  return core < 0 ? at : core;
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

/** For each byte of UTF-8, and for the end, the unit of the text that it belongs to; a character ends with its last byte. */
function bytePlaces(content) {
  const found = [];
  let place = 0;
  for (const character of content) {
    const n_bytes = new TextEncoder().encode(character).length;
    for (let index = 0; index < n_bytes; index += 1) found.push(place);
    place += character.length;
  }
  return [...found, place];
}
