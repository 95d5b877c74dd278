// Command conformance is the runner in Go: it plays a scenario against a live service.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var scenario struct{ Steps []json.RawMessage }
	if err := json.Unmarshal(text, &scenario); err != nil {
		return err
	}
	service, err := newService(address)
	if err != nil {
		return err
	}
	defer service.close()
	return newPlayer(service, os.Stdin, os.Stdout).play(scenario.Steps)
}
