// Fetching the page's large files: kept in the browser once loaded, counted as they come, unpacked here.

const UNPACK = "gzip";
const MAGIC = [0x1f, 0x8b];
const AGAIN = "There may be a newer page: close this one, and open it again.";

/** Name of the cache of this page's large files: pages of one host share their caches' names. */
export function cacheName(place) {
  return `limbeck files of ${new URL(".", place).pathname}`;
}

/**
 * A file of page.json, unpacked: a Uint8Array of file.bytes bytes. Its name carries its version, the beginning of the
 * SHA-256 of what is unpacked, so that no address ever gives another export's file.
 * @param {{name: string, version: string, bytes: number, packed_bytes: number}} file
 * @param {(bytes: number) => void} told hears how many bytes came with each piece.
 */
export async function load(file, told) {
  const address = new URL(file.name, import.meta.url).href;
  const packed = await fetched(address, told);
  // A server that says "Content-Encoding: gzip" of such a file has it unpacked by the browser already.
  const isPacked = packed[0] === MAGIC[0] && packed[1] === MAGIC[1];
  const content = isPacked ? await unpacked(packed) : packed;
  if (content.length !== file.bytes || !(await isOfVersion(content, file.version))) {
    throw new Error(`${file.name} is not the file that belongs to this page. ${AGAIN}`);
  }
  return content;
}

/** Not asked where browsers hash nothing: on addresses that are neither https nor this machine. */
async function isOfVersion(content, version) {
  if (!globalThis.crypto?.subtle) return true;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("").startsWith(version);
}

async function fetched(address, told) {
  const cache = await openedCache();
  const kept = await cache?.match(address);
  const response = kept ?? (await fetch(address));
  if (!response.ok) throw new Error(`${address}: ${response.status} ${response.statusText}. ${AGAIN}`);
  const content = await counted(response, told);
  // A full disk must not keep the page from answering; it will be loaded again next time.
  if (!kept) await cache?.put(address, new Response(content)).catch(() => {});
  return content;
}

/** Nothing where the browser keeps none: on addresses that are neither https nor this machine. */
async function openedCache() {
  try {
    return await caches.open(cacheName(import.meta.url));
  } catch {
    return null;
  }
}

async function counted(response, told) {
  const pieces = [];
  const reader = response.body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    pieces.push(piece.value);
    told(piece.value.length);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

async function unpacked(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream(UNPACK));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
