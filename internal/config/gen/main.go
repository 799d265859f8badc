// Command gen writes internal/config/fields.json and docs/configuration.md from
// the doc comments of all settings. `go generate ./internal/config` runs it.
package main

import (
	"fmt"
	"os"

	"parvis/internal/config"
)

func main() {
	if err := config.Generate("../.."); err != nil { // go generate runs in internal/config
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
