package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// checkPorts refuses to start programs whose ports others hold.
func checkPorts(programs []program) error {
	for _, p := range programs {
		for _, port := range p.ports {
			ln, err := net.Listen("tcp", addr(port))
			if err == nil {
				ln.Close()
				continue
			}
			pid, name := portHolder(port)
			return portTaken(p.title, port, pid, name)
		}
	}
	return nil
}

// portTaken is the one line a person gets for a port that is in use.
func portTaken(title string, port, pid int, name string) error {
	who := "another process"
	if pid != 0 {
		who = fmt.Sprintf("process %d (%s)", pid, name)
	}
	return fmt.Errorf("port %d of %s is taken by %s; stop that, or change the port in tools/stack/ports.go", port, title, who)
}

// portHolder finds who listens on a port, as far as /proc shows it to this user.
func portHolder(port int) (pid int, name string) {
	inode := ""
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if b, err := os.ReadFile(table); err == nil && inode == "" {
			inode = listenInode(string(b), port)
		}
	}
	if inode == "" {
		return 0, ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			dir := filepath.Dir(filepath.Dir(link))
			comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
			pid, _ = strconv.Atoi(filepath.Base(dir))
			return pid, strings.TrimSpace(string(comm))
		}
	}
	return 0, ""
}

// listenInode finds the socket that listens on a port in the text of /proc/net/tcp.
func listenInode(table string, port int) string {
	const listening = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	for _, line := range strings.Split(table, "\n") {
		f := strings.Fields(line)
		if len(f) > 9 && f[3] == listening && strings.HasSuffix(f[1], suffix) {
			return f[9]
		}
	}
	return ""
}
