// What the pages do when scripts run. Every page works without this file; the
// server is the truth for everything it shows.
import { focusErrors } from "./errors.js";
import { passwordToggles, passwordRules } from "./password.js";
import { sessionWarning } from "./session.js";
import { copyButtons } from "./copy.js";
import { printButtons } from "./print.js";
import { textedCodes } from "./otp.js";
import { countdowns } from "./countdown.js";
import { browserZone } from "./zone.js";
import { checks } from "./check.js";
import { framed } from "./frames.js";

focusErrors(document);
passwordToggles(document);
passwordRules(document);
copyButtons(document);
printButtons(document);
textedCodes(document);
countdowns(document);
browserZone(document);
checks(document);
sessionWarning(document);
framed(document);
