// The page that frames services which are told of a sign-out goes on as soon as all frames
// have loaded. Its Refresh header does so after a while in any case, without scripts too.
export function framed(root) {
  const box = root.querySelector("[data-frames]");
  if (!box) return;
  const next = document.getElementById(box.dataset.frames);
  const go = () => location.replace(next.href);
  if (document.readyState === "complete") go();
  else addEventListener("load", go);
}
