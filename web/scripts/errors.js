// The error summary takes focus (by autofocus, where the browser honours it on a
// div; else here), and its links lead into the fields, with the label in view.
export function focusErrors(root) {
  const summary = root.getElementById("error-summary");
  if (!summary) return;
  addEventListener("load", () => setTimeout(() => {
    if (root.activeElement === root.body) summary.focus();
  }));
  summary.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const field = link && root.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!field) return;
    event.preventDefault();
    const label = field.labels?.[0] ?? field;
    (label.closest(".govuk-form-group") ?? label).scrollIntoView();
    field.focus({ preventScroll: true });
  });
}
