// Searching the changed answers. The page is complete without it: the search field only shows where this runs.
(() => {
  const filter = document.querySelector(".filter");
  if (!filter) return;
  const field = filter.querySelector("input");
  const told = filter.querySelector("output");
  const groups = [...document.querySelectorAll(".group")].map((group) => ({
    group,
    wasOpen: group.open,
    pair: group.querySelector(".pair").textContent.toLowerCase(),
    rows: [...group.querySelectorAll("tbody tr")].map((row) => ({ row, words: row.textContent.toLowerCase() })),
  }));
  const all = groups.reduce((sum, { rows }) => sum + rows.length, 0);
  const search = () => {
    const wanted = field.value.trim().toLowerCase();
    let found = 0;
    for (const { group, wasOpen, pair, rows } of groups) {
      let foundHere = 0;
      for (const { row, words } of rows) {
        row.hidden = !(words.includes(wanted) || pair.includes(wanted));
        if (!row.hidden) foundHere += 1;
      }
      group.hidden = foundHere === 0 && wanted !== "";
      group.open = wanted === "" ? wasOpen : foundHere > 0;
      found += foundHere;
    }
    told.textContent = wanted === "" ? "" : `${found.toLocaleString("en")} of ${all.toLocaleString("en")} shown`;
  };
  field.addEventListener("input", search);
  filter.hidden = false;
})();
