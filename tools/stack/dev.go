package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// devInterval is how often "dev" looks at the files. Polling needs no watch
// per folder and works on every file system.
const devInterval = 500 * time.Millisecond

// dev rebuilds and restarts a service whenever a file of it or of pkg/ changes,
// until it is interrupted. What does not compile leaves the old one running.
func (s stack) dev(ctx context.Context, in instance, service string) error {
	services, err := s.l.services()
	if err != nil {
		return err
	}
	if !slices.Contains(services, service) {
		return fmt.Errorf("no service %q; there are: %s", service, strings.Join(services, ", "))
	}
	name, err := s.programName(in, service)
	if err != nil {
		return err
	}
	if err := s.l.useServerUser(); err != nil {
		return err
	}
	dirs := []string{s.l.source("services", service), s.l.source("pkg")}
	say("watching %s; its log: make logs SERVICE=%s", strings.Join(dirs, " and "), name)
	seen := ""
	tick := time.NewTicker(devInterval)
	defer tick.Stop()
	for {
		now, err := snapshot(dirs)
		if err != nil {
			return err
		}
		if now != seen {
			seen = now
			if err := s.rebuild(in, services, service, name); err != nil {
				say("%v", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// rebuild builds a service and has supervisord restart it if the binary differs.
func (s stack) rebuild(in instance, services []string, service, name string) error {
	if err := s.l.build("./services/" + service); err != nil {
		return err
	}
	programs, err := in.programs(s.l, services)
	if err != nil {
		return err
	}
	if err := s.l.writePrograms(in.name, programs); err != nil {
		return err
	}
	return step("starting "+name, func() error {
		if err := s.l.apply(); err != nil {
			return err
		}
		return s.awaitProgram(name)
	})
}

// snapshot is a hash of names, sizes and times of the files that go into a build.
func snapshot(dirs []string) (string, error) {
	h := sha256.New()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // gone since the folder was read
			}
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return string(h.Sum(nil)), nil
}
