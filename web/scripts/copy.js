// "Copy" beside a text.
export function copyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.nextElementSibling.textContent = button.textContent = button.dataset.copied;
      } catch { /* the browser refused: the text can still be selected */ }
    });
  }
}
