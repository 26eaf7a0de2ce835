package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/jobpilot/jobpilot/pkg/config"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/services/auth/internal/auth"
)

const usage = `auth is JobPilot's service of accounts, sessions and credentials.

  auth serve                                           answer requests until told to stop
  auth admin create --email ADDRESS                    make an account a super admin; a new one's password is asked
                                                       for, or read from standard input
  auth signing-key rotate                              replace the key that signs access tokens
  auth service-key issue --service NAME [--grace 24h]  print a new key; the one before goes on for the grace period,
                                                       older ones end
  auth service-key adopt [--grace 24h]                 take over the keys on standard input, or in SERVICE_KEYS, that were made
                                                       elsewhere (jps_<service>_<random>); those it has stay as they are
  auth service-key revoke --service NAME               end all keys of a service now
  auth service-key list                                list the valid keys
  auth help                                            print this

The configuration is in the environment; docs/configuration.md lists it.
`

// task is what a command does once its arguments are understood.
type task func(ctx context.Context, s *auth.Service, stdin io.Reader, stdout io.Writer) error

// commands by their two words; each defines its flags and returns what reads them.
var commands = map[string]func(*flag.FlagSet) task{
	"admin create":       adminCreate,
	"signing-key rotate": func(*flag.FlagSet) task { return signingKeyRotate },
	"service-key issue":  serviceKeyIssue,
	"service-key adopt":  serviceKeyAdopt,
	"service-key revoke": serviceKeyRevoke,
	"service-key list":   func(*flag.FlagSet) task { return serviceKeyList },
}

// command runs a command other than serve. Its error is one line that says what
// to do.
func command(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	return runCommand(ctx, args, stdin, stdout, func(ctx context.Context) (*auth.Service, func(), error) {
		cfg, err := config.Load[Config]()
		if err != nil {
			return nil, nil, err
		}
		cfg.Service, cfg.Version, cfg.LogLevel = "auth", version, max(cfg.LogLevel, slog.LevelWarn)
		s, err := open(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		return s.auth, s.Close, nil
	})
}

func runCommand(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer,
	open func(context.Context) (*auth.Service, func(), error)) error {
	if len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help") {
		_, err := io.WriteString(stdout, usage)
		return err
	}
	name := strings.Join(args[:min(2, len(args))], " ")
	define, ok := commands[name]
	if !ok {
		return fmt.Errorf("no command %q; `auth help` lists them", name)
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	do := define(flags)
	if err := flags.Parse(args[2:]); err != nil {
		return fmt.Errorf("%s: %w; `auth help` shows how", name, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: what is %q? `auth help` shows how", name, flags.Arg(0))
	}
	var missing error
	flags.VisitAll(func(f *flag.Flag) {
		if f.Value.String() == "" {
			missing = fmt.Errorf("%s: --%s is missing; give %s", name, f.Name, f.Usage)
		}
	})
	if missing != nil {
		return missing
	}
	s, closeAll, err := open(ctx)
	if err == nil {
		defer closeAll()
		err = do(ctx, s, stdin, stdout)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, forPeople(err))
	}
	return nil
}

// forPeople leaves out the code of an error that is made for clients, and the
// cause of one that is the caller's fault.
func forPeople(err error) error {
	var e *errs.Error
	if !errors.As(err, &e) {
		return err
	}
	if cause := errors.Unwrap(e); cause != nil && (e.Kind == errs.Internal || e.Kind == errs.Unavailable) {
		return fmt.Errorf("%s (%w)", e.Message, cause)
	}
	return errors.New(e.Message)
}

func adminCreate(flags *flag.FlagSet) task {
	email := flags.String("email", "", "the account's address")
	return func(ctx context.Context, s *auth.Service, stdin io.Reader, stdout io.Writer) error {
		set, err := s.CreateSuperAdmin(ctx, *email, func() (string, error) { return readPassword(ctx, stdin) })
		if err != nil {
			return err
		}
		how := "it keeps its password"
		if set {
			how = "its password is set"
		}
		_, err = fmt.Fprintf(stdout, "%s is a super admin; %s\n", *email, how)
		return err
	}
}

func signingKeyRotate(ctx context.Context, s *auth.Service, _ io.Reader, stdout io.Writer) error {
	kid, from, err := s.Signer.Rotate(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "the new key %s signs from %s on; running services take it over by themselves\n", kid, from.UTC().Format(time.RFC3339))
	return err
}

func serviceKeyIssue(flags *flag.FlagSet) task {
	service := flags.String("service", "", "one of "+strings.Join(auth.Services, ", "))
	grace := flags.Duration("grace", auth.ServiceKeyGrace, "how long the key before goes on")
	return func(ctx context.Context, s *auth.Service, _ io.Reader, stdout io.Writer) error {
		key, err := s.IssueServiceKey(ctx, *service, *grace)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, key)
		return err
	}
}

func serviceKeyAdopt(flags *flag.FlagSet) task {
	grace := flags.Duration("grace", auth.ServiceKeyGrace, "how long the key before goes on")
	return func(ctx context.Context, s *auth.Service, stdin io.Reader, stdout io.Writer) error {
		text := os.Getenv("SERVICE_KEYS")
		if text == "" {
			raw, err := io.ReadAll(io.LimitReader(stdin, 1<<16))
			if err != nil {
				return err
			}
			text = string(raw)
		}
		for key := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
			service, err := s.AdoptServiceKey(ctx, key, *grace)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(stdout, "%s has its key\n", service); err != nil {
				return err
			}
		}
		return nil
	}
}

func serviceKeyRevoke(flags *flag.FlagSet) task {
	service := flags.String("service", "", "one of "+strings.Join(auth.Services, ", "))
	return func(ctx context.Context, s *auth.Service, _ io.Reader, stdout io.Writer) error {
		if err := s.RevokeServiceKeys(ctx, *service); err != nil {
			return err
		}
		_, err := fmt.Fprintf(stdout, "%s has no valid key any more; `auth service-key issue --service %[1]s` makes one\n", *service)
		return err
	}
}

func serviceKeyList(ctx context.Context, s *auth.Service, _ io.Reader, stdout io.Writer) error {
	keys, err := s.ListServiceKeys(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVICE\tKEY\tCREATED\tENDS")
	for _, k := range keys {
		ends := "when replaced"
		if k.ExpiresAt != nil {
			ends = k.ExpiresAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Service, k.ID, k.CreatedAt.UTC().Format(time.RFC3339), ends)
	}
	return w.Flush()
}

var errNoPassword = errors.New("there is no password; type one, or send it on standard input as one line")

// readPassword asks twice at a terminal, without showing what is typed; from
// anything else it reads a line.
func readPassword(ctx context.Context, stdin io.Reader) (string, error) {
	file, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(stdin, 1<<16)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errNoPassword
		}
		return line, nil
	}
	first, err := askHidden(ctx, file, "Password: ")
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", errNoPassword
	}
	again, err := askHidden(ctx, file, "Once more: ")
	if err == nil && again != first {
		err = errors.New("the two are not the same; try again")
	}
	return first, err
}

// askHidden reads a line from a terminal that does not show it, and leaves the
// terminal as it was, also when it is interrupted.
func askHidden(ctx context.Context, tty *os.File, prompt string) (string, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(os.Stderr, prompt)
	defer fmt.Fprintln(os.Stderr)
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- answer{text, err}
	}()
	select {
	case a := <-read:
		return string(a.text), a.err
	case <-ctx.Done():
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	}
}
