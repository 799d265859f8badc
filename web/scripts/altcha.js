// The worker that looks for the solution of a check: ALTCHA's own.
import "altcha/workers/pbkdf2";
