// Tells the server in which time zone the browser is, so that pages say times in it; it
// is in no other use, and forgotten when the browser is closed. A page that has just said
// times of day in another zone is loaded again, once: where the cookie is not kept, or the
// server does not know the zone, its times stay as they are, and it names their zone.
export function browserZone(root) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const name = root.body.dataset.zone;
  if (!here || !name) return;
  const told = `${name}=${here}`;
  const kept = () => root.cookie.split("; ").includes(told);
  if (kept()) return;
  root.cookie = `${told}; Path=/; Secure; SameSite=Lax`;
  const times = root.querySelector("[data-times]")?.dataset.times;
  if (times && times !== here && kept()) location.reload();
}
