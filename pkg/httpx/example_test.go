package httpx_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/jobpilot/jobpilot/pkg/authn"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/httpx"
	"github.com/jobpilot/jobpilot/pkg/obs"
)

func ExampleNew() {
	o, _ := obs.Start(context.Background(), obs.Config{Service: "rooms", Output: io.Discard})
	contract := []byte(`{"openapi": "3.0.3", "info": {"title": "Rooms", "version": "1"}, "paths": {"/api/v1/rooms/{number}": {"get": {
		"operationId": "getRoom", "responses": {"204": {"description": "It is free."}},
		"parameters": [{"name": "number", "in": "path", "required": true, "schema": {"type": "integer", "minimum": 1}}]}}}}`)
	handler, err := httpx.New(httpx.Options{
		Obs: o, Spec: contract, Access: map[string]authn.Rule{"getRoom": {Role: authn.RoleNone}},
		// Services: api.HandlerWithOptions(strict, api.ChiServerOptions{BaseRouter: r, ErrorHandlerFunc: httpx.ParamError})
		Routes: func(r chi.Router) {
			r.Get("/api/v1/rooms/{number}", func(w http.ResponseWriter, r *http.Request) {
				httpx.Fail(w, r, errs.New(errs.NotFound, "room_not_found", "There is no such room."))
			})
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"/api/v1/rooms/7", "/api/v1/rooms/0"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-Request-ID", "r1")
		handler.ServeHTTP(w, r)
		fmt.Println(w.Body)
	}
	// Output:
	// {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such room.","code":"room_not_found","requestId":"r1"}
	// {"type":"about:blank","title":"Bad Request","status":400,"detail":"Some parameters are not valid; see errors.","code":"invalid_parameter","requestId":"r1","errors":[{"pointer":"#/path/number","code":"too_small","message":"must be at least 1"}]}
}
