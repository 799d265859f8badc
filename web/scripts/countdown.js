// How long there is to wait, minute by minute. Only the end is announced: a page
// that speaks each minute is no help. Times are taken from the clock, because a
// sleeping computer does not count.
export function countdowns(root) {
  for (const line of root.querySelectorAll(".countdown")) {
    const words = line.dataset.words.split("|");
    const end = Date.now() + Number(line.dataset.left) * 1000;
    const time = line.querySelector("strong");
    const tick = () => {
      const left = end - Date.now();
      if (left <= 0) {
        clearInterval(timer);
        line.textContent = line.nextElementSibling.textContent = line.dataset.over;
        return;
      }
      const text = words[Math.min(words.length - 1, left < 60_000 ? 0 : Math.ceil(left / 60_000))];
      if (time.textContent !== text) time.textContent = text;
    };
    const timer = setInterval(tick, 1000);
    tick();
  }
}
