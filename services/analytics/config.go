package main

import "github.com/jobpilot/jobpilot/pkg/app"

// Config is the environment of analytics. Every fault in it is reported at start.
type Config struct {
	app.Config
	app.AuthConfig

	// EventMonths is how long single events are kept; counts stay.
	EventMonths int `env:"EVENT_MONTHS" envDefault:"25" check:"min=2,max=120"`
}
