// The form of the front page: time zone, hours and a typo in the address. Without this file the server does what is needed.
const form = document.getElementById("subscribe");
const { email, sure } = form.elements;
const typo = document.getElementById("typo");
const options = document.getElementById("options");

// The browser's time zone, in a form that is not filled in yet; hours in the local format.
const { timeZone, hour12 } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();
const zones = form.querySelector("select[data-guess]");
if (zones && Array.from(zones.options, (option) => option.value).includes(timeZone)) zones.value = timeZone;
if (hour12) {
  const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", timeZone: "UTC" });
  for (const option of form.elements.hour.options) if (option.value) option.textContent = clock.format(new Date(Date.UTC(2026, 0, 1, option.value)));
}
// The summary says what was chosen before.
options.addEventListener("change", () => options.querySelector(".now")?.remove());

// A typo in the address. Only the domain is sent; the suggestion can be ignored.
email.addEventListener("change", async () => {
  typo.replaceChildren();
  const [, name, domain] = /^\s*(.+)@([^@\s]+)\s*$/.exec(email.value) ?? [];
  if (!domain || sure.value === email.value) return;
  const response = await fetch(`${form.dataset.meant}?${new URLSearchParams({ domain })}`).catch(() => null);
  const meant = response?.ok ? (await response.json()).meant : "";
  if (!meant || !email.value.includes(domain)) return;
  sure.value = email.value.trim();
  const button = Object.assign(document.createElement("button"), { type: "button", className: "text-btn", textContent: `${name}@${meant}` });
  button.addEventListener("click", () => {
    email.value = `${name}@${meant}`;
    typo.replaceChildren("Address changed.");
    email.focus();
  });
  typo.replaceChildren("Did you mean ", button, "? If not, carry on.");
});
