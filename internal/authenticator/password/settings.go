package password

import (
	"fmt"
	"time"
)

// Settings are the rules for new passwords and the cost of their verifiers.
type Settings struct {
	// Minimum is the least number of characters of a password that signs in alone.
	Minimum int `yaml:"minimum"`
	// MinimumWithSecondStep is the least number of characters where a second step
	// is always asked.
	MinimumWithSecondStep int `yaml:"minimum_with_second_step"`
	// Maximum is the greatest number of characters.
	Maximum int `yaml:"maximum"`
	// Upper asks for an upper-case letter.
	Upper bool `yaml:"upper"`
	// Lower asks for a lower-case letter.
	Lower bool `yaml:"lower"`
	// Digit asks for a digit.
	Digit bool `yaml:"digit"`
	// Symbol asks for a character that is neither letter nor digit.
	Symbol bool `yaml:"symbol"`
	// Strength is the least score of zxcvbn, 1 to 4; 0 asks for none.
	Strength int `yaml:"strength"`
	// BreachedFile holds passwords that are known from leaks; `parvis breached build` makes it. A new one put in its place is taken within a minute. Without a file, the list that comes with the program is all that is compared.
	BreachedFile string `yaml:"breached_file"`
	// Memory is what one argon2id computation uses, in KiB.
	Memory uint32 `yaml:"memory"`
	// Passes is how often argon2id goes over its memory.
	Passes uint32 `yaml:"passes"`
	// Lanes is the parallelism of argon2id.
	Lanes uint8 `yaml:"lanes"`
	// Iterations of PBKDF2-HMAC-SHA512, which takes the place of argon2id in FIPS 140 mode.
	Iterations int `yaml:"iterations"`
	// Concurrency is how many computations run at once; 0: one per core.
	Concurrency int `yaml:"concurrency"`
	// Queue is how many more wait for their turn; beyond it the answer is "try again".
	Queue int `yaml:"queue"`
	// QueueTimeout is how long one waits for its turn.
	QueueTimeout time.Duration `yaml:"queue_timeout"`
}

// Preset gives the rules of a named deployment: "parvis" (SP 800-63B-4),
// "ontario" (R20) or "logingov".
func Preset(name string) Settings {
	s := Settings{
		Minimum: 15, MinimumWithSecondStep: 8, Maximum: 256,
		Memory: 19 << 10, Passes: 2, Lanes: 1, // OWASP's second choice, 20 ms on the reference machine
		Iterations: 210_000,
		Queue:      256, QueueTimeout: 2 * time.Second,
	}
	switch name {
	case "ontario":
		s.Minimum, s.MinimumWithSecondStep = 8, 8
		s.Upper, s.Lower, s.Digit, s.Symbol = true, true, true, true
	case "logingov":
		s.Minimum, s.MinimumWithSecondStep, s.Maximum = 12, 12, 128
		s.Strength = 3
	}
	return s
}

// Cheap are the settings with the least cost that the code accepts: for tests only.
func Cheap(s Settings) Settings {
	s.Memory, s.Passes, s.Lanes, s.Iterations = 8, 1, 1, 1
	s.QueueTimeout = time.Minute
	return s
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	refuse := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.Minimum < 8 {
		refuse("minimum is %d: choose at least 8 (15 by SP 800-63B-4)", s.Minimum)
	}
	if s.MinimumWithSecondStep < 8 || s.MinimumWithSecondStep > s.Minimum {
		refuse("minimum_with_second_step is %d: choose between 8 and minimum (%d)", s.MinimumWithSecondStep, s.Minimum)
	}
	if s.Maximum < 64 || s.Maximum > maximumEver {
		refuse("maximum is %d: choose between 64 and %d", s.Maximum, maximumEver)
	}
	if s.Strength < 0 || s.Strength > 4 {
		refuse("strength is %d: choose between 0 and 4", s.Strength)
	}
	if s.Lanes < 1 || s.Lanes > 16 {
		refuse("lanes is %d: choose between 1 and 16 (1 is usual)", s.Lanes)
	}
	if s.Memory < 7<<10 || s.Memory > mostMemory {
		refuse("memory is %d KiB: choose between 7168 and %d (19456 is usual)", s.Memory, mostMemory)
	}
	if s.Passes < 1 || s.Passes > mostPasses || (s.Passes == 1 && s.Memory < 46<<10) || (s.Passes == 2 && s.Memory < 19<<10) {
		refuse("passes is %d: choose at most %d, and at least 2 with 19456 KiB of memory or 1 with 47104 KiB", s.Passes, mostPasses)
	}
	if s.Iterations < 210_000 || s.Iterations > mostIterations {
		refuse("iterations is %d: choose between 210000 and %d", s.Iterations, mostIterations)
	}
	if s.Concurrency < 0 || s.Concurrency > 1024 {
		refuse("concurrency is %d: choose between 0 (one per core) and 1024", s.Concurrency)
	}
	if s.Queue < 1 || s.Queue > 100_000 {
		refuse("queue is %d: choose between 1 and 100000 (256 is usual)", s.Queue)
	}
	if s.QueueTimeout < 100*time.Millisecond || s.QueueTimeout > 30*time.Second {
		refuse("queue_timeout is %v: choose between 100ms and 30s (2s is usual)", s.QueueTimeout)
	}
	return out
}
