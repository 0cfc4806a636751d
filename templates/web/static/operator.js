// Updates today's numbers. Without this file the page shows them as of the request.
const section = document.querySelector("[data-live]");
if (section) {
  const stream = new EventSource(section.dataset.live);
  const indicator = section.querySelector("[data-is-live]");
  stream.addEventListener("round", (event) => {
    const values = JSON.parse(event.data);
    for (const element of section.querySelectorAll("[data-show]")) {
      const text = values[element.dataset.show];
      if (element.textContent !== text) element.textContent = text;
    }
    for (const element of section.querySelectorAll("[data-show-value]")) {
      element.max = Number(values[element.dataset.showMax]);
      element.value = Number(values[element.dataset.showValue]);
    }
    indicator.hidden = false;
  });
  stream.addEventListener("error", () => { indicator.hidden = true; });
}
