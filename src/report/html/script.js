"use strict";
(() => {
  const root = document.documentElement, $ = id => document.getElementById(id);
  const table = $("packages"), chosen = $("chosen"), map = $("map");
  root.classList.add("has-script");
  if (!table) return;
  const body = table.tBodies[0], rows = [...body.rows], total = rows.length;
  const text = rows.map(row => row.textContent.toLowerCase());
  const label = row => row.cells[0].textContent + " " + row.cells[1].textContent;
  // Search.
  const search = $("search"), count = $("count");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      const hit = words.every(word => text[at].includes(word));
      row.hidden = !hit;
      if (hit) shown++;
    });
    count.textContent = shown === total ? total + " store paths" : shown + " of " + total + " store paths";
  };
  search.addEventListener("input", filter);
  filter();
  // Sorting.
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    const numeric = head.classList.contains("n");
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const down = now ? now === "ascending" : numeric;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = row => numeric ? Number(row.cells[column].dataset.b || -1) : row.cells[column].textContent;
      const compare = numeric ? (a, b) => a - b : (a, b) => a.localeCompare(b, "en", { numeric: true });
      const sorted = rows.map(row => [key(row), row]).sort((a, b) => compare(a[0], b[0]) * (down ? -1 : 1));
      body.append(...sorted.map(pair => pair[1]));
    });
  });
  // Details of a store path: where it is, and the chain that brings it in.
  const show = row => {
    const chain = [];
    for (let at = row; at && chain.length < 60; at = at.dataset.p === undefined ? null : rows[at.dataset.p]) chain.unshift(label(at));
    const name = document.createElement("b"), sizes = document.createElement("p"), path = document.createElement("code");
    name.textContent = label(row);
    path.textContent = row.title;
    sizes.textContent = [...row.cells].slice(4).map((cell, at) => heads[at + 4].textContent + ": " + cell.textContent).join(" · ");
    const why = document.createElement("p");
    why.textContent = chain.length > 1 ? "Brought in by: " + chain.join(" → ") : "No other store path of the default system refers to it.";
    chosen.replaceChildren(name, document.createElement("br"), path, sizes, why);
  };
  rows[0] && (rows[0].tabIndex = 0);
  let focused = rows[0];
  const focus = row => { focused.tabIndex = -1; focused = row; row.tabIndex = 0; row.focus(); };
  body.addEventListener("click", event => { const row = event.target.closest("tr"); if (row) { focus(row); show(row); } });
  body.addEventListener("keydown", event => {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (step) {
      let next = focused[step];
      while (next && next.hidden) next = next[step];
      if (next) { event.preventDefault(); focus(next); }
    } else if (event.key === "Enter") show(focused);
  });
  // The map: choose, zoom, color.
  if (!map) return;
  const whole = map.getAttribute("viewBox"), out = $("out");
  const tiles = [...map.querySelectorAll(".tile")];
  let current = -1;
  const zoom = box => { map.setAttribute("viewBox", box); out.disabled = box === whole; };
  const choose = at => {
    const tile = tiles[at];
    if (!tile) return;
    tiles.forEach(other => other.classList.remove("on"));
    tile.classList.add("on");
    current = at;
    if (tile.dataset.r !== undefined) show(rows[tile.dataset.r]);
    else chosen.textContent = tile.textContent;
  };
  const near = tile => {
    const [, , width, height] = whole.split(" ").map(Number), box = tile.getBBox();
    const w = Math.min(width, Math.max(width / 8, box.width * 1.6, box.height * 1.6 * width / height)), h = w * height / width;
    const x = Math.min(Math.max(0, box.x + box.width / 2 - w / 2), width - w), y = Math.min(Math.max(0, box.y + box.height / 2 - h / 2), height - h);
    zoom([x, y, w, h].join(" "));
  };
  map.addEventListener("click", event => { const at = tiles.indexOf(event.target.closest(".tile")); if (at >= 0) { if (at === current) near(tiles[at]); choose(at); } });
  map.setAttribute("tabindex", "0");
  map.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); choose(Math.min(tiles.length - 1, Math.max(0, current + step))); }
    else if (event.key === "Enter" && current >= 0) near(tiles[current]);
    else if (event.key === "Escape") zoom(whole);
  });
  out.addEventListener("click", () => zoom(whole));
  $("color").addEventListener("change", event => map.classList.toggle("heat", event.target.value === "added"));
})();
