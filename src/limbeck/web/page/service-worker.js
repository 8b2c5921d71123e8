// Keeps the page for times without a network. Made for one export: another one has another list, and so another version.

const PAGE = {{ page }};
const SMALL = `limbeck page of ${new URL(".", location).pathname}`;
const LARGE = `limbeck files of ${new URL(".", location).pathname}`;

/** The page's own small files; the large ones are put beside them as the page loads them (see loading.js). */
self.addEventListener("install", (event) => event.waitUntil(Promise.all(PAGE.small.map(keep))));

async function keep(name) {
  const cache = await caches.open(`${SMALL} ${PAGE.version}`);
  const response = await fetch(name, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  // Browsers refuse a redirected answer for a page: as of hosts that lead from index.html to the folder.
  const isOwn = !response.redirected;
  await cache.put(name, isOwn ? response : new Response(await response.blob(), { headers: response.headers }));
}

// Neither hurries: pages that are open stay with the version that they began with, and none is changed under them.
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));

async function forgetOthers() {
  for (const name of await caches.keys()) {
    if (name.startsWith(`${SMALL} `) && name !== `${SMALL} ${PAGE.version}`) await caches.delete(name);
  }
  const cache = await caches.open(LARGE);
  const wanted = new Set(PAGE.large.map((name) => new URL(name, location).href));
  for (const request of await cache.keys()) {
    if (!wanted.has(request.url)) await cache.delete(request);
  }
}

/** What is kept comes first, so that all files are of one version; a newer one is taken once all its pages are closed. */
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  event.respondWith(answered(event.request));
});

async function answered(request) {
  const cache = await caches.open(`${SMALL} ${PAGE.version}`);
  const kept = await cache.match(request, { ignoreSearch: true });
  return kept ?? fetch(request);
}
