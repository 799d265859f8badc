package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The bounds of what a verifier in the database may ask of this process: more
// would be a way to stop it.
const (
	mostMemory     = 1 << 20 // KiB
	mostPasses     = 16
	mostLanes      = 16
	mostIterations = 10_000_000
	leastBytes     = 16 // of salt and of sum
	mostBytes      = 64
	mostText       = 512 // of a whole PHC string
	mostID         = 11  // characters of a pepper's id, as the format has it
)

// The schemes of verifiers.
const (
	schemeArgon2id = "argon2id"
	schemePBKDF2   = "pbkdf2-sha512"
)

// errVerifier says that a stored verifier is none of ours.
var errVerifier = errors.New("password: not a verifier in PHC form")

// phc is a verifier in the PHC string format:
//
//	$argon2id$v=19$m=19456,t=2,p=1,keyid=pepper$salt$sum
//	$pbkdf2-sha512$i=210000,keyid=pepper$salt$sum
//
// with salt and sum in unpadded base64. The format's parameter keyid names the
// pepper (secret.Keys.PepperIDs); without it, it is the oldest one.
type phc struct {
	scheme     string
	memory     uint32 // KiB, argon2id
	passes     uint32 // argon2id
	lanes      uint8  // argon2id
	iterations int    // pbkdf2
	pepper     string // id of the pepper; "": the oldest
	salt, sum  []byte
}

// String is the one way of writing it; parsePHC accepts no other.
func (v phc) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	key := ""
	if v.pepper != "" {
		key = keyParameter + v.pepper
	}
	if v.scheme == schemePBKDF2 {
		return fmt.Sprintf("$%s$i=%d%s$%s$%s", v.scheme, v.iterations, key, b64(v.salt), b64(v.sum))
	}
	return fmt.Sprintf("$%s$v=19$m=%d,t=%d,p=%d%s$%s$%s", v.scheme, v.memory, v.passes, v.lanes, key, b64(v.salt), b64(v.sum))
}

// keyParameter introduces the id of the pepper, the last parameter.
const keyParameter = ",keyid="

// readPepper cuts the id of the pepper off the parameters.
func (v *phc) readPepper(parameters string) (rest string, ok bool) {
	rest, v.pepper, ok = strings.Cut(parameters, keyParameter)
	return rest, !ok || v.pepper != "" && len(v.pepper) <= mostID
}

// parsePHC reads a verifier strictly: known scheme, bounded parameters, and the
// text must be exactly what String writes.
func parsePHC(text string) (phc, error) {
	if len(text) > mostText {
		return phc{}, errVerifier
	}
	parts := strings.Split(text, "$")
	if len(parts) < 5 || parts[0] != "" {
		return phc{}, errVerifier
	}
	v := phc{scheme: parts[1]}
	var parameters []string
	var ok bool
	switch {
	case v.scheme == schemeArgon2id && len(parts) == 6 && parts[2] == "v=19":
		parameters = parts[4:]
		var own string
		own, ok = v.readPepper(parts[3])
		ok = ok && v.readArgon2id(own)
	case v.scheme == schemePBKDF2 && len(parts) == 5:
		parameters = parts[3:]
		var own string
		var n uint64
		own, ok = v.readPepper(parts[2])
		n, isNumber := number(own, "i=", mostIterations)
		v.iterations, ok = int(n), ok && isNumber
	}
	if !ok {
		return phc{}, errVerifier
	}
	var err error
	if v.salt, err = base64.RawStdEncoding.Strict().DecodeString(parameters[0]); err != nil {
		return phc{}, errVerifier
	}
	if v.sum, err = base64.RawStdEncoding.Strict().DecodeString(parameters[1]); err != nil {
		return phc{}, errVerifier
	}
	if !sized(v.salt) || !sized(v.sum) || v.String() != text {
		return phc{}, errVerifier
	}
	return v, nil
}

func sized(b []byte) bool { return len(b) >= leastBytes && len(b) <= mostBytes }

// readArgon2id reads "m=19456,t=2,p=1".
func (v *phc) readArgon2id(text string) bool {
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return false
	}
	m, okM := number(parts[0], "m=", mostMemory)
	t, okT := number(parts[1], "t=", mostPasses)
	p, okP := number(parts[2], "p=", mostLanes)
	v.memory, v.passes, v.lanes = uint32(m), uint32(t), uint8(p)
	return okM && okT && okP && m >= 8*p
}

// number reads a positive number of at most limit after a prefix.
func number(text, prefix string, limit uint64) (uint64, bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, err == nil && n >= 1 && n <= limit
}
