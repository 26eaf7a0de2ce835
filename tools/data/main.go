// Command data builds the tables that services embed or that the database holds,
// from published packages:
//
//	go run ./tools/data passwords   common passwords and words, for the password policy of auth
//	go run ./tools/data countries   the country each block of addresses is registered in
//	go run ./tools/data reference ESCO
//	                                the rows of schema "common", in migrations/common/data: countries, currencies,
//	                                languages, places, and skills and occupations from the folder ESCO, which
//	                                holds what tools/data/esco describes
//
// Packages are pinned by version and digest and fetched with npm and pip, so a
// run is repeatable to the byte. To update a table, change the pins below, run
// the command, then the tests of the service, and check that NOTICE still holds.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// tables is where the tables are written, relative to the root of the checkout.
const tables = "services/auth/internal/auth/data"

// The packages; their licences and authors are in NOTICE.
var (
	commonPasswords = npm("@zxcvbn-ts/language-common", "4.1.3",
		"g2bg4skmlJG9aJqC/nWziZzgYpSe/f3rKeGobrkdFiOrfZVFqqzUgC6BUQWuX54Sua9j0Jxxt+1bf4f/Mal1Kg==")
	englishWords = npm("@zxcvbn-ts/language-en", "4.1.1",
		"6UdzuBd3Uex8TKubohcn+uXRVAH34Zjs2eCfT4hQVo9zeTy7AkQRQfdV4OnHR5hQfW/XBrK/AGTZk7VBWh7wwQ==")
	djangoPasswords = pip("django", "5.2.19",
		"YFvBxaUZPqi9uDt4s9ulwRAAHLHBC6LkSPKOmuF2Qd0rn7EDZK3wAigQq/cRmVryfMPBenSC5ucfqX+73aPYVQ==")
	countryBlocks = npm("@ip-location-db/asn-country", "2.3.2026061719",
		"KN/mUGqf/nwkI0RDvv4knOc5xGXxbooU1MlTXThEJcJVyWxHoCx6oRed8p7NguGKZRpQPmZWdWw/zslHZsUC6Q==")
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "data:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var name string
	var build func() ([]byte, error)
	switch {
	case len(args) == 1 && args[0] == "passwords":
		name, build = "words.bin", passwords
	case len(args) == 1 && args[0] == "countries":
		name, build = "countries.bin", countries
	case len(args) == 2 && args[0] == "reference":
		return reference(args[1])
	default:
		return fmt.Errorf("usage: go run ./tools/data passwords|countries|reference ESCO")
	}
	if _, err := os.Stat(tables); err != nil {
		return fmt.Errorf("run this in the root of the checkout: %w", err)
	}
	table, err := build()
	if err != nil {
		return err
	}
	path := filepath.Join(tables, name)
	if err := os.WriteFile(path, table, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", path, len(table))
	return nil
}
