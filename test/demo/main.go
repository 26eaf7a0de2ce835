// Command demo plays the main job against the running stack, through the gateway
// as any client would, with a line and a time for each step. It ends non-zero
// when a step does not hold, and leaves everything running to look at.
//
// RESUME=file uploads a resume of one's own, SOURCES=greenhouse:TOKEN,… gathers
// from real boards instead of the local job site.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/jobpilot/jobpilot/test/walk"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o, err := options()
	if err != nil {
		return err
	}
	w, err := walk.New(o)
	if err != nil {
		return err
	}
	defer w.Close()
	fmt.Printf("JobPilot at %s\n", o.Gateway)
	var rows []row
	start := time.Now()
	for n, scene := range w.Scenes() {
		fmt.Printf("\n%d. %s\n", n+1, scene.Name)
		began := time.Now()
		for _, s := range scene.Steps {
			if err := play(ctx, s); err != nil {
				return fmt.Errorf("%s, %s: %w", scene.Name, s.Name, err)
			}
		}
		rows = append(rows, row{scene.Name, len(scene.Steps), time.Since(began)})
	}
	summary(rows, time.Since(start))
	fmt.Printf("\nPictures and files   %s\n", o.Folder)
	for _, u := range [][2]string{{"Start page", o.Gateway + "/"}, {"API documents", o.Gateway + "/docs/"}, {"Mails", o.Mail}, {"Job site", o.Board}} {
		if u[1] != "" {
			fmt.Printf("%-20s %s\n", u[0], u[1])
		}
	}
	fmt.Println("What runs            make status")
	return nil
}

// play does a step and prints what came of it.
func play(ctx context.Context, s walk.Step) error {
	ctx, cancel := context.WithTimeout(ctx, walk.StepLimit)
	defer cancel()
	began := time.Now()
	said, err := s.Do(ctx)
	if err != nil {
		return err
	}
	first, details, _ := strings.Cut(said, "\n")
	fmt.Printf("   %-42s %7s   %s\n", s.Name, duration(time.Since(began)), first)
	for line := range strings.Lines(details) {
		fmt.Printf("   %-42s %7s      %s\n", "", "", strings.TrimRight(line, "\n"))
	}
	return nil
}

// row is a scene in the summary.
type row struct {
	scene string
	steps int
	took  time.Duration
}

func summary(rows []row, all time.Duration) {
	steps := 0
	fmt.Printf("\n%-26s %6s %9s\n", "SCENE", "STEPS", "TIME")
	for _, r := range rows {
		fmt.Printf("%-26s %6d %9s\n", r.scene, r.steps, duration(r.took))
		steps += r.steps
	}
	fmt.Printf("%-26s %6d %9s\n", "all held", steps, duration(all))
}

func duration(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func options() (o walk.Options, err error) {
	var missing []error
	env := func(name string) string {
		v := os.Getenv(name)
		if v == "" {
			missing = append(missing, fmt.Errorf("%s is not set; start the demo with `make demo`", name))
		}
		return strings.TrimRight(v, "/")
	}
	o = walk.Options{
		Gateway: env("GATEWAY_URL"), Mail: env("MAIL_URL"), CAFile: env("TLS_CA_FILE"), Stack: env("JOBPILOT_STACK"), Instance: env("ENVIRONMENT"),
		Resume: os.Getenv("RESUME"), Board: cmp.Or(os.Getenv("SOURCE_BASE_URL"), "http://127.0.0.1:18080"),
	}
	if err := errors.Join(missing...); err != nil {
		return o, err
	}
	if list := os.Getenv("SOURCES"); list != "" {
		o.Board = ""
		if o.Sources, err = walk.ParseSources(list); err != nil {
			return o, err
		}
	}
	data := filepath.Dir(filepath.Dir(o.Stack)) // .data, where everything is that the stack makes
	o.Folder = filepath.Join(data, "demo", time.Now().Format("2006-01-02-150405"))
	return o, nil
}
