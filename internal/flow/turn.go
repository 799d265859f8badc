package flow

import "parvis/internal/fault"

// OutOfTurn is the answer to a request that is not due: nothing changes, and the
// person goes to the dispatcher. It is the same fault as that of Save, since the
// cause often is another tab that went ahead.
func OutOfTurn() error { return fault.New(fault.Conflict, "error.flow.conflict") }
