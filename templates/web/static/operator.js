// Keeps today's numbers as they are. Without this file the page shows how they were when it was asked for.
const place = document.querySelector("[data-live]");
if (place) {
  const stream = new EventSource(place.dataset.live);
  const sign = place.querySelector("[data-is-live]");
  stream.addEventListener("round", (event) => {
    const now = JSON.parse(event.data);
    for (const each of place.querySelectorAll("[data-show]")) {
      const text = now[each.dataset.show];
      if (each.textContent !== text) each.textContent = text;
    }
    for (const each of place.querySelectorAll("[data-show-value]")) {
      each.max = Number(now[each.dataset.showMax]);
      each.value = Number(now[each.dataset.showValue]);
    }
    sign.hidden = false;
  });
  stream.addEventListener("error", () => { sign.hidden = true; });
}
