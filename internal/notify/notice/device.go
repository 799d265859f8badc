package notice

import (
	"strings"

	"parvis/internal/i18n"
)

// Device is a browser in two words that come from closed lists, so that a forged
// User-Agent header cannot put words into a mail. Empty fields mean: not recognised.
type Device struct {
	Browser string // "Firefox"
	System  string // "Windows"
}

// product is a name and the mark in a User-Agent header that gives it away.
type product struct{ mark, name string }

// browsers in the order in which they must be tried: many claim to be Chrome or Safari too.
func browsers() []product {
	return []product{
		{"Edg/", "Edge"},
		{"EdgA/", "Edge"},
		{"EdgiOS/", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"FxiOS/", "Firefox"},
		{"Firefox/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Version/", "Safari"},
	}
}

// systems in the order in which they must be tried: Android says Linux too, an iPhone says Mac OS X.
func systems() []product {
	return []product{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"CrOS", "ChromeOS"},
		{"Macintosh", "macOS"},
		{"Linux", "Linux"},
	}
}

// DeviceOf reads a User-Agent header. Only its first 512 bytes count.
func DeviceOf(userAgent string) Device {
	if len(userAgent) > 512 {
		userAgent = userAgent[:512]
	}
	first := func(from []product) string {
		for _, p := range from {
			if strings.Contains(userAgent, p.mark) {
				return p.name
			}
		}
		return ""
	}
	return Device{Browser: first(browsers()), System: first(systems())}
}

// In says the device in words: "Firefox on Windows"; "" when nothing is known of it.
func (d Device) In(tr *i18n.Tr) string {
	browser, system := clean(d.Browser), clean(d.System)
	switch {
	case browser == "" && system == "":
		return ""
	case browser == "":
		return tr.T("mail.device.system", "system", system)
	case system == "":
		return browser
	case system == "iPhone" || system == "iPad":
		return tr.T("mail.device.handheld", "browser", browser, "system", system)
	}
	return tr.T("mail.device.full", "browser", browser, "system", system)
}
