// Buttons that copy what stands above them. Without this file it is marked and copied by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(shown);
    const done = await navigator.clipboard?.writeText(shown.textContent).then(() => true, () => false);
    button.nextElementSibling.textContent = done ? "Copied." : "Marked: copy it with your keyboard.";
  });
}
