package signinui

import "time"

// evenStep is the grid of the answers of forms that mail to a typed address.
const evenStep = 25 * time.Millisecond

// even holds an answer back until a whole number of steps since its request came. The
// mails for addresses with and without an account differ in length, and so, by a fraction
// of a millisecond, in what they cost: at the door both take the same step. Call what it
// gives when the work is done, whatever came of it.
func (u *UI) even(c *call) (hold func()) {
	began := u.Site.Now()
	return func() {
		rest := (evenStep - u.Site.Now().Sub(began)%evenStep) % evenStep
		wait := time.NewTimer(rest)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-c.r.Context().Done():
		}
	}
}
