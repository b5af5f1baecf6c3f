// Small conveniences. Every page works without them: nothing here fetches, renders or decides.

// Switch between light and dark, and remember it.
const root = document.documentElement;
for (const button of document.querySelectorAll("[data-theme-toggle]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it lasts for this page only */ }
  });
}

// Enter sends what was typed, Shift+Enter makes a new line: by the button that is named, or by the form's own. While an
// input method composes, Enter belongs to it.
addEventListener("keydown", (event) => {
  const by = event.target instanceof HTMLTextAreaElement ? event.target.dataset.enterSubmits : undefined;
  if (by === undefined || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (by) document.getElementById(by).click(); else event.target.form.requestSubmit();
});

// A form is sent once: a second Enter must not ask twice. Coming back to the page opens it again.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => { delete form.dataset.sent; });
}

// A suggested question goes into the field, so that it can be changed before it is asked.
for (const link of document.querySelectorAll("a[data-fill]")) {
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    const field = document.getElementById(link.dataset.fill);
    event.preventDefault();
    field.value = link.textContent.trim();
    field.focus();
  });
}

// Copy the link. Without the clipboard (plain http on a network) it is at least selected.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = button.dataset.copied;
    } catch { field.focus(); }
  });
}

// Escape closes what hovers: the quote of a citation (WCAG 1.4.13), the account menu, the choices of going on.
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  root.classList.add("no-pops");
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
for (const kind of ["pointerover", "focusin"]) {
  addEventListener(kind, (event) => {
    if (event.target instanceof Element && event.target.closest(".cite")) root.classList.remove("no-pops");
  });
}
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// A table is sorted by a column's head: up, then down. Numbers count as numbers, empty cells come last.
const order = new Intl.Collator(document.documentElement.lang, { numeric: true });
function sort(table, column) {
  const head = table.tHead.rows[0].cells[column];
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const said = (row) => row.cells[column].querySelector(".no-value") ? "" : row.cells[column].textContent.trim();
  const rows = [...table.tBodies[0].rows].sort((one, other) => {
    const [a, b] = [said(one), said(other)];
    if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
    return down ? order.compare(b, a) : order.compare(a, b);
  });
  table.tBodies[0].append(...rows);
}
function sortable(within) {
  for (const table of within.querySelectorAll("table[data-sortable]:not([data-ready])")) {
    table.dataset.ready = "yes";
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      button.addEventListener("click", () => sort(table, column));
      cell.replaceChildren(button);
    });
  }
}
sortable(document);
new MutationObserver(() => sortable(document)).observe(document.body, { childList: true, subtree: true });
