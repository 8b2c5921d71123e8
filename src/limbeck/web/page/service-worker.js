// Keeps the page for times without a network. Made for one export: another one has another list, and so another version.

const PAGE = {{ page }};
const SMALL = `limbeck page of ${new URL(".", location).pathname}`;
const LARGE = `limbeck files of ${new URL(".", location).pathname}`;

/** The page's own small files; the large ones are put beside them as the page loads them (see loading.js). */
self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(`${SMALL} ${PAGE.version}`)
      .then((cache) => cache.addAll(PAGE.small.map((name) => new Request(name, { cache: "no-cache" }))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

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

/** What is kept comes first, so that all files are of one version; a newer one is taken at the next visit. */
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
