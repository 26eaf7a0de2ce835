package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: stack COMMAND

  up [-instance dev|test] [-only servers]   install, start, prepare, wait, print URLs
  down [-instance NAME]                     stop everything, or one instance
  status                                    what runs
  env [-instance NAME] [SERVICE]            print the environment of a service
  install                                   only install and fetch what "up" needs
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("no command\n" + usage)
	}
	command, args := args[0], args[1:]
	if command == "exec" {
		e, err := parseExec(args)
		if err != nil {
			return err
		}
		return e.run()
	}
	if err := os.Setenv("PATH", systemPath(os.Getenv("PATH"))); err != nil {
		return err
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	name := flags.String("instance", "", "dev or test")
	only := flags.String("only", "", `"servers" starts no services`)
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := openLayout()
	if err != nil {
		return err
	}
	s := stack{l: l}
	switch command {
	case "up":
		return s.up(ctx, *name, *only)
	case "down":
		return s.down(*name)
	case "install":
		return s.install()
	}
	return fmt.Errorf("no command %q\n%s", command, usage)
}
