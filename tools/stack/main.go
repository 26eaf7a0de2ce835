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

const usage = `usage: stack COMMAND [-instance dev|test] …

  up [-only servers]   install, start, prepare, wait, print URLs
  down                 stop everything; with -instance only its services
  status               what runs and whether it answers
  logs SERVICE         show a program's log and follow it
  restart SERVICE      rebuild and restart one program, after new migrations
  dev SERVICE          rebuild and restart a service whenever its files change
  psql [SERVICE]       a database session as the service's role, or as superuser
  env [SERVICE]        print the environment, as NAME=value
  test [-only STAGE] [SERVICE]   everything CI runs, or a part, with a summary
  dlq list|show|replay|drop [QUEUE [ID…|all]]   work on dead messages
  compose up|down|status|logs|clean [SERVICE]   the same platform with Docker Compose
  prepare              make databases, queues and buckets on the servers that the environment names
  run PROGRAM ARG…     run a program with the instance's environment
  clean [-all]         stop everything and remove the data; -all: the tools too
  install              only install and fetch what "up" needs
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
	switch command { // those that also run where there is no checkout
	case "prepare":
		return prepareFromEnv(ctx)
	}
	if err := os.Setenv("PATH", systemPath(os.Getenv("PATH"))); err != nil {
		return err
	}
	o, err := parseOptions(command, args)
	if err != nil {
		return err
	}
	l, err := openLayout()
	if err != nil {
		return err
	}
	s := stack{l: l}
	switch command {
	case "up":
		return s.up(ctx, o.instance, o.only == "servers")
	case "down":
		if o.named {
			return s.down(&o.instance)
		}
		return s.down(nil)
	case "install":
		_, err := s.install()
		return err
	case "status":
		return s.status(ctx)
	case "logs":
		return s.logs(o.instance, o.service)
	case "restart":
		return s.restart(ctx, o.instance, o.service)
	case "dev":
		return s.dev(ctx, o.instance, o.service)
	case "psql":
		return s.psql(o.instance, o.service)
	case "env":
		return s.env(o.instance, o.service)
	case "test":
		return s.test(ctx, o.service, o.only)
	case "dlq":
		return s.dlq(ctx, o.instance, o.args)
	case "compose":
		return s.compose(o.args)
	case "run":
		return s.run(o.instance, o.args)
	case "clean":
		return s.clean(o.all)
	}
	return fmt.Errorf("no command %q\n%s", command, usage)
}

// options are what follows a command.
type options struct {
	instance instance
	named    bool // -instance was given
	only     string
	all      bool
	args     []string // what follows the options
	service  string   // the first of them
}

func parseOptions(command string, args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	name := flags.String("instance", "dev", "dev or test")
	flags.StringVar(&o.only, "only", "", `up: "servers" starts no services; test: run this stage alone`)
	flags.BoolVar(&o.all, "all", false, "remove the downloaded tools too")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	flags.Visit(func(f *flag.Flag) { o.named = o.named || f.Name == "instance" })
	if command == "up" && o.only != "" && o.only != "servers" {
		return o, fmt.Errorf("up -only %s: there is only \"servers\"", o.only)
	}
	var err error
	if o.instance, err = findInstance(*name); err != nil {
		return o, err
	}
	o.args, o.service = flags.Args(), flags.Arg(0)
	if needsService := command == "logs" || command == "restart" || command == "dev"; needsService && o.service == "" {
		return o, fmt.Errorf("which one? make %s SERVICE=…, by the names of make status", command)
	}
	return o, nil
}
