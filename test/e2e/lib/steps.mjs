// The steps of the journeys, as a person takes them.
import { at, submit } from "./browser.mjs";

export const goodPassword = "paper lantern over the river 7";

// The levels that a service can ask for.
export const twoSteps = "urn:parvis:acr:2";
export const twoFactors = "urn:parvis:acr:aal2";

export async function openService(page, service, acr) {
  const login = new URL("/login", service.url);
  if (acr) login.searchParams.set("acr_values", acr);
  await page.goto(login.href);
  await page.waitForLoadState();
}

export async function signIn(page, email, password) {
  await at(page, "sign-in");
  await page.fill("form#sign-in [name=email]", email);
  await page.fill("form#sign-in [name=password]", password);
  await submit(page, "sign-in");
}

export async function askForAccount(page, email) {
  await at(page, "sign-in");
  await page.click("#create-account-link");
  await at(page, "create-account");
  await page.fill("form#create-account [name=email]", email);
  await page.check("form#create-account [name=terms]");
  await submit(page, "create-account");
  await at(page, "confirm-email");
}

export async function choosePassword(page, password = goodPassword) {
  await at(page, "choose-password");
  await page.fill("form#choose-password [name=password]", password);
  await submit(page, "choose-password");
}

export async function allow(page) {
  await at(page, "consent");
  await page.click("#allow");
  await page.waitForLoadState();
}

// From the service's button to the page after the activation, by the typed code.
export async function createByCode(page, demo, service, email, password = goodPassword) {
  await openService(page, service);
  await askForAccount(page, email);
  const mail = await demo.mail(email);
  await page.fill("form#confirm-email [name=code]", mail.codes[0]);
  await submit(page, "confirm-email");
  await choosePassword(page, password);
}
