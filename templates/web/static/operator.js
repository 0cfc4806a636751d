// Updates today's numbers. Without this file the page shows them as of the request.
const section = document.querySelector("[data-live]");
if (section) {
  const stream = new EventSource(section.dataset.live);
  const indicator = document.querySelector("[data-is-live]");
  stream.addEventListener("round", (event) => {
    const values = JSON.parse(event.data);
    for (const element of section.querySelectorAll("[data-show]")) {
      const text = values[element.dataset.show];
      if (element.textContent !== text) element.textContent = text;
    }
    for (const rect of section.querySelectorAll("[data-part]")) {
      rect.setAttribute("x", `${values[`${rect.dataset.part}_from`]}%`);
      rect.setAttribute("width", `${values[`${rect.dataset.part}_share`]}%`);
    }
    indicator.hidden = false;
  });
  stream.addEventListener("error", () => { indicator.hidden = true; });
}
