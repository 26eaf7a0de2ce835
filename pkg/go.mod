module github.com/jobpilot/jobpilot/pkg

go 1.26
