// Keywords as chips over a textarea with one a line, and the preview of what they match. Without this file the textarea is
// the field, and buttons of the form do the same. What somebody has typed is changed by that person only.
const form = document.querySelector("form[data-preview]");
const area = form.elements.keywords;
const [status, feedback, readings, panel] = ["status", "feedback", "readings", "panel"].map((id) => document.getElementById(id));
const WAIT = 300; // milliseconds without a key
let chosen = linesOf(area.value);
let place = null; // of a chip that is being edited, among the chosen
let counts = countsIn(readings); // of a page that has come with its preview
let problems = new Set();

const box = document.createElement("div");
box.className = "chips";
box.innerHTML = '<ul aria-label="Your keywords"></ul><input autocomplete="off" autocapitalize="none" spellcheck="false" enterkeyhint="enter"><button class="btn second tiny" type="button" hidden>Add</button>';
const [list, input, add] = box.children;
input.maxLength = area.maxLength;
for (const name of ["aria-describedby", "aria-invalid"]) if (area.hasAttribute(name)) input.setAttribute(name, area.getAttribute(name));
area.hidden = true;
area.removeAttribute("id");
input.id = "keywords"; // for the label, and for links of errors
area.after(box);

function linesOf(text) {
  return text.split(/\r\n|\r|\n/).map((line) => line.trim()).filter(Boolean);
}
function countsIn(part) {
  return new Map([...part.querySelectorAll("li[data-count]")].map((item) => [item.dataset.keyword, item.dataset.count]));
}
function withPending() {
  const pending = input.value.trim();
  const lines = [...chosen];
  if (pending) lines.splice(place ?? lines.length, 0, pending); // unfinished text is a keyword, too
  return lines;
}
function keep() {
  area.value = withPending().join("\n");
  add.hidden = !input.value.trim();
  input.placeholder = chosen.length ? "" : "For example: world model";
}
function draw() {
  let color = 0;
  list.replaceChildren(...chosen.map((keyword, position) => {
    const item = Object.assign(document.createElement("li"), { className: problems.has(keyword) ? "chip bad" : `chip k${color++ % 6}` });
    const text = Object.assign(document.createElement("button"), { type: "button", textContent: keyword, dir: "auto" });
    text.setAttribute("aria-label", problems.has(keyword) ? `Correct ${keyword}` : `Edit ${keyword}`);
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "x", textContent: "×" });
    remove.setAttribute("aria-label", `Remove ${keyword}`);
    text.addEventListener("click", () => edit(keyword));
    remove.addEventListener("click", () => { chosen.splice(position, 1); place = null; change(); input.focus(); });
    item.append(text);
    if (counts.has(keyword)) item.append(Object.assign(document.createElement("small"), { textContent: counts.get(keyword), title: "Recent papers" }));
    item.append(remove);
    return item;
  }));
}
function take(keywords = [input.value]) {
  for (const keyword of keywords.map((line) => line.trim())) {
    if (!keyword || chosen.includes(keyword)) continue;
    chosen.splice(place ?? chosen.length, 0, keyword);
    if (place !== null) place += 1;
  }
  place = null;
  input.value = "";
}
function edit(keyword) {
  take();
  place = chosen.indexOf(keyword);
  chosen.splice(place, 1);
  input.value = keyword;
  change();
  input.focus();
}
function change() {
  draw();
  keep();
  schedule();
}

