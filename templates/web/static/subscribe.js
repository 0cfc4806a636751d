// Live preview on the front page. Without this file its buttons do the same.
const form = document.getElementById("subscribe");
const { keywords: area, email, sure } = form.elements;
const status = document.getElementById("status");
const [told, beside, typo, see] = ["#told", "#beside", "#typo", ".see"].map((name) => document.querySelector(name));
const WAIT = 300; // milliseconds without a key

const setStatus = (text) => {
  if (status.textContent !== text) status.textContent = text;
};

// The browser's time zone, in a form that is not filled in yet; hours in the local format.
const { timeZone, hour12 } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
const zones = form.querySelector("select[data-guess]");
if (zones && Array.from(zones.options, (option) => option.value).includes(timeZone)) zones.value = timeZone;
if (hour12) {
  const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", timeZone: "UTC" });
  for (const option of form.elements.hour.options) if (option.value) option.textContent = clock.format(new Date(Date.UTC(2026, 0, 1, option.value)));
}

// One request at a time; a newer one aborts it.
let timer, running, last = null;

async function preview(button) {
  clearTimeout(timer);
  if (!button && area.value === last) return;
  running?.abort();
  const request = (running = new AbortController());
  const sent = area.value;
  const body = new URLSearchParams({ keywords: sent });
  if (button) body.set(button.name, button.value);
  beside.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.dataset.preview, { method: "POST", body, signal: request.signal });
    if (response.status === 202) {
      setStatus("One moment, the preview is on its way.");
      timer = setTimeout(preview, 1000 * response.headers.get("Retry-After"), button);
      return;
    }
    if (response.status !== 200) throw new Error(response.status);
    show(new DOMParser().parseFromString(await response.text(), "text/html"), sent, button);
  } catch (error) {
    if (error.name === "AbortError") return;
    setStatus(error.message === "429" ? "That was much typing. The preview rests for a while; you can subscribe." : "The preview does not answer. You can subscribe all the same.");
  }
  if (running === request) beside.removeAttribute("aria-busy");
}

// What a button adds is inserted as if it were typed, so that undo takes it back. Nothing else ever changes the field.
function insert(text) {
  area.focus();
  area.select();
  if (!document.execCommand("insertText", false, text)) area.value = text;
}

function show(page, sent, button) {
  const changed = button && area.value === sent ? page.getElementById("changed") : null;
  last = changed ? changed.value : sent; // the next preview covers what was typed meanwhile
  if (changed) insert(changed.value);
  for (const part of [told, beside]) part.replaceChildren(...page.getElementById(part.id).childNodes);
  document.getElementById("keywords-fault")?.remove();
  const error = document.getElementById("keywords-live");
  area.toggleAttribute("aria-invalid", false);
  if (error) area.setAttribute("aria-invalid", "true");
  area.setAttribute("aria-describedby", error ? "keywords-hint keywords-live" : "keywords-hint");
  area.closest(".f").classList.toggle("bad", Boolean(error));
  setStatus(page.getElementById("status").textContent);
  see.hidden = !beside.querySelector("ol");
}

area.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(preview, WAIT);
});
form.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=add], button[name=narrow]");
  if (!button) return;
  event.preventDefault();
  preview(button).then(() => area.focus());
});
if (area.value.trim()) preview();
form.classList.add("live");

// A typo in the address. Only the domain is sent; the suggestion can be ignored.
email.addEventListener("change", async () => {
  typo.replaceChildren();
  const [, name, domain] = /^\s*(.+)@([^@\s]+)\s*$/.exec(email.value) ?? [];
  if (!domain || sure.value === email.value) return;
  const response = await fetch(`${form.dataset.meant}?${new URLSearchParams({ domain })}`).catch(() => null);
  const meant = response?.ok ? (await response.json()).meant : "";
  if (!meant || !email.value.includes(domain)) return;
  sure.value = email.value.trim();
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: `${name}@${meant}` });
  button.addEventListener("click", () => {
    email.value = `${name}@${meant}`;
    typo.replaceChildren("Changed.");
    email.focus();
  });
  typo.replaceChildren("Did you mean ", button, "? If not, just go on.");
});
