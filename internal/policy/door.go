package policy

// DoorPassword is the door of an e-mail address and a password. Every other door is a
// sign-in partner and has its identifier.
const DoorPassword = "password"
