package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// envVar is one line of an environment file.
type envVar struct{ Name, Value string }

// readEnv reads a file of NAME=value lines. Blank lines and lines that start
// with # are left out; a value is taken as it is, without the quotes around
// it if there are any.
func readEnv(name string) ([]envVar, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the environment: %w", err)
	}
	return parseEnv(name, string(b))
}

func parseEnv(name, text string) ([]envVar, error) {
	var vars []envVar
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t") {
			return nil, fmt.Errorf("%s line %d: expected NAME=value", name, i+1)
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		vars = append(vars, envVar{key, value})
	}
	return vars, nil
}

// readEnvMap is readEnv as a map; a file that is not there is empty.
func readEnvMap(name string) (map[string]string, error) {
	vars, err := readEnv(name)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	m := make(map[string]string, len(vars))
	for _, v := range vars {
		m[v.Name] = v.Value
	}
	return m, err
}

// formatEnv is the inverse of parseEnv.
func formatEnv(comment string, vars []envVar) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", comment)
	for _, v := range vars {
		fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
	}
	return []byte(b.String())
}

// keep returns the value a name already has, else a fresh one, so that
// secrets are made once and last as long as the data they open.
func keep(old map[string]string, name string, fresh func() string) string {
	if v, ok := old[name]; ok {
		return v
	}
	return fresh()
}

// password is 144 bits that need no quoting anywhere.
func password() string {
	b := make([]byte, 18)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// key256 is a 256-bit key in base64.
func key256() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// serverSecrets reads, or makes once, the secrets of the data servers.
func (l *layout) serverSecrets() (map[string]string, error) {
	if _, err := l.mkdir(0o700, "env"); err != nil {
		return nil, err
	}
	old, err := readEnvMap(l.path("env", "servers.env"))
	if err != nil {
		return nil, err
	}
	var vars []envVar
	for _, name := range []string{"POSTGRES_PASSWORD", "PGBOUNCER_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_ADMIN_PASSWORD", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"} {
		vars = append(vars, envVar{name, keep(old, name, password)})
	}
	if _, err := l.write(0o600, formatEnv("Secrets of the data servers, made once by tools/stack.", vars), "env", "servers.env"); err != nil {
		return nil, err
	}
	secrets := make(map[string]string, len(vars))
	for _, v := range vars {
		secrets[v.Name] = v.Value
	}
	_, err = l.write(0o600, formatEnv("The S3 server's root account.", []envVar{
		{"ROOT_ACCESS_KEY_ID", secrets["S3_ACCESS_KEY_ID"]},
		{"ROOT_SECRET_ACCESS_KEY", secrets["S3_SECRET_ACCESS_KEY"]},
	}), "env", "s3.env")
	return secrets, err
}
