// Package mail hands mails to those who carry them: an SMTP server or SendGrid.
package mail

import (
	"errors"
	"net/mail"
)

// Message is a mail to one address.
type Message struct {
	ID      string // Message-ID without brackets; the same for each try
	To      mail.Address
	Subject string
	Text    string
	HTML    string
	// Header has further fields; values are single lines.
	Header map[string]string
}

var (
	// ErrRejected says that there is no such address: nothing sent to it will arrive.
	ErrRejected = errors.New("mail: the address is refused")
	// ErrDown says that the mail server cannot be reached.
	ErrDown = errors.New("mail: the mail server cannot be reached")
	// ErrRefused says that this mail is not taken, now or later. Every other error
	// may pass.
	ErrRefused = errors.New("mail: the mail is refused")
)
