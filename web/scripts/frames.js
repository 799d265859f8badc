// The page that frames services which are told of a sign-out goes on as soon as all frames have
// loaded, and after a while in any case: a browser counts the page's Refresh header only from when
// all have loaded, and a service may never answer.
export function framed(root) {
  const box = root.querySelector("[data-frames]");
  if (!box) return;
  const next = document.getElementById(box.dataset.frames);
  const go = () => location.replace(next.href);
  if (document.readyState === "complete") go();
  else addEventListener("load", go);
  setTimeout(go, Number(box.dataset.seconds) * 1000);
}
