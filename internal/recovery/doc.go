// Package recovery is the two ways back in: a new password, and lifting the lock.
//
// Both begin with an address and answer the same whatever is known of it; only
// the mail differs. Both need proof by a mailed link or its code. A reset is
// refused while the password is locked: the lock is lifted first (R29), and the
// password stays as it was (R31). Neither signs anybody in.
package recovery
