// Uploads with progress: the chosen or dropped files are sent one by one, so that each has its own answer and one that
// fails keeps no other. Without this script the form sends them all at once, and the page that comes back says the same.

const form = document.querySelector("form[data-uploads]");
const field = form.querySelector("input[type=file]");
const drop = form.querySelector("[data-drop]");
const progress = form.querySelector("progress");
const button = form.querySelector("button[type=submit]");
const sent = document.querySelector("[data-sent]");
const list = sent.querySelector("ul");

form.querySelector("[data-without-script]").hidden = true;
drop.querySelector(".drop-hint").hidden = false;

function line(file, state, label, why) {
  const item = document.createElement("li");
  const sign = document.createElement("span");
  const name = document.createElement("span");
  sign.className = `state is-${state}`;
  sign.textContent = label;
  name.className = "address";
  name.textContent = file.name;
  item.className = "sent";
  item.append(sign, " ", name);
  if (why) {
    const reason = document.createElement("span");
    reason.className = "why";
    reason.textContent = why;
    item.append(" ", reason);
  }
  return item;
}

function send(file, report) {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "name"]) body.append(name, form.elements[name].value);
    body.append("files", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-One-By-One", "yes");
    request.upload.addEventListener("progress", (event) => report(event.loaded));
    request.addEventListener("load", () => (request.status === 200 ? resolve(request.responseText) : reject()));
    request.addEventListener("error", reject);
    request.send(body);
  });
}

async function sendAll(files) {
  if (!files.length || button.disabled || !form.elements.name.reportValidity()) return;
  const total = files.reduce((bytes, file) => bytes + file.size, 0);
  let before = 0;
  button.disabled = true;
  sent.hidden = progress.hidden = false;
  progress.max = Math.max(1, total);
  progress.value = 0;
  list.replaceChildren();
  for (const file of files) {
    if (file.size > Number(form.dataset.most)) {
      list.append(line(file, "refused", form.dataset.refused, form.dataset.tooLarge));
    } else {
      const item = line(file, "running", form.dataset.sending);
      list.append(item);
      try {
        const answer = document.createElement("template");
        answer.innerHTML = await send(file, (loaded) => { progress.value = before + Math.min(loaded, file.size); });
        item.replaceWith(answer.content);
      } catch {
        item.replaceWith(line(file, "failed", form.dataset.refused, form.dataset.lost));
      }
    }
    before += file.size;
    progress.value = before;
  }
  progress.hidden = true;
  button.disabled = false;
  field.value = "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendAll([...field.files]);
});

for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("is-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  sendAll([...event.dataTransfer.files]);
});
