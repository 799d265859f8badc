// A code that arrives by text message on this device goes into its field by
// itself when the browser offers it (WebOTP), and the person agrees. The browser
// gives it to the site that the message names, and to no other.
export function textedCodes(root) {
  const input = root.querySelector("input[data-texted]");
  if (!input || !("OTPCredential" in self)) return;
  const stop = new AbortController();
  input.form.addEventListener("submit", () => stop.abort());
  navigator.credentials.get({ otp: { transport: ["sms"] }, signal: stop.signal }).then((otp) => {
    if (!otp || input.value) return;
    input.value = otp.code;
    input.focus();
  }).catch(() => { /* refused, or no message: the code can be typed */ });
}
