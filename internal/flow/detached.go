package flow

// Detached prepares the flow of a link that is opened in another browser than
// the one that asked for it: it knows the service to lead back to and ends on a
// page of ours. Its service and browser are filled in when the proof is known;
// Start stores it.
func Detached(v Visitor) New {
	return Prepare("", State{Kind: SignIn, Locale: v.Locale, Progress: Progress{Detached: true}})
}
