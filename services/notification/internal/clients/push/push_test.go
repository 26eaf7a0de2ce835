package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// The example of RFC 8291, appendix A.
func TestEncryptionIsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	private, err := decode64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
	must(t, err)
	ephemeral, err := ecdh.P256().NewPrivateKey(private)
	must(t, err)
	salt, err := decode64("DGv6ra1nlYgDCS1FRnbzlw")
	must(t, err)
	s := Subscription{
		P256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", Auth: "BTBZMqHH6r4Tts7J_aSIgg",
	}
	body, err := encrypt(s, []byte("When I grow up, I want to be a watermelon"), ephemeral, salt)
	must(t, err)
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if got := base64.RawURLEncoding.EncodeToString(body); got != want {
		t.Errorf("encrypted to\n%s, want\n%s", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// browser is a browser with its push service, which checks what it is sent as RFC
// 8030, 8291 and 8292 say.
type browser struct {
	Subscription
	key    *ecdh.PrivateKey
	auth   []byte
	status atomic.Int32
	server *httptest.Server
	got    chan Message
}

func newBrowser(t *testing.T, public func() string) *browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	b := &browser{key: key, auth: make([]byte, 16), got: make(chan Message, 4)}
	rand.Read(b.auth)
	b.status.Store(http.StatusCreated)
	b.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := int(b.status.Load()); status != http.StatusCreated {
			w.WriteHeader(status)
			return
		}
		m, err := b.receive(r, public())
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.got <- m
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(b.server.Close)
	b.Subscription = Subscription{b.server.URL + "/push/1", base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(b.auth)}
	return b
}

func (b *browser) receive(r *http.Request, public string) (m Message, err error) {
	if r.Header.Get("TTL") == "" || r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("Urgency") != "high" {
		return m, fmt.Errorf("headers %v", r.Header)
	}
	token, key, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "vapid t="), ", k=")
	if !ok || key != public {
		return m, fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	point, err := decode64(key)
	if err != nil {
		return m, err
	}
	signer, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return m, err
	}
	if _, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return signer, nil }, jwt.WithValidMethods([]string{"ES256"}),
		jwt.WithAudience(b.server.URL), jwt.WithExpirationRequired(), jwt.WithSubject("mailto:a@jobpilot.test")); err != nil {
		return m, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return m, err
	}
	salt, ours, sealed := body[:16], body[21:21+65], body[21+65:]
	from, err := ecdh.P256().NewPublicKey(ours)
	if err != nil {
		return m, err
	}
	shared, err := b.key.ECDH(from)
	if err != nil {
		return m, err
	}
	ikm, _ := hkdf.Key(sha256.New, shared, b.auth, "WebPush: info\x00"+string(b.key.PublicKey().Bytes())+string(ours), 32)
	cek, _ := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, _ := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	block, _ := aes.NewCipher(cek)
	gcm, _ := cipher.NewGCM(block)
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(plain[:len(plain)-1], &m)
}

