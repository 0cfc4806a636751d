// Lists of papers: "More" opens an abstract in place, the density is remembered, a filter applies when it is chosen.
const storage = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* a private window */ } },
};

for (const link of document.querySelectorAll("[data-more]")) {
  const abstract = document.getElementById(link.dataset.more);
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "More" });
  const label = link.getAttribute("aria-label").replace(/^More/, "");
  button.setAttribute("aria-label", `More${label}`);
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", abstract.id);
  button.addEventListener("click", () => {
    const isOpen = abstract.classList.toggle("open");
    button.textContent = isOpen ? "Less" : "More";
    button.setAttribute("aria-label", button.textContent + label);
    button.setAttribute("aria-expanded", isOpen);
  });
  link.replaceWith(button);
}

const list = document.getElementById("list");
const density = document.getElementById("density");
function setDensity(value) {
  list.classList.toggle("compact", value === "compact");
  for (const link of density.children) {
    if (link.dataset.density === value) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
if (list && density) {
  density.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    setDensity(link.dataset.density);
    storage.set("density", link.dataset.density);
  });
  if (storage.get("density") === "compact") setDensity("compact");
}

for (const select of document.querySelectorAll(".tools select")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
for (const form of document.querySelectorAll(".tools")) {
  // Choices that are not made stay out of the address.
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
}

// A thumbnail that cannot be had leaves no empty frame.
for (const image of document.querySelectorAll(".thumb img, img.figure")) {
  const remove = () => (image.closest(".thumb") ?? image).remove();
  if (image.complete && image.currentSrc && !image.naturalWidth) remove();
  else image.addEventListener("error", remove);
}

const copy = document.getElementById("copy-citation");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const format = document.querySelector("input[name=format]:checked").value;
    await navigator.clipboard.writeText(document.getElementById(`cite-${format}`).textContent);
    const text = copy.querySelector("span");
    text.textContent = "Copied";
    setTimeout(() => { text.textContent = "Copy"; }, 2000);
  });
}
