// Times in the zone of the browser, when the page tells them in another one: the server
// says them anew, so that days and words fit. A zone that it does not know stays as it is.
export function browserZone(root) {
  const line = root.querySelector("[data-zone]");
  if (!line) return;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const address = new URL(location.href);
  if (!here || here === line.dataset.zone || address.searchParams.get("zone") === here) return;
  address.searchParams.set("zone", here);
  location.replace(address);
}
