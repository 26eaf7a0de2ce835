package auth

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

// What the policy asks for (NIST SP 800-63B-4 §3.1.1.2: length and lists of
// known passwords, no rules on which characters to use).
const (
	passwordMin     = 8    // characters; with at least guessesShort
	passwordEnough  = 12   // characters; with at least guessesLong
	passwordMax     = 1024 // characters after normalisation
	passwordMaxRead = 16 * passwordMax

	// log10 of the guesses that a password must survive; [passwordGuesses] errs
	// on the low side. 10^8 is zxcvbn's score 3, "safely unguessable".
	guessesShort = 8
	guessesLong  = 6
)

var (
	errPasswordShort = errs.New(errs.Unprocessable, "weak_password",
		"The password is too short. Use at least 12 characters; four or more unrelated words are easy to remember.")
	errPasswordGuessable = errs.New(errs.Unprocessable, "weak_password",
		"The password is easy to guess. Make it longer with unrelated words, not with sequences, repetitions or dates.")
	errPasswordPersonal = errs.New(errs.Unprocessable, "weak_password",
		"The password is mostly your name, your e-mail address or the name of this service. Use words that have nothing to do with you.")
	errPasswordCommon = errs.New(errs.Unprocessable, "common_password",
		"The password, or one much like it, is among the most used ones and is tried first. Choose another that is not a variation of it.")
	errPasswordBreached = errs.New(errs.Unprocessable, "breached_password",
		"The password, or one much like it, was published in a data breach. Choose another, and change it wherever else you use it.")
	errPasswordLong = errs.New(errs.Unprocessable, "unusable_password",
		"The password is too long. Use at most 1,024 characters.")
	errPasswordUnusable = errs.New(errs.Unprocessable, "unusable_password",
		"The password is empty or has a character that cannot be used: a control character such as a tab or line break, an invisible one as in joined emoji, or one that Unicode does not define. Remove it.")
)

// NormalizePassword prepares a password for hashing and comparing, so that the
// same characters match however a keyboard or system encodes them: the
// OpaqueString profile (RFC 8265 §4.2; NFC, every space an ASCII space, case
// kept), up to 1,024 characters. The error is unusable_password; it names no
// field. Normalising twice changes nothing.
func NormalizePassword(password string) (string, error) {
	// Composition shortens, so the limit that protects the normaliser is wider.
	if len(password) > passwordMaxRead {
		return "", errPasswordLong
	}
	if !utf8.ValidString(password) {
		return "", errPasswordUnusable
	}
	normal, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", errPasswordUnusable.With(err)
	}
	if utf8.RuneCountInString(normal) > passwordMax {
		return "", errPasswordLong
	}
	return normal, nil
}

// PasswordPolicy decides which new passwords are accepted. It works offline, and
// is safe for concurrent use.
type PasswordPolicy struct {
	breached *breachedFile // nil without one
}

// NewPasswordPolicy makes a policy with the built-in list of some 56,000 common
// and breached passwords, and with breachedFile if it is not "": the file of
// Pwned Passwords with SHA-1 hashes ordered by hash (lines HASH:COUNT), which is
// searched on disk and kept open.
func NewPasswordPolicy(breachedFile string) (*PasswordPolicy, error) {
	if breachedFile == "" {
		return &PasswordPolicy{}, nil
	}
	f, err := openBreachedFile(breachedFile)
	if err != nil {
		return nil, err
	}
	return &PasswordPolicy{breached: f}, nil
}

// Close closes the file of breached passwords.
func (p *PasswordPolicy) Close() error {
	if p.breached == nil {
		return nil
	}
	return p.breached.Close()
}

// Check returns nil when password may be used: it has at least 12 characters, or
// 8 that are hard to guess; neither it nor what is left without trivial changes
// (case, digits and punctuation around, letters written as digits) is common or
// breached; and it is not mostly repetition, sequences, or words of context, the
// account's e-mail address and names. password need not be normalised.
//
// Otherwise the error is an [errs.Error] with the code weak_password,
// common_password, breached_password or unusable_password, also for the field
// at pointer. Any other error means that the breached file cannot be read.
func (p *PasswordPolicy) Check(pointer, password string, context ...string) error {
	refuse := func(e *errs.Error) error {
		return e.WithFields(errs.Field{Pointer: pointer, Code: e.Code, Message: e.Message})
	}
	password, err := NormalizePassword(password)
	if err != nil {
		var e *errs.Error
		if errors.As(err, &e) {
			return refuse(e)
		}
		return err
	}
	chars := []rune(password)
	if len(chars) < passwordMin {
		return refuse(errPasswordShort)
	}
	variants := passwordVariants(chars)
	if slices.ContainsFunc(variants, isCommonPassword) {
		return refuse(errPasswordCommon)
	}
	guesses, personal := passwordGuesses(chars, contextWords(context))
	switch enough := len(chars) >= passwordEnough; {
	case enough && guesses >= guessesLong, guesses >= guessesShort:
	case personal:
		return refuse(errPasswordPersonal)
	case enough:
		return refuse(errPasswordGuessable)
	default:
		return refuse(errPasswordShort)
	}
	if p.breached == nil {
		return nil
	}
	for _, v := range append(variants, password) {
		// Nearly everything shorter was in a breach.
		if utf8.RuneCountInString(v) < passwordMin {
			continue
		}
		found, err := p.breached.contains(v)
		if err != nil {
			return err
		}
		if found {
			return refuse(errPasswordBreached)
		}
	}
	return nil
}

// passwordVariants returns the password in lower case, as it is and without the
// digits and punctuation before it, after it and both (if at least half is left),
// each also with leet spelling undone.
func passwordVariants(password []rune) []string {
	starts, ends := []int{0}, []int{len(password)}
	if first := slices.IndexFunc(password, unicode.IsLetter); first >= 0 {
		last := len(password) - 1
		for !unicode.IsLetter(password[last]) {
			last--
		}
		starts, ends = append(starts, first), append(ends, last+1)
	}
	var variants []string
	for _, spelling := range spellings(password) {
		for _, start := range starts {
			for _, end := range ends {
				if 2*(end-start) < len(password) {
					continue
				}
				if v := string(spelling[start:end]); !slices.Contains(variants, v) {
					variants = append(variants, v)
				}
			}
		}
	}
	return variants
}

// contextWords splits the account's e-mail address and names into words, in
// lower case; what is shorter than three characters proves nothing. Our own name
// is always one of them.
func contextWords(context []string) []string {
	words := []string{"jobpilot"}
	add := func(w string) {
		const maxWords = 32
		if utf8.RuneCountInString(w) >= 3 && len(words) < maxWords && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, c := range context {
		local, _, _ := strings.Cut(c, "@")
		for _, s := range []string{c, local} {
			parts := strings.FieldsFunc(strings.Map(unicode.ToLower, s), func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
			})
			for _, part := range parts {
				add(part)
			}
			add(strings.Join(parts, ""))
		}
	}
	return words
}
