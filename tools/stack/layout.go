package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// layout knows where everything is and who owns it.
type layout struct {
	root string // the checkout
	data string // the data folder, links resolved

	// When root runs the stack, servers run as this user instead; -1 means
	// that they run as whoever runs the stack.
	uid, gid int
	userName string

	lockFile *os.File // held while "up" or "down" runs
}

// openLayout finds the checkout above the working directory and makes the data folder.
func openLayout() (*layout, error) {
	root, err := findRoot()
	if err != nil {
		return nil, err
	}
	l := &layout{root: root, uid: -1, gid: -1}
	link := filepath.Join(root, ".data")
	if os.Geteuid() == 0 && !reachableByOthers(root) {
		if err := linkData(link, dataElsewhere(root)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(link, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the data folder: %w", err)
	}
	if l.data, err = filepath.EvalSymlinks(link); err != nil {
		return nil, fmt.Errorf("cannot resolve the data folder: %w", err)
	}
	return l, nil
}

// findRoot walks up to the folder that holds go.work.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.work")); err == nil {
			return filepath.EvalSymlinks(d)
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.work in %s or above it; run this inside a checkout of JobPilot", dir)
		}
	}
}

// reachableByOthers reports whether every folder on the way to dir, and dir
// itself, may be entered by users that neither own it nor are in its group.
func reachableByOthers(dir string) bool {
	for d := dir; ; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if err != nil || st.Mode().Perm()&0o001 == 0 {
			return false
		}
		if d == filepath.Dir(d) {
			return true
		}
	}
}

// dataElsewhere is the data folder of a checkout that only root can enter.
func dataElsewhere(root string) string {
	sum := sha256.Sum256([]byte(root))
	return filepath.Join("/var/lib/jobpilot", hex.EncodeToString(sum[:6]))
}

// linkData makes link point to target. A real folder that holds nothing but
// the freshly built bin/ (the Makefile's doing) is replaced; one with data is not.
func linkData(link, target string) error {
	if to, err := os.Readlink(link); err == nil && to == target {
		return os.MkdirAll(target, 0o755)
	}
	entries, err := os.ReadDir(link)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read %s: %w", link, err)
	}
	for _, e := range entries {
		if e.Name() != "bin" {
			return fmt.Errorf("%s holds data that the servers' user cannot reach; move the checkout out of root's home, or remove that folder", link)
		}
	}
	if err := os.RemoveAll(link); err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return os.Symlink(target, link)
}

// useServerUser decides, once the packages are installed, who runs the
// servers when root runs the stack: PostgreSQL and others refuse root.
func (l *layout) useServerUser() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		l.uid, _ = strconv.Atoi(u.Uid)
		l.gid, _ = strconv.Atoi(u.Gid)
		l.userName = name
		return nil
	}
	return errors.New("neither user postgres nor user nobody exists; run the stack as an ordinary user")
}

// path joins parts to the data folder.
func (l *layout) path(parts ...string) string {
	return filepath.Join(append([]string{l.data}, parts...)...)
}

// source joins parts to the checkout.
func (l *layout) source(parts ...string) string {
	return filepath.Join(append([]string{l.root}, parts...)...)
}

// mkdir makes a folder of the servers' user under the data folder.
func (l *layout) mkdir(perm fs.FileMode, parts ...string) (string, error) {
	dir := l.path(parts...)
	if err := os.MkdirAll(dir, perm); err != nil {
		return "", err
	}
	return dir, l.own(dir)
}

// write puts content into a file of the servers' user, and leaves the file
// alone when it already holds just that.
func (l *layout) write(perm fs.FileMode, content []byte, parts ...string) (string, error) {
	name := l.path(parts...)
	if old, err := os.ReadFile(name); err == nil && string(old) == string(content) {
		return name, l.own(name)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(content); err != nil {
		tmp.Close()
		return "", err
	}
	if err := errors.Join(tmp.Chmod(perm), tmp.Close(), l.own(tmp.Name())); err != nil {
		return "", err
	}
	return name, os.Rename(tmp.Name(), name)
}

// copy puts a file of the checkout into the data folder, readable by the
// servers' user, which may not be able to enter the checkout.
func (l *layout) copy(source string, parts ...string) (string, error) {
	b, err := os.ReadFile(l.source(source))
	if err != nil {
		return "", err
	}
	return l.write(0o644, b, parts...)
}

// own gives a path to the servers' user.
func (l *layout) own(path string) error {
	if l.uid < 0 {
		return nil
	}
	return os.Chown(path, l.uid, l.gid)
}

// asServer makes cmd run as the servers' user.
func (l *layout) asServer(cmd *exec.Cmd) *exec.Cmd {
	if l.uid >= 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(l.uid), Gid: uint32(l.gid)}}
	}
	return cmd
}

// lock keeps a second "up" or "down" of the same checkout waiting until the
// first has ended. The kernel releases it with the process.
func (l *layout) lock() error {
	dir, err := l.mkdir(0o755, "run")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "stack.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	l.lockFile = f
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		return nil
	}
	say("waiting for another stack command on this checkout to end")
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}

func (l *layout) unlock() { l.lockFile.Close() }

// minFree is the room the servers need to start and to be of use.
const minFree = 2 << 30

// checkDisk refuses to start on a disk that is nearly full.
func (l *layout) checkDisk() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(l.data, &st); err != nil {
		return fmt.Errorf("cannot read the free space of %s: %w", l.data, err)
	}
	return checkFree(l.data, st.Bavail*uint64(st.Bsize))
}

func checkFree(dir string, free uint64) error {
	if free >= minFree {
		return nil
	}
	return fmt.Errorf("disk full: %s has %.1f GiB free, the servers need %d GiB; make room, or run `make clean ALL=1`",
		dir, float64(free)/(1<<30), minFree>>30)
}
