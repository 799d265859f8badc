// "Print" beside what is to be kept on paper.
export function printButtons(root) {
  for (const button of root.querySelectorAll("button.print")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}
