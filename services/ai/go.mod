module github.com/jobpilot/jobpilot/services/ai

go 1.26.0

require github.com/jobpilot/jobpilot/pkg v0.0.0

require (
	github.com/klippa-app/go-pdfium v1.21.4 // indirect
	github.com/nyaruka/phonenumbers v1.8.1 // indirect
	github.com/tetratelabs/wazero v1.12.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/jobpilot/jobpilot/pkg => ../../pkg
