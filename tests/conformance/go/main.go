// Command conformance is the runner in Go: it plays a scenario against a live service.
package main

import (
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
	service, err := newService(address)
	if err != nil {
		return err
	}
	defer service.close()
	player := newPlayer(service, os.Stdin, os.Stdout)
	steps, err := scenario(path)
	if err != nil {
		return player.tell(err, nil)
	}
	return player.play(steps)
}

// scenario reads the steps of a scenario.
func scenario(path string) ([]object, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var told any
	if err := decode(text, &told); err != nil {
		return nil, err
	}
	list, listed := parts(told)["steps"].([]any)
	steps := []object{}
	for _, each := range list {
		step, is := each.(object)
		listed = listed && is
		steps = append(steps, step)
	}
	if !listed {
		return nil, fmt.Errorf("the scenario has no list of steps")
	}
	return steps, nil
}
