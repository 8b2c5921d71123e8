// The page: what is typed goes to the model, and its answer is shown with the milliseconds that it took.

import { Model } from "./asking.js";
import { show } from "./showing.js";
import { bytesInWords, tellLoads } from "./network-log.js";

const WAIT_MS = 80;

const at = (id) => document.getElementById(id);
let model = null;
let timer = 0;
let isAsking = false;
let isNewer = false; // something was typed while the model computed

/** What stands in the fields, or null where there is nothing to ask. */
function question() {
  const text = at("text").value;
  const pair = at("pair");
  const others = at("others");
  const found = { text };
  if (!text.trim()) return null;
  if (others) {
    found.others = others.value.split("\n").filter((line) => line.trim());
    if (!found.others.length) return null;
  }
  if (pair) {
    if (pair.value.trim()) found.pair = pair.value;
    else if (!pair.closest("details")) return null;
  }
  return found;
}

/** Answer what stands there, and again where it changed meanwhile; what was typed in between is never computed. */
async function answer() {
  isNewer = isAsking;
  if (isAsking) return;
  isAsking = true;
  do {
    isNewer = false;
    await answerOnce();
  } while (isNewer);
  isAsking = false;
}

async function answerOnce() {
  const given = question();
  if (!given) {
    at("answer").replaceChildren();
    at("counts").textContent = "";
    return;
  }
  try {
    const found = await model.ask(given);
    if (isNewer) return;
    at("answer").replaceChildren(...show(model.page, given, found.answer));
    // A screen reader hears the answer once, not each bar of it.
    at("spoken").textContent = at("answer").firstElementChild?.textContent ?? "";
    const cut = found.is_cut ? `, cut to ${model.page.max_tokens} at once` : "";
    at("counts").textContent = `${found.ms.toFixed(1)} ms for ${found.n_tokens} tokens${cut}, on one thread`;
  } catch (error) {
    tellFault(error);
  }
}

function tellFault(error) {
  const told = document.createElement("p");
  told.className = "fault";
  told.textContent = error.message;
  at("answer").replaceChildren(told);
  at("counts").textContent = "";
}

function insertMask() {
  const field = at("text");
  field.setRangeText(model.page.mask_token, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function onInput() {
  clearTimeout(timer);
  if (model) timer = setTimeout(answer, WAIT_MS);
}

async function start() {
  at("question").addEventListener("input", onInput);
  at("question").addEventListener("submit", (event) => event.preventDefault());
  try {
    model = await Model.load((loaded, total) => {
      at("loaded").value = loaded / total;
      at("told").textContent = `Loading the model: ${bytesInWords(loaded)} of ${bytesInWords(total)}`;
    });
  } catch (error) {
    tellFault(error);
    return;
  } finally {
    at("loading").hidden = true;
  }
  at("mask")?.addEventListener("click", insertMask);
  tellLoads(model.loads, at("log"), at("sum"));
  document.documentElement.dataset.ready = "yes";
  onInput();
}

start();
// Not on addresses that are neither https nor this machine; there the page works, but not without a network.
navigator.serviceWorker?.register("./service-worker.js").catch(() => {});
