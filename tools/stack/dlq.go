package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jobpilot/jobpilot/pkg/rabbit"
)

var errDLQUsage = errors.New("usage: dlq list [QUEUE] | dlq show QUEUE [ID…] | dlq replay QUEUE ID…|all | dlq drop QUEUE ID…|all")

// dlq works on the messages that could not be handled, of an instance or of
// the broker that RABBITMQ_URL names.
func (s stack) dlq(ctx context.Context, in instance, args []string) error {
	topology, err := readTopology(s.l.source(topologyFile))
	if err != nil {
		return err
	}
	url := os.Getenv("RABBITMQ_URL")
	if url == "" {
		env, err := readEnvMap(in.envFile(s.l))
		if err != nil {
			return err
		}
		if url = env["RABBITMQ_URL"]; url == "" {
			return errDown
		}
	}
	conn, err := rabbit.Open(url, rabbit.Options{Name: "stack dlq", Topology: topology})
	if err != nil {
		return fmt.Errorf("RABBITMQ_URL: %w", err)
	}
	defer conn.Close()
	if len(args) == 0 {
		return errDLQUsage
	}
	switch command, args := args[0], args[1:]; {
	case command == "list" && len(args) <= 1:
		queues := args
		if len(queues) == 0 {
			for _, q := range topology.Queues {
				queues = append(queues, q.Name)
			}
		}
		return listDead(ctx, conn, queues)
	case command == "show" && len(args) >= 1:
		return showDead(ctx, conn, args[0], args[1:])
	case command == "replay" && len(args) >= 2:
		return judgeDead(ctx, conn, args[0], args[1:], rabbit.Replay, "replayed")
	case command == "drop" && len(args) >= 2:
		return judgeDead(ctx, conn, args[0], args[1:], rabbit.Drop, "dropped")
	}
	return errDLQUsage
}

// dlqLimit bounds one command, so that a broker that is down is an error and
// not a wait without end.
const dlqLimit = 2 * time.Minute

func judge(ctx context.Context, conn *rabbit.Conn, queue string, f func(rabbit.Dead) rabbit.Verdict) error {
	ctx, cancel := context.WithTimeout(ctx, dlqLimit)
	defer cancel()
	return conn.Judge(ctx, queue, f)
}

func listDead(ctx context.Context, conn *rabbit.Conn, queues []string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "QUEUE\tID\tTYPE\tTRIES\tLAST FAILED\tCAUSE")
	n := 0
	for _, queue := range queues {
		err := judge(ctx, conn, queue, func(d rabbit.Dead) rabbit.Verdict {
			n++
			cause, _, _ := strings.Cut(d.Error, "\n")
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", queue, d.ID, d.Type, d.Attempts, stamp(d.Last), cause)
			return rabbit.Keep
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		fmt.Println("no dead messages")
		return nil
	}
	return w.Flush()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// showDead prints messages with everything known about them.
func showDead(ctx context.Context, conn *rabbit.Conn, queue string, ids []string) error {
	found, err := eachDead(ctx, conn, queue, ids, func(d rabbit.Dead) rabbit.Verdict {
		fmt.Printf("id      %s\ntype    %s\nfrom    %s\ntries   %d\nfailed  %s to %s\ncause   %s\n", d.ID, d.Type, d.Half, d.Attempts,
			stamp(d.First), stamp(d.Last), d.Error)
		var pretty bytes.Buffer
		if json.Indent(&pretty, d.Body, "", "  ") == nil {
			fmt.Printf("%s\n\n", pretty.Bytes())
		} else {
			fmt.Printf("%q\n\n", d.Body)
		}
		return rabbit.Keep
	})
	if err == nil && found == 0 {
		fmt.Println("no dead messages")
	}
	return err
}

func judgeDead(ctx context.Context, conn *rabbit.Conn, queue string, ids []string, verdict rabbit.Verdict, done string) error {
	if slices.Equal(ids, []string{"all"}) {
		ids = nil
	}
	n, err := eachDead(ctx, conn, queue, ids, func(rabbit.Dead) rabbit.Verdict { return verdict })
	fmt.Printf("%s %d\n", done, n)
	return err
}

// eachDead calls f for the messages of the ids, or for all without any, and
// returns how many those were. An id that is not there is an error.
func eachDead(ctx context.Context, conn *rabbit.Conn, queue string, ids []string, f func(rabbit.Dead) rabbit.Verdict) (int, error) {
	missing := slices.Clone(ids)
	n := 0
	err := judge(ctx, conn, queue, func(d rabbit.Dead) rabbit.Verdict {
		id := d.ID.String()
		if len(ids) > 0 && !slices.Contains(ids, id) {
			return rabbit.Keep
		}
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == id })
		n++
		return f(d)
	})
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("not in the dead-letter queue of %s: %s; see dlq list", queue, strings.Join(missing, ", "))
	}
	return n, err
}
