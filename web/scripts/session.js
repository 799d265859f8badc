// The warning before a session ends. Times are taken from the clock, not counted,
// because a sleeping computer does not count. Another tab that extends the
// session tells this one.
export function sessionWarning(root) {
  const dialog = root.getElementById("session-warning");
  if (!dialog?.showModal) return;
  const form = root.getElementById("session-extend");
  const time = dialog.querySelector("[data-time]");
  const say = dialog.querySelector("[data-say]");
  const words = dialog.dataset.left.split("|");
  const after = Number(dialog.dataset.after) * 1000;
  const warn = Number(dialog.dataset.warn) * 1000;
  const tabs = "BroadcastChannel" in self ? new BroadcastChannel("parvis-session") : null;
  let warnAt = Date.now() + after;
  let shown = "";

  const renewed = () => {
    warnAt = Date.now() + after;
    shown = "";
    if (dialog.open) dialog.close();
  };
  const ended = () => location.replace(dialog.dataset.ended);
  const tick = () => {
    const left = warnAt + warn - Date.now();
    if (left <= 0) return ended();
    if (left > warn) return;
    if (!dialog.open) dialog.showModal();
    const text = words[Math.min(words.length - 1, left < 60_000 ? 0 : Math.ceil(left / 60_000))];
    if (text === shown) return;
    time.textContent = text;
    if (shown !== "") say.textContent = text;
    shown = text;
  };
  const extend = async () => {
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin", redirect: "manual",
        headers: { Accept: "application/json" },
      });
      if (answer.status === 401 || answer.status === 403 || answer.status === 410) return ended();
      if (answer.ok) {
        renewed();
        tabs?.postMessage("renewed");
        return;
      }
    } catch { /* no network: the form says so */ }
    form.submit();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    extend();
  });
  // Escape means "I am still here".
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    extend();
  });
  tabs?.addEventListener("message", (event) => event.data === "renewed" && renewed());
  root.addEventListener("visibilitychange", tick);
  setInterval(tick, 1000);
}
