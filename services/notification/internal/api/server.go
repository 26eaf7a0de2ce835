// Package api is the HTTP edge of notification: the generated server of
// api/openapi/notification.yaml and its handlers, each of which converts, makes one
// call to the domain package and converts back. What every request passes before a
// handler sees it (credential, rule, limits, validation) is pkg/httpx.
package api

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
	"github.com/go-chi/chi/v5"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/services/notification/internal/notification"
	"github.com/jobpilot/jobpilot/services/notification/internal/streams"
)

// Spec is the contract, bundled into one document.
//
//go:embed openapi.gen.yaml
var Spec []byte

// Server implements the generated StrictServerInterface.
type Server struct {
	Service *notification.Service
	Streams *streams.Streams
	Cursors *httpx.Cursors
	// Origins are the web pages that may open streams: scheme, host and port.
	Origins []string
}

// Routes registers the operations on r; for httpx.Options.
func (s *Server) Routes(r chi.Router) {
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpx.BodyError,
		ResponseErrorHandlerFunc: httpx.Fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{
		BaseRouter: r, ErrorHandlerFunc: httpx.ParamError, Middlewares: []MiddlewareFunc{withRequest},
	})
}

func caller(ctx context.Context) authn.Principal { return authn.FromContext(ctx) }

// withRequest lets the two handlers that need it see the request itself: the one
// that upgrades it, and the one whose body was signed byte for byte.
func withRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole := request{Request: r}
		if r.Header.Get("X-Twilio-Email-Event-Webhook-Signature") != "" {
			var err error
			if whole.body, err = io.ReadAll(r.Body); err != nil { // bounded by the operation's limit
				httpx.Fail(w, r, err)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(whole.body))
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, whole)))
	})
}

type requestKey struct{}

type request struct {
	*http.Request
	body []byte
}

func requestOf(ctx context.Context) request { return ctx.Value(requestKey{}).(request) }

var errOrigin = errs.New(errs.Forbidden, "origin_refused", "This web page may not open the stream. Add its origin to CORS_ORIGINS.")

var errHandshake = errs.New(errs.Invalid, "websocket_required", "This address is a WebSocket. Open it with a WebSocket client.")

// handshake reports whether the request asks for a WebSocket (RFC 6455 §4.2.1),
// before its ticket is spent.
func handshake(h http.Header) bool {
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key"))
	return err == nil && len(key) == 16 && h.Get("Sec-WebSocket-Version") == "13" &&
		strings.EqualFold(h.Get("Upgrade"), "websocket") && strings.Contains(strings.ToLower(h.Get("Connection")), "upgrade")
}

// StreamNotifications makes a WebSocket of the request. The stream outlives the
// handler, so that neither the time limit of requests nor their number counts it.
func (s *Server) StreamNotifications(ctx context.Context, r StreamNotificationsRequestObject) (StreamNotificationsResponseObject, error) {
	if origin := httpx.Header(ctx).Get("Origin"); origin != "" && !slices.Contains(s.Origins, origin) {
		return nil, errOrigin
	}
	if !handshake(httpx.Header(ctx)) {
		return nil, errHandshake
	}
	grant, err := s.Service.SpendTicket(ctx, r.Params.Ticket)
	if err != nil {
		return nil, err
	}
	if err := s.Streams.Admit(grant.User); err != nil {
		return nil, err
	}
	return upgrade{s, grant, r.Params.After, requestOf(ctx).Request}, nil
}

// upgrade is the answer that makes a connection a WebSocket.
type upgrade struct {
	*Server
	grant notification.Grant
	after *int64
	r     *http.Request
}

func (u upgrade) VisitStreamNotificationsResponse(w http.ResponseWriter) error {
	conn, err := websocket.Accept(w, u.r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the origin was checked
	if err != nil {
		return nil //nolint:nilerr // Accept has answered
	}
	u.Streams.Serve(conn, u.grant, u.after)
	return nil
}
