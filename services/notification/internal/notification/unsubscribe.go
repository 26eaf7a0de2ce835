package notification

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

var errUnsubscribe = errs.New(errs.NotFound, "invalid_unsubscribe_link",
	"The link is not whole. Copy it from the mail again, or change your preferences in the settings.")

// unsubscribeURL is what ends mails of a kind to a user without a login. It is
// signed and does not expire: mails are kept for years (RFC 8058 §3.1).
func (s *Service) unsubscribeURL(user uuid.UUID, kind string) string {
	plain := user.String() + "/" + kind
	token := base64.RawURLEncoding.EncodeToString(append(s.Lookup.Hash("unsubscribe", plain), plain...))
	return s.PublicURL + "/api/v1/notifications/unsubscribe?" + url.Values{"token": {token}}.Encode()
}

// unsubscribeToken reads whom and what a token names.
func (s *Service) unsubscribeToken(token string) (user uuid.UUID, kind string, err error) {
	const sum = 32
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) <= sum || !hmac.Equal(raw[:sum], s.Lookup.Hash("unsubscribe", string(raw[sum:]))) {
		return user, "", errUnsubscribe
	}
	id, kind, _ := strings.Cut(string(raw[sum:]), "/")
	if user, err = uuid.Parse(id); err != nil {
		return user, "", errUnsubscribe
	}
	return user, kind, nil
}

// CheckUnsubscribe reports whether a token is one of ours and names no longer
// deleted user, and in which language its owner reads.
func (s *Service) CheckUnsubscribe(ctx context.Context, token string) (lang string, err error) {
	user, _, err := s.unsubscribeToken(token)
	if err != nil {
		return "", err
	}
	p, err := s.receiver(ctx, MessageSend{UserID: user}, false)
	return language(p.locale), err
}

// Unsubscribe ends mails of the kind that the token names; for the digest, of all
// kinds that it gathers.
func (s *Service) Unsubscribe(ctx context.Context, token string) (lang string, err error) {
	if lang, err = s.CheckUnsubscribe(ctx, token); err != nil {
		return "", err
	}
	user, kind, err := s.unsubscribeToken(token)
	if err != nil {
		return "", err
	}
	off := false
	patch := PreferencesPatch{Kinds: map[string]ChannelsPatch{}}
	for _, k := range Kinds {
		if k.Name == kind && !k.Mandatory || kind == digestKind && k.Digest {
			patch.Kinds[k.Name] = ChannelsPatch{Email: &off}
		}
	}
	gone, err := s.q.UserDeleted(ctx, user)
	if err != nil || gone {
		return lang, storeError(err)
	}
	_, err = s.UpdatePreferences(ctx, user, patch, nil)
	return lang, err
}
