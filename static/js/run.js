// The page of a run: clocks that go on between two events, the path of a node in the picture of the trail, and the
// player of a replay. Everything is there without it; nothing here fetches or renders.

// --- Clocks -----------------------------------------------------------------------------------------------------------
// What came with the page (or with an event) is counted on from the moment it came.
const came = new WeakMap();
const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
const age = (element, at) => {
  const known = came.get(element);
  if (known?.at !== at) came.set(element, { at, since: Date.now() - Number(at) * 1000 });
  return Math.floor((Date.now() - came.get(element).since) / 1000);
};
const tick = () => {
  for (const element of document.querySelectorAll("[data-seconds]")) {
    const seconds = age(element, element.dataset.seconds);
    element.textContent = seconds < 3 ? "" : seconds < 60 ? `${seconds} s` : minutes(seconds);
  }
  for (const element of document.querySelectorAll("[data-clock]")) {
    element.textContent = element.textContent.replace(/\d+:\d\d/, minutes(age(element, element.dataset.clock)));
  }
};
tick();
setInterval(tick, 1000);

// --- The picture of the trail -----------------------------------------------------------------------------------------
// A node that is pointed at, or has the focus, marks all that it leads to and comes from.
const mark = (node) => {
  for (const picture of document.querySelectorAll(".tracks")) picture.classList.toggle("marked", picture.contains(node));
  const path = new Set(node?.dataset.path.split(" "));
  for (const one of document.querySelectorAll(".tracks .node")) one.classList.toggle("on", path.has(one.id));
  for (const line of document.querySelectorAll(".tracks .lines path")) {
    line.classList.toggle("on", line.dataset.ends.split(" ").every((end) => path.has(end)));
  }
};
for (const [enter, leave] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
  addEventListener(enter, (event) => { if (event.target.closest?.(".node")) mark(event.target.closest(".node")); });
  addEventListener(leave, (event) => { if (event.target.closest?.(".node")) mark(document.activeElement?.closest(".node")); });
}
// A query leads to its step, which may be listed below, in a fold; the link leads to the page that lists every step.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#'], .node.search");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  event.preventDefault();
  location.hash = link.hash;
});

// --- What is typed ------------------------------------------------------------------------------------------------------
// The plan is drawn anew while somebody types in it. What is not sent yet stays, and with it the wording that it was made
// from: the server compares that (views/wishes.py). What it sends back as typed is drawn.
const plain = (text) => text.trim().replace(/\s+/g, " ");
htmx.registerExtension("typed", {
  htmx_before_morph_node(_, { oldNode, newNode }) {
    if (!oldNode.matches?.(".wording")) return true;
    const then = newNode.querySelectorAll("textarea");
    return [...oldNode.querySelectorAll("textarea")].every(
      (field, n) => field.value === field.defaultValue || plain(field.value) === plain(then[n].value),
    );
  },
});

// --- Replay -----------------------------------------------------------------------------------------------------------
const STEP_SECONDS = 1.4;
let playing = 0;
const button = () => document.getElementById("play");
const turn = (name) => document.querySelector(`a#${name}`)?.click();
const play = (on) => {
  clearInterval(playing);
  playing = on ? setInterval(() => (document.querySelector("a#next") ? turn("next") : play(false)), STEP_SECONDS * 1000) : 0;
  button().textContent = on ? button().dataset.pause : button().dataset.play;
  button().setAttribute("aria-pressed", String(Boolean(on)));
};
if (button()) {
  button().hidden = false;
  button().addEventListener("click", () => play(!playing));
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches?.("input, textarea, select")) return;
    if (event.key === "ArrowLeft") { play(false); turn("before"); }
    if (event.key === "ArrowRight") { play(false); turn("next"); }
  });
  // The address follows, so that a moment can be kept or sent.
  document.addEventListener("htmx:after:swap", () => {
    history.replaceState(null, "", `?step=${document.getElementById("step").value}`);
  });
}