input.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  if (event.key === "Enter") {
    event.preventDefault();
    if (input.value.trim()) { take(); change(); } else if (chosen.length) form.elements.email?.focus(); // a second Enter goes on
  } else if (event.key === "Backspace" && !input.value && chosen.length) {
    event.preventDefault();
    edit(chosen.at(-1));
  }
});
input.addEventListener("input", () => { keep(); schedule(); });
input.addEventListener("change", schedule); // what was unfinished has an error now
input.addEventListener("paste", (event) => {
  const pasted = event.clipboardData.getData("text");
  if (!/[\r\n]/.test(pasted)) return;
  event.preventDefault();
  const [start, end] = [input.selectionStart, input.selectionEnd];
  take(linesOf(input.value.slice(0, start) + pasted + input.value.slice(end)));
  change();
});
add.addEventListener("click", () => { take(); change(); input.focus(); });
box.addEventListener("click", (event) => { if (event.target === box || event.target === list) input.focus(); });
form.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=add], button[name=replace]");
  if (!button) return;
  event.preventDefault();
  take();
  const [keyword, replaced] = button.value.split(/\r?\n/).reverse();
  const old = chosen.indexOf(replaced);
  if (old >= 0 && !chosen.includes(keyword)) chosen[old] = keyword; else take([keyword]);
  change();
  input.focus();
});
form.addEventListener("submit", keep);
form.addEventListener("change", (event) => { if (["cap", "frequency"].includes(event.target.name)) schedule(); });
// A page that the browser brings back has its text in the textarea: take it up again.
addEventListener("pageshow", () => {
  if (area.value === withPending().join("\n")) return;
  chosen = linesOf(area.value);
  input.value = "";
  place = null;
  change();
});

// Preview: one request at a time; a newer one aborts it.
let timer, running;
function schedule() {
  clearTimeout(timer);
  timer = setTimeout(preview, WAIT);
}
async function preview() {
  clearTimeout(timer);
  running?.abort();
  const request = (running = new AbortController());
  panel.setAttribute("aria-busy", "true");
  try {
    // The number of papers and how often they come tell what is too broad.
    const body = new URLSearchParams({ keywords: area.value, cap: form.elements.cap.value, frequency: form.elements.frequency.value });
    const response = await fetch(form.dataset.preview, { method: "POST", body, signal: request.signal });
    if (response.status !== 200) throw new Error(response.status);
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch (error) {
    if (error.name === "AbortError") return;
    say(error.message === "429" ? "Preview is paused for a moment. You can still subscribe." : "Preview isn’t available right now. You can still subscribe.");
  }
  if (running === request) panel.removeAttribute("aria-busy");
}
function say(text) {
  if (status.textContent !== text) status.textContent = text;
}
function show(page) {
  const faults = [...page.querySelectorAll("[data-line]")].map((fault) => fault.dataset.line);
  const unfinished = document.activeElement === input ? input.value.trim() : "";
  if (faults.length && faults.every((line) => line === unfinished)) return; // not until it is finished
  problems = new Set(faults);
  counts = countsIn(page);
  document.getElementById("keywords-fault")?.remove();
  for (const part of [feedback, readings, panel]) replace(part, page.getElementById(part.id));
  const error = document.getElementById("keywords-live");
  input.toggleAttribute("aria-invalid", false);
  if (error) input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", error ? "keywords-hint keywords-live" : "keywords-hint");
  box.classList.toggle("bad", Boolean(error));
  const sentence = page.getElementById("status");
  if (status.textContent.trim() !== sentence.textContent.trim()) status.replaceChildren(...sentence.childNodes);
  const bar = panel.querySelector(".bar");
  if (bar) document.querySelector("body > .bar")?.replaceChildren(...bar.cloneNode(true).childNodes);
  drawInPlace();
}
// An answer neither moves the focus nor closes what somebody has opened.
function replace(part, next) {
  if (part.innerHTML.trim() === next.innerHTML.trim()) return;
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const isOpen = part.querySelector("details")?.open;
  part.replaceChildren(...next.childNodes);
  if (isOpen && part.querySelector("details")) part.querySelector("details").open = true;
  if (focused) ([...part.querySelectorAll(focused.localName)].find((one) => one.textContent === focused.textContent) ?? input).focus();
}
function drawInPlace() {
  const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  draw();
  if (at >= 0) (list.querySelectorAll("button")[at] ?? input).focus();
}

draw();
keep();
if (chosen.length && !counts.size) preview();
form.classList.add("live");