func TestABrowserGetsAMessage(t *testing.T) {
	t.Parallel()
	var p *WebPush
	b := newBrowser(t, func() string { return p.PublicKey() })
	key := make([]byte, 32)
	rand.Read(key)
	key[0] = 1 // under the order of the curve
	p, err := NewWebPush(base64.StdEncoding.EncodeToString(key), "mailto:a@jobpilot.test", b.server.Client())
	must(t, err)
	must(t, b.Check())
	want := Message{ID: "1", Kind: "job.alert", Title: "Grüße", Body: "x", Link: "https://jobpilot.test", Urgent: true}
	for range 2 { // the second with the token of the first
		must(t, p.Send(t.Context(), b.Subscription, want))
		if got := <-b.got; got.Title != want.Title || got.Link != want.Link {
			t.Errorf("got %+v", got)
		}
	}
	for status, outcome := range map[int32]error{404: ErrGone, 410: ErrGone, 413: ErrRefused, 400: ErrRefused} {
		b.status.Store(status)
		if err := p.Send(t.Context(), b.Subscription, want); !errors.Is(err, outcome) {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, status := range []int32{429, 500, 503, 403} {
		b.status.Store(status)
		if err := p.Send(t.Context(), b.Subscription, want); err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrRefused) {
			t.Errorf("%d: %v", status, err)
		}
	}
	long := want
	long.Body = strings.Repeat("x", 5000)
	if err := p.Send(t.Context(), b.Subscription, long); !errors.Is(err, ErrRefused) {
		t.Errorf("too long: %v", err)
	}
}

func TestNobodyHasUsAskOurOwnNetwork(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("our own network was asked") }))
	t.Cleanup(inside.Close)
	for _, url := range []string{inside.URL, strings.Replace(inside.URL, "127.0.0.1", "localhost", 1)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		must(t, err)
		if resp, err := PublicClient().Do(r); !errors.Is(err, ErrTarget) {
			if err == nil {
				resp.Body.Close()
			}
			t.Errorf("%s: %v", url, err)
		}
	}
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "127.0.0.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::1": false, "fe80::1": false, "fd00::1": false, "224.0.0.1": false, "198.18.0.1": false, "64:ff9b::a00:1": false,
		"2002:a00:1::": false, "255.255.255.255": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	for _, s := range []Subscription{{Endpoint: "http://push.example/1"}, {Endpoint: "https://u:p@push.example"}, {Endpoint: "x"}, {Endpoint: "https://push.example", P256dh: "BA", Auth: "AA"}} {
		if err := s.Check(); !errors.Is(err, ErrTarget) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for _, key := range []string{"", "x", "AAAA", base64.StdEncoding.EncodeToString(make([]byte, 32))} {
		if _, err := NewWebPush(key, "mailto:a@b.example", nil); err == nil {
			t.Errorf("key %q was taken", key)
		}
	}
}

// firebase is Google as far as messages are sent to it: tokens for service accounts
// and messages for devices.
func firebase(t *testing.T) (fcm *FCM, answer func(status int, body string), got func() map[string]any) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	status, body := http.StatusOK, `{"name":"projects/p/messages/1"}`
	var last map[string]any
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			claims := jwt.MapClaims{}
			_, err := jwt.ParseWithClaims(r.FormValue("assertion"), claims, func(*jwt.Token) (any, error) { return &private.PublicKey, nil },
				jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("jobpilot@p.iam.gserviceaccount.com"), jwt.WithAudience(s.URL+"/token"))
			if err != nil || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || claims["scope"] != fcmScope {
				t.Errorf("assertion: %v, %v", err, claims)
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"at","token_type":"Bearer","expires_in":3600}`)
		case "/v1/projects/p/messages:send":
			if r.Header.Get("Authorization") != "Bearer at" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			if err := json.NewDecoder(r.Body).Decode(&last); err != nil {
				t.Error(err)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(s.Close)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	credentials, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": "jobpilot@p.iam.gserviceaccount.com", "token_uri": s.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	must(t, err)
	fcm, err = NewFCM(credentials, s.URL)
	must(t, err)
	return fcm, func(s int, b string) { status, body = s, b }, func() map[string]any { return last }
}

func TestATelephoneGetsAMessage(t *testing.T) {
	t.Parallel()
	fcm, answer, got := firebase(t)
	m := Message{ID: "1", Kind: "job.alert", Title: "T", Body: "B", Urgent: true}
	must(t, fcm.Send(t.Context(), "device-token", m))
	sent := got()["message"].(map[string]any)
	if sent["token"] != "device-token" || sent["notification"].(map[string]any)["title"] != "T" || sent["android"].(map[string]any)["priority"] != "HIGH" {
		t.Errorf("sent %v", sent)
	}
	for _, tt := range []struct {
		status int
		body   string
		want   error
	}{
		{404, `{"error":{"status":"NOT_FOUND","details":[{"errorCode":"UNREGISTERED"}]}}`, ErrGone},
		{403, `{"error":{"details":[{"errorCode":"SENDER_ID_MISMATCH"}]}}`, ErrGone},
		{400, `{"error":{"status":"INVALID_ARGUMENT"}}`, ErrRefused},
	} {
		answer(tt.status, tt.body)
		if err := fcm.Send(t.Context(), "device-token", m); !errors.Is(err, tt.want) {
			t.Errorf("%d: %v", tt.status, err)
		}
	}
	for _, status := range []int{429, 500, 503} {
		answer(status, "")
		if err := fcm.Send(t.Context(), "device-token", m); err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrRefused) {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, bad := range []string{"", "{}", `{"type":"authorized_user"}`} {
		if _, err := NewFCM([]byte(bad), "x"); err == nil {
			t.Errorf("credentials %q were taken", bad)
		}
	}
}
