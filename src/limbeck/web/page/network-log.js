// What came over the network, by the browser's own count: the page's files, and those that the model's thread loaded.

/** 3659955 -> "3.66 MB" */
export function bytesInWords(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

/**
 * Fill the table of loads.
 * @param {{name: string, bytes: number, ms: number}[]} workerLoads
 * @param {HTMLElement} body of the table
 * @param {HTMLElement} summary gets the sum
 */
export function tellLoads(workerLoads, body, summary) {
  const own = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const loads = [...own.map(({ name, transferSize, duration }) => ({ name, bytes: transferSize, ms: duration })), ...workerLoads];
  const rows = loads
    .toSorted((one, other) => other.bytes - one.bytes)
    .map(({ name, bytes, ms }) => row(new URL(name).pathname.split("/").at(-1) || "./", bytes, ms));
  body.replaceChildren(...rows);
  const total = loads.reduce((sum, { bytes }) => sum + bytes, 0);
  summary.textContent = total ? `What was loaded: ${bytesInWords(total)}` : "What was loaded: nothing, all was kept";
  summary.dataset.bytes = total;
}

function row(name, bytes, ms) {
  const found = document.createElement("tr");
  for (const text of [name, bytes ? bytes.toLocaleString("en") : "kept", ms.toFixed(0)]) {
    const cell = document.createElement("td");
    cell.textContent = text;
    found.append(cell);
  }
  return found;
}
