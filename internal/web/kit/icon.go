package kit

import (
	"fmt"
	"html/template"
)

// icons are drawn on a grid of 24: strokes only, round, in the colour of the text.
func iconPath(name string) string {
	const ring = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"
	switch name {
	case "passkey":
		return "M4 18v-6a8 8 0 0 1 16 0v4M8 20v-8a4 4 0 0 1 8 0v7M12 12v9"
	case "app":
		return "M20 11.5a8 8 0 1 1-5-7M8.5 12v.01M12 12v.01M15.5 12v.01"
	case "bank":
		return "M3 9.5 12 4l9 5.5zM6 9.5V17M10 9.5V17M14 9.5V17M18 9.5V17M3 20h18"
	case "mail":
		return "M3 6h18v13H3zM3 7l9 6.5L21 7"
	case "bubble":
		return "M4 4h16v12h-9l-4 4v-4H4zM8 10v.01M12 10v.01M16 10v.01"
	case "phone":
		return "M7 3h10v18H7zM11 18h2"
	case "key":
		return "M8 12a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 13l9-9M16 8l3 3"
	case "usb":
		return "M8 9h8v9a2 2 0 0 1-2 2h-4a2 2 0 0 1-2-2zM10 9V4h4v5M12 14v.01"
	case "list":
		return "M5 4h14v16H5zM9 9h6M9 12.5h6M9 16h3"
	case "lock":
		return "M5 11h14v9H5zM8 11V8a4 4 0 0 1 8 0v3"
	case "unlock":
		return "M5 11h14v9H5zM8 11V8a4 4 0 0 1 7.5-2"
	case "laptop":
		return "M5 5h14v10H5zM2 19h20"
	case "clock":
		return ring + "M12 7v5l3.5 2"
	case "tick":
		return ring + "M8 12.3l2.8 2.8L16 9.5"
	case "ring":
		return ring
	case "i":
		return ring + "M12 11v5.5M12 7.5v.01"
	case "octagon":
		return "M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3zM12 7.5v5.5M12 16.5v.01"
	case "triangle":
		return "M12 4 2.5 20h19zM12 10v4.5M12 17.2v.01"
	case "back":
		return "M19 12H5M11 6l-6 6 6 6"
	case "chevron":
		return "M9 5l7 7-7 7"
	case "person":
		return "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4 21a8 8 0 0 1 16 0"
	case "house":
		return "M6 17v-7a6 6 0 0 1 12 0v7M4 20h16M10 17v-6a2 2 0 0 1 4 0v6"
	case "shield":
		return "M12 3l8 3v6c0 5-4 7.5-8 9-4-1.5-8-4-8-9V6z"
	case "heart":
		return "M12 20l-8-8a4.9 4.9 0 0 1 8-5.5 4.9 4.9 0 0 1 8 5.5z"
	}
	return ""
}

// icon is a drawing beside words; readers skip it.
func icon(name string) (template.HTML, error) {
	d := iconPath(name)
	if d == "" {
		return "", fmt.Errorf("kit: there is no icon %q", name)
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><path d="` + d + `"/></svg>`), nil //nolint:gosec // drawn here
}
