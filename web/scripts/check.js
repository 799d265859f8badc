// The check that a form is not sent by a program. The browser works in the background
// from the moment the page is there; whoever is faster waits at the button. Without
// workers or cryptography the page says that the way by e-mail is left.
export function checks(root) {
  for (const box of root.querySelectorAll("[data-challenge]")) check(box);
}

function check(box) {
  const form = box.closest("form");
  const field = box.querySelector("[name=altcha]");
  const status = box.querySelector("[role=status]");
  const challenge = JSON.parse(box.dataset.challenge);
  let pressed = null; // the button that waits for the end
  let over = false;

  const workers = [];
  const end = (words) => {
    over = true;
    for (const w of workers) w.terminate();
    status.textContent = words;
    if (!pressed) return;
    if (form.requestSubmit) form.requestSubmit(pressed);
    else form.submit();
  };
  form.addEventListener("submit", (event) => {
    if (over || event.submitter?.name) return;
    event.preventDefault();
    pressed = event.submitter ?? form.querySelector("#submit");
    status.textContent = box.dataset.wait;
  });
  if (!window.Worker || !window.crypto?.subtle) return end(box.dataset.failed);

  status.textContent = box.dataset.working;
  const many = Math.min(4, navigator.hardwareConcurrency || 1);
  let left = many;
  for (let i = 0; i < many; i++) {
    const worker = new Worker(box.dataset.worker);
    worker.onerror = () => { if (--left === 0 && !over) end(box.dataset.failed); };
    worker.onmessage = ({ data }) => {
      if (over) return;
      if (!data?.derivedKey) return worker.onerror();
      field.value = btoa(JSON.stringify({ challenge, solution: data }));
      end(box.dataset.done);
    };
    worker.postMessage({ type: "work", challenge, counterStart: i, counterStep: many, timeout: 90_000 });
    workers.push(worker);
  }
}
