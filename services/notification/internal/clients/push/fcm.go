package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

const fcmScope = "https://www.googleapis.com/auth/firebase.messaging"

// FCM sends to telephones by the HTTP v1 API of Firebase Cloud Messaging,
// https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages.
type FCM struct {
	url    string
	client *http.Client
}

// NewFCM makes a sender from the JSON of a service account's key. base is
// https://fcm.googleapis.com, or another address in tests.
func NewFCM(credentials []byte, base string) (*FCM, error) {
	var account struct {
		Type         string `json:"type"`
		ProjectID    string `json:"project_id"`
		PrivateKeyID string `json:"private_key_id"`
		PrivateKey   string `json:"private_key"`
		ClientEmail  string `json:"client_email"`
		TokenURI     string `json:"token_uri"`
	}
	if err := json.Unmarshal(credentials, &account); err != nil {
		return nil, errors.New("not the JSON of a service account's key")
	}
	if account.Type != "service_account" || account.ProjectID == "" || account.PrivateKey == "" || account.ClientEmail == "" || account.TokenURI == "" {
		return nil, errors.New("want type service_account with project_id, private_key, client_email and token_uri")
	}
	cfg := jwt.Config{
		Email: account.ClientEmail, PrivateKey: []byte(account.PrivateKey), PrivateKeyID: account.PrivateKeyID,
		Scopes: []string{fcmScope}, TokenURL: account.TokenURI,
	}
	// The context is that of all requests for tokens; each has the client's time limit.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: Timeout})
	client := cfg.Client(ctx)
	client.Timeout = Timeout
	return &FCM{url: base + "/v1/projects/" + account.ProjectID + "/messages:send", client: client}, nil
}

type fcmMessage struct {
	Message struct {
		Token        string            `json:"token"`
		Notification fcmNotification   `json:"notification"`
		Data         map[string]string `json:"data"`
		Android      struct {
			Priority string `json:"priority"`
			TTL      string `json:"ttl"`
		} `json:"android"`
		APNS struct {
			Headers map[string]string `json:"headers"`
		} `json:"apns"`
	} `json:"message"`
}

type fcmNotification struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

// Send hands a message for a device's token to Firebase. Errors: ErrGone,
// ErrRefused; others may pass.
func (f *FCM) Send(ctx context.Context, token string, m Message) error {
	var out fcmMessage
	out.Message.Token = token
	out.Message.Notification = fcmNotification{m.Title, m.Body}
	out.Message.Data = map[string]string{"id": m.ID, "kind": m.Kind, "link": m.Link}
	out.Message.Android.Priority, out.Message.Android.TTL = "NORMAL", strconv.Itoa(int(TTL.Seconds()))+"s"
	out.Message.APNS.Headers = map[string]string{"apns-priority": "5"}
	if m.Urgent {
		out.Message.Android.Priority = "HIGH"
		out.Message.APNS.Headers["apns-priority"] = "10"
	}
	body, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	return do(ctx, f.client, r, func(status int, body []byte) bool {
		// A token that is unknown, or was given by another project.
		return status == http.StatusNotFound || strings.Contains(string(body), "UNREGISTERED") || strings.Contains(string(body), "SENDER_ID_MISMATCH")
	})
}
