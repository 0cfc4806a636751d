// Preferences: rows of keywords that are added, muted and removed in place, and the preview of what they match. Without
// this file every button sends the form. What somebody has typed is changed by that person only.
const form = document.getElementById("prefs");
const rows = document.getElementById("rows");
const fresh = document.getElementById("new");
const template = document.getElementById("row");
const [status, readings, related, panel, unsaved] = ["status", "readings", "related", "panel", "unsaved"].map((id) => document.getElementById(id));
const WAIT = 400; // milliseconds without a key

const fieldOf = (row) => row.querySelector("input[name=keyword]");
const muteOf = (row) => row.querySelector("input[name=muted]");

// Numbers, labels and colors follow the place: those of the e-mail, where muted keywords and exclusions have none.
function number() {
  let color = 0;
  [...rows.children].forEach((row, place) => {
    const text = fieldOf(row).value.trim();
    const isMuted = muteOf(row).checked;
    row.className = row.className.replace(/\bk\d\b/g, "").trim();
    row.classList.toggle("muted", isMuted);
    if (text && !isMuted && !text.startsWith("-")) row.classList.add(`k${color++ % 6}`);
    row.setAttribute("aria-label", `Keyword ${place + 1}`);
    fieldOf(row).setAttribute("aria-label", `Keyword ${place + 1}`);
    muteOf(row).value = place;
    muteOf(row).nextElementSibling.textContent = `Mute ${text || "this keyword"}`;
    const remove = row.querySelector("button[name=remove]");
    remove.value = place;
    remove.setAttribute("aria-label", `Remove ${text || "this keyword"}`);
  });
}
function change() {
  number();
  unsaved.textContent = "Not saved yet.";
  schedule();
}
function add(keywords) {
  for (const text of keywords.map((line) => line.trim()).filter(Boolean)) {
    if ([...rows.children].some((row) => fieldOf(row).value.trim() === text)) continue;
    const row = template.content.firstElementChild.cloneNode(true);
    rows.append(row);
    fieldOf(row).value = text;
  }
  change();
}

rows.addEventListener("input", change);
rows.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=remove]");
  if (!button) return;
  event.preventDefault();
  const row = button.closest(".krow");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next ? fieldOf(next) : fresh).focus();
  change();
});
function take() {
  if (!fresh.value.trim()) return false;
  add([fresh.value]);
  fresh.value = "";
  return true;
}
fresh.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
  if (take()) event.preventDefault(); // a second Enter saves
});
fresh.addEventListener("paste", (event) => {
  const pasted = event.clipboardData.getData("text");
  if (!/[\r\n]/.test(pasted)) return;
  event.preventDefault();
  add((fresh.value + pasted).split(/\r\n|\r|\n/));
  fresh.value = "";
});
fresh.addEventListener("input", schedule);
document.getElementById("add").addEventListener("click", (event) => {
  event.preventDefault();
  take();
  fresh.focus();
});
form.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=add], button[name=replace]");
  if (!button || button.id === "add") return;
  event.preventDefault();
  const [keyword, replaced] = button.value.split(/\r?\n/).reverse();
  const row = [...rows.children].find((other) => replaced && fieldOf(other).value.trim() === replaced);
  if (row) fieldOf(row).value = keyword;
  if (row) change(); else add([keyword]);
  (row ? fieldOf(row) : fresh).focus();
});
form.addEventListener("input", (event) => {
  if (rows.contains(event.target) || event.target === fresh) return;
  unsaved.textContent = "Not saved yet.";
  if (["sources", "cap", "frequency"].includes(event.target.name)) schedule();
});

// Preview: one request at a time; a newer one aborts it.
let timer, running;
function schedule() {
  clearTimeout(timer);
  timer = setTimeout(preview, WAIT);
}
async function preview() {
  running?.abort();
  const request = (running = new AbortController());
  panel.setAttribute("aria-busy", "true");
  try {
    const body = new URLSearchParams([...new FormData(form)].filter(([name]) => ["keyword", "muted", "sources", "cap", "frequency"].includes(name)));
    const response = await fetch(form.dataset.preview, { method: "POST", body, signal: request.signal });
    if (response.status !== 200) throw new Error(response.status);
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch (error) {
    if (error.name === "AbortError") return;
    say(error.message === "429" ? "Preview is paused for a moment. You can still save." : "Preview isn’t available right now. You can still save.");
  }
  if (running === request) panel.removeAttribute("aria-busy");
}
function say(text) {
  if (status.textContent.trim() !== text) status.textContent = text;
}
function show(page) {
  const rates = new Map([...page.querySelectorAll("#rates .rate")].map((rate) => [rate.firstElementChild.dataset.keyword, rate]));
  for (const row of rows.children) {
    const rate = rates.get(fieldOf(row).value.trim());
    if (!rate) continue;
    const isTyping = document.activeElement === fieldOf(row);
    const fault = rate.querySelector(".fault");
    if (fault && isTyping) continue; // not until it is finished
    row.classList.toggle("bad", Boolean(fault));
    fieldOf(row).toggleAttribute("aria-invalid", false);
    if (fault) fieldOf(row).setAttribute("aria-invalid", "true");
    row.querySelector(".stat").replaceWith(rate.querySelector(".stat").cloneNode(true));
    row.querySelector(".tip")?.remove();
    const tip = rate.querySelector(".tip");
    if (tip) row.append(tip.cloneNode(true));
  }
  // Of the readings the list alone, where there is one already: what somebody has opened stays open.
  const lists = [readings, page.getElementById("readings")].map((part) => part.querySelector("ul"));
  const parts = [related, panel].map((part) => [part, page.getElementById(part.id)]);
  for (const [part, next] of [lists.every(Boolean) ? lists : [readings, page.getElementById("readings")], ...parts])
    if (part.innerHTML.trim() !== next.innerHTML.trim()) part.replaceChildren(...next.childNodes);
  waitForRates();
  const sentence = page.getElementById("status");
  if (status.textContent.trim() !== sentence.textContent.trim()) status.replaceChildren(...sentence.childNodes);
  const bar = panel.querySelector(".bar");
  if (bar) document.querySelector("body > .bar")?.replaceChildren(...bar.cloneNode(true).childNodes);
}
// After a start the server counts a little later than it shows the e-mail.
let patience = 8;
function waitForRates() {
  const isMissing = [...rows.querySelectorAll(".stat")].some((stat) => !stat.firstElementChild);
  if (isMissing && patience-- > 0) timer = setTimeout(preview, 2500);
}
waitForRates();
// A page that the browser brings back has what was typed in its fields.
addEventListener("pageshow", (event) => { if (event.persisted) change(); });
rows.addEventListener("focusout", schedule); // what was unfinished has an error now
number();
