// The steps of the journeys, as a person takes them.
import { at, follow, submit } from "./browser.mjs";
import { appCode, readKey } from "./totp.mjs";

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
  await follow(page, "#allow");
}

// From the service's button to the page after the activation, by the typed code.
export async function createByCode(page, demo, service, email, password = goodPassword) {
  const sent = await codesTo(demo, email);
  await openService(page, service);
  await askForAccount(page, email);
  await page.fill("form#confirm-email [name=code]", await codeTo(demo, email, sent));
  await submit(page, "confirm-email");
  await choosePassword(page, password);
}

// The code that was sent to an address or number after `before` others.
export const codeTo = (demo, to, before = 0) => demo.code(to, before);

export const codesTo = async (demo, to) => (await demo.mails(to)).filter((m) => m.codes.length > 0).length;

export async function enterCode(page, typed) {
  await at(page, "second-step");
  await page.fill("form#second-step [name=code]", typed);
  await submit(page, "second-step");
}

// From the choice of a method to an app that is set up; gives its secret and the code that was used.
export async function setUpApp(page, read = readKey) {
  await at(page, "set-up-method");
  await page.locator("form#set-up-app button").click();
  await at(page, "set-up-app");
  const secret = await read(page);
  const used = appCode(secret);
  await page.fill("form#set-up-app [name=code]", used);
  await submit(page, "set-up-app");
  return { secret, used };
}

let phones = 1000;

// A telephone number that no other account of the demonstration has.
export function newPhone() {
  phones += 1;
  return `+1416555${phones}`;
}

// From the choice of a method to a telephone that codes go to by text.
export async function setUpPhone(page, demo, number) {
  await at(page, "set-up-method");
  await page.locator("form#set-up-text button").click();
  await at(page, "set-up-phone");
  await page.fill("form#set-up-phone [name=number]", number);
  await submit(page, "set-up-phone");
  await at(page, "confirm-phone");
  await page.fill("form#confirm-phone [name=code]", await codeTo(demo, number));
  await submit(page, "confirm-phone");
}

export async function notNow(page) {
  await at(page, "set-up-another");
  await follow(page, "#not-now");
}

// An account that came from the service that demands two factors, with an app.
export async function createWithApp(page, demo, email) {
  await createByCode(page, demo, demo.strict, email);
  const { secret } = await setUpApp(page);
  await notNow(page);
  await allow(page);
  return secret;
}
