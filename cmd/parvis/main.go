// Command parvis is the sign-in service, its demonstration and its tools.
package main

import (
	"os"

	"parvis/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
