// What the front page does while somebody types. Without this file all of it is there by its buttons.
const form = document.getElementById("subscribe");
const { keywords: area, email, sure } = form.elements;
const status = document.getElementById("status");
const [told, beside, typo, see] = ["#told", "#beside", "#typo", ".see"].map((name) => document.querySelector(name));
const WAIT = 300; // milliseconds without a key

const say = (text) => {
  if (status.textContent !== text) status.textContent = text;
};

// The zone of this browser, in a form that nobody has filled in yet; hours as they are written here.
const { timeZone, hour12 } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
const list = form.querySelector("select[data-guess]");
if (list && Array.from(list.options, (one) => one.value).includes(timeZone)) list.value = timeZone;
if (hour12) {
  const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", timeZone: "UTC" });
  for (const one of form.elements.hour.options) if (one.value) one.textContent = clock.format(new Date(Date.UTC(2026, 0, 1, one.value)));
}

// The preview: one request at a time, given up when overtaken.
let timer, running, last = null;

async function preview(button) {
  clearTimeout(timer);
  if (!button && area.value === last) return;
  running?.abort();
  const mine = (running = new AbortController());
  const sent = area.value;
  const body = new URLSearchParams({ keywords: sent });
  if (button) body.set(button.name, button.value);
  beside.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body, signal: mine.signal });
    if (answer.status === 202) {
      say("One moment, the preview is on its way.");
      timer = setTimeout(preview, 1000 * answer.headers.get("Retry-After"), button);
      return;
    }
    if (answer.status !== 200) throw new Error(answer.status);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"), sent);
  } catch (error) {
    if (error.name === "AbortError") return;
    say(error.message === "429" ? "That was much typing. The preview rests for a while; you can subscribe." : "The preview does not answer. You can subscribe all the same.");
  }
  if (running === mine) beside.removeAttribute("aria-busy");
}

function show(page, sent) {
  const changed = page.getElementById("changed");
  if (changed && area.value === sent) area.value = changed.value;
  last = changed ? changed.value : sent; // what was typed meanwhile is looked up next
  for (const part of [told, beside]) part.replaceChildren(...page.getElementById(part.id).childNodes);
  document.getElementById("keywords-fault")?.remove();
  const wrong = document.getElementById("keywords-live");
  area.toggleAttribute("aria-invalid", false);
  if (wrong) area.setAttribute("aria-invalid", "true");
  area.setAttribute("aria-describedby", wrong ? "keywords-hint keywords-live" : "keywords-hint");
  area.closest(".f").classList.toggle("bad", Boolean(wrong));
  say(page.getElementById("status").textContent);
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

// A slip in the address. Only the domain is asked about, and whoever means it goes on.
email.addEventListener("change", async () => {
  typo.replaceChildren();
  const [, name, domain] = /^\s*(.+)@([^@\s]+)\s*$/.exec(email.value) ?? [];
  if (!domain || sure.value === email.value) return;
  const answer = await fetch(`${form.dataset.meant}?${new URLSearchParams({ domain })}`).catch(() => null);
  const meant = answer?.ok ? (await answer.json()).meant : "";
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
