package site

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"strings"

	"github.com/jobpilot/jobpilot/tools/jobboard/internal/posting"
)

// captchaWords are what a person is asked to type.
var captchaWords = []string{"amber", "basil", "cedar", "delta", "ember", "flint", "grove", "heron", "ivory", "jolly", "kayak",
	"lemon", "maple", "nylon", "ocean", "pearl", "quilt", "river", "sable", "tulip", "umbra", "velvet", "willow", "zebra"}

// captchaKind is the widget that a form shows, its answer's name, or nothing.
func captchaKind(modes []string) (kind, field string) {
	for _, m := range modes {
		switch m {
		case posting.ModeCaptcha:
			return "hcaptcha", "h-captcha-response"
		case posting.ModeCaptchaRecaptcha:
			return "recaptcha", "g-recaptcha-response"
		case posting.ModeCaptchaTurnstile:
			return "turnstile", "cf-turnstile-response"
		case posting.ModeCaptchaInvisible:
			return "invisible", "g-recaptcha-response"
		}
	}
	return "", ""
}

func (s *Site) routesCaptcha() {
	s.mux.HandleFunc("GET /_captcha/frame", s.captchaFrame)
	s.mux.HandleFunc("POST /_captcha/solve", func(w http.ResponseWriter, r *http.Request) {
		id := r.PostFormValue("id")
		if token := s.store.solve(id, r.PostFormValue("word")); token != "" {
			s.reply(w, http.StatusOK, obj{"token": token})
			return
		}
		s.reply(w, http.StatusUnprocessableEntity, obj{"error": "That is not the word. Try another one."})
	})
	s.mux.HandleFunc("GET /_captcha/passive", func(w http.ResponseWriter, _ *http.Request) {
		s.reply(w, http.StatusOK, obj{"token": s.store.token("passive")})
	})
}

func (s *Site) captchaFrame(w http.ResponseWriter, r *http.Request) {
	id, word := s.store.challenge()
	kind := r.URL.Query().Get("kind")
	name := map[string]string{"recaptcha": "reCAPTCHA", "invisible": "reCAPTCHA", "turnstile": "Turnstile"}[kind]
	if name == "" {
		name = "hCaptcha"
	}
	w.Header().Set("Cache-Control", "no-store")
	s.page(w, r, http.StatusOK, "captcha.html", obj{"ID": id, "Letters": strings.Split(word, ""), "Name": name})
}

// challenge makes a new word to type.
func (s *store) challenge() (id, word string) {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(captchaWords))))
	if err != nil {
		n = big.NewInt(0)
	}
	id, word = rand.Text(), captchaWords[n.Int64()]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.challenges.put(id, word)
	return id, word
}

// solve gives a token for the right word. A challenge can be tried once.
func (s *store) solve(id, word string) string {
	s.mu.Lock()
	right, ok := s.challenges.get(id)
	s.challenges.drop(id)
	s.mu.Unlock()
	if !ok || !strings.EqualFold(strings.TrimSpace(word), right) {
		return ""
	}
	return s.token("solved")
}

func (s *store) token(kind string) string {
	token := "P1_" + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens.put(token, kind)
	return token
}

// redeem uses up a token. Passive ones only serve where nothing needs solving.
func (s *store) redeem(token string, solved bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, ok := s.tokens.get(token)
	s.tokens.drop(token)
	return ok && (!solved || kind == "solved")
}
