// Buttons that copy the text above them. Without this file, select and copy it by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(source);
    const done = await navigator.clipboard?.writeText(source.textContent).then(() => true, () => false);
    button.nextElementSibling.textContent = done ? "Copied." : "Marked: copy it with your keyboard.";
  });
}
