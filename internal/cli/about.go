package cli

import (
	_ "embed"
	"errors"
	"runtime/debug"

	"parvis/internal/config"
)

//go:generate go run parvis/internal/cli/gen

// licenseText is generated from the modules this program is built from.
//
//go:embed licenses.txt
var licenseText string

// versionCmd prints the version.
type versionCmd struct {
	JSON bool `help:"Answer as JSON." name:"json"`
}

// Run prints what the build recorded.
func (cmd *versionCmd) Run(c *console) error {
	v := versionOf()
	if cmd.JSON {
		return c.json(v)
	}
	c.printf("parvis %s (%s)\n", v.Version, v.Go)
	return nil
}

// version is what a build says about itself.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
}

func versionOf() version {
	v := version{Version: "unknown", Go: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version, v.Go = info.Main.Version, info.GoVersion
	if v.Version == "" || v.Version == "(devel)" {
		v.Version = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

// licenseCmd prints the licences.
type licenseCmd struct{}

// Run prints them.
func (cmd *licenseCmd) Run(c *console) error {
	c.printf("%s", licenseText)
	return nil
}

// asConfig finds a list of configuration problems in an error.
func asConfig(err error) (*config.Error, bool) { return errors.AsType[*config.Error](err) }
