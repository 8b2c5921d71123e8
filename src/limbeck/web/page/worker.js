// The model in a thread of its own: loads it, and answers one question at a time, so that typing never waits.

import * as ort from "./onnxruntime.js";
import { load } from "./loading.js";
import { Reader } from "./reading.js";
import { ask } from "./tasks.js";

const ADDRESS = new URL("page.json", import.meta.url);
const ERRORS_ONLY = 3;
const WARM_UP_MS = 250;

let model = null;

async function start() {
  const page = await (await fetch(ADDRESS)).json();
  const files = Object.values(page.files);
  const total = files.reduce((sum, file) => sum + file.packed_bytes, 0);
  let loaded = 0;
  const told = (bytes) => {
    loaded += bytes;
    postMessage({ kind: "loading", loaded, total });
  };
  const [runtime, graph, settings, config] = await Promise.all(
    ["runtime", "model", "tokenizer", "tokenizer_config"].map((name) => load(page.files[name], told)),
  );
  const parsed = [settings, config].map((content) => JSON.parse(new TextDecoder().decode(content)));
  ort.env.wasm.numThreads = 1; // more need headers that plain servers do not send, and small models gain nothing
  ort.env.wasm.wasmBinary = runtime.buffer;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(graph, {
    executionProviders: ["wasm"],
    logSeverityLevel: ERRORS_ONLY,
  });
  const output = ["logits", "sentence_embedding"].find((name) => session.outputNames.includes(name));
  model = { page, reader: new Reader(...parsed, page.max_tokens), run: (row) => run(session, output, row) };
  await warmUp(page.warm_up);
  postMessage({ kind: "ready", page, loads: performance.getEntriesByType("resource").map(logged) });
}

/** The logits of one row of tokens: {values, width}, rows of the last axis one after the other. */
async function run(session, output, { ids, types }) {
  const given = { input_ids: ids, attention_mask: ids.map(() => 1), token_type_ids: types };
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => [
      name,
      new ort.Tensor("int64", BigInt64Array.from(given[name], BigInt), [1, ids.length]),
    ]),
  );
  const found = (await session.run(feeds, [output]))[output];
  return { values: Array.from(found.data), width: found.dims.at(-1) };
}

/** Browsers compile what runs often once more, for speed: the first answers take several times as long as later ones. */
async function warmUp(question) {
  const end = performance.now() + WARM_UP_MS;
  do await ask(model, question);
  while (performance.now() < end);
}

function logged(entry) {
  return { name: entry.name, bytes: entry.transferSize, ms: entry.duration };
}

async function answered({ number, question }) {
  try {
    postMessage({ kind: "answer", number, ...(await ask(model, question)) });
  } catch (error) {
    postMessage({ kind: "fault", number, message: error.message });
  }
}

let last = Promise.resolve();
onmessage = ({ data }) => {
  last = last.then(() => answered(data)); // a session runs one row at a time
};

start().catch((error) => postMessage({ kind: "broken", message: error.message }));
