// "Show" in a password field, and the rules that are checked while typing.
export function passwordToggles(root) {
  for (const button of root.querySelectorAll(".password-show")) {
    const input = button.parentElement.querySelector("input");
    const status = button.parentElement.parentElement.querySelector("[role=status]");
    const set = (shown, say) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? button.dataset.hide : button.dataset.show;
      button.setAttribute("aria-label", shown ? button.dataset.labelHide : button.dataset.labelShow);
      if (say) status.textContent = shown ? status.dataset.shown : status.dataset.hidden;
    };
    button.hidden = false;
    button.addEventListener("click", () => set(input.type === "password", true));
    // A shown password must not be kept as an ordinary field's history, nor come back shown.
    input.form?.addEventListener("submit", (event) => {
      set(false, false);
      if (event.submitter?.id === "language-link") input.value = ""; // the language of the page is no reason to send a password
    });
    addEventListener("pageshow", () => set(false, false));
  }
}

// characters counts what the server counts: code points of the NFC form.
const characters = (text) => [...text.normalize("NFC")];

const checks = {
  min: (text, rule) => characters(text).length >= Number(rule.value),
  max: (text, rule) => characters(text).length <= Number(rule.value),
  upper: (text) => /\p{Lu}/u.test(text),
  lower: (text) => /\p{Ll}/u.test(text),
  digit: (text) => /\p{Nd}/u.test(text),
  symbol: (text) => /[^\p{L}\p{N}\s]/u.test(text),
  not: (text, rule) => {
    const plain = text.normalize("NFKC").toLowerCase();
    return !(rule.words ?? "").split("\n").some((word) => word && plain.includes(word.normalize("NFKC").toLowerCase()));
  },
};

export function passwordRules(root) {
  for (const list of root.querySelectorAll("[data-rules]")) {
    const input = root.getElementById(list.dataset.rules);
    if (!input) continue;
    const check = () => {
      for (const item of list.querySelectorAll("[data-rule]")) {
        const rule = checks[item.dataset.rule];
        const done = Boolean(rule) && input.value !== "" && rule(input.value, item.dataset);
        item.classList.toggle("on", done);
        item.querySelector("[data-done]").hidden = !done;
      }
    };
    input.addEventListener("input", check);
    check();
  }
}
