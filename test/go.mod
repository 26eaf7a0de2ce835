module github.com/jobpilot/jobpilot/test

go 1.26

require github.com/jobpilot/jobpilot/pkg v0.0.0

replace github.com/jobpilot/jobpilot/pkg => ../pkg
