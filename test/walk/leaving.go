package walk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

func (w *Walk) leavingSteps() []Step {
	return []Step{
		{"confirm with the password", w.stepUp},
		{"delete the account", w.deleteAccount},
		{"follow the deletion to its end", w.followDeletion},
		{"ask every service what is left", w.footprints},
		{"log in after that", w.loginAfterDeletion},
		{"find the farewell in the mail catcher", w.farewell},
	}
}

func (w *Walk) stepUp(ctx context.Context) (string, error) {
	var fresh struct{ AccessToken string }
	err := w.user.call(ctx, http.MethodPost, "/api/v1/auth/step-up", 200, map[string]any{"method": "password", "password": w.password}, &fresh)
	w.user.token = fresh.AccessToken
	return "a fresh access token", err
}

func (w *Walk) deleteAccount(ctx context.Context) (string, error) {
	if err := done(w.user.call(ctx, http.MethodDelete, "/api/v1/users/me", 202, nil, nil)); err != nil {
		return "", err
	}
	err := until(ctx, "the workflow of the deletion", func() (bool, error) {
		var list struct{ Items []struct{ ID string } }
		err := w.admin.get(ctx, "/api/v1/workflows"+query("kind", "account_deletion", "userId", w.userID), &list)
		if err == nil && len(list.Items) > 0 {
			w.deletion = list.Items[0].ID
		}
		return w.deletion != "", err
	})
	return "workflow " + w.deletion, err
}

func (w *Walk) followDeletion(ctx context.Context) (string, error) {
	var d struct {
		Workflow struct{ State, Step, Error, Key, UserID string }
		Timeline []struct{ Type, Step, Detail string }
	}
	err := until(ctx, "the end of the deletion", func() (bool, error) {
		d.Workflow.UserID = "" // left out of the answer once it is forgotten
		if err := w.admin.get(ctx, "/api/v1/workflows/"+w.deletion, &d); err != nil {
			return false, err
		}
		switch d.Workflow.State {
		case "completed":
			return true, nil
		case "failed", "compensated":
			return false, fmt.Errorf("it %s at %s: %s", d.Workflow.State, d.Workflow.Step, d.Workflow.Error)
		}
		return false, errors.Join(errNotYet, fmt.Errorf("at step %s, %s", d.Workflow.Step, d.Workflow.Error))
	})
	if err != nil {
		return "", err
	}
	if d.Workflow.UserID != "" || strings.Contains(d.Workflow.Key, w.userID) {
		return "", errors.New("the workflow still says whose it was")
	}
	var steps []string
	for _, e := range d.Timeline {
		if e.Type == "step_completed" {
			steps = append(steps, e.Step)
		}
	}
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return "", err
	}
	return strings.Join(steps, ", "), w.save("deletion.json", raw)
}

// footprint is where a service answers what it holds of a user.
var footprints = []struct{ service, path string }{
	{"user", ""}, {"resume", "/resumes"}, {"job", ""}, {"auto-apply", ""}, {"ai", ""}, {"notification", ""}, {"analytics", ""}, {"orchestrator", ""},
}

// footprints asks each service itself, as the orchestrator does for its proof.
func (w *Walk) footprints(ctx context.Context) (string, error) {
	env, err := w.serviceEnv(ctx, "orchestrator")
	if err != nil {
		return "", err
	}
	values := map[string]string{}
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	said := ""
	for _, f := range footprints {
		c := w.client(values[strings.ToUpper(strings.ReplaceAll(f.service, "-", "_"))+"_URL"])
		c.serviceKey = values["SERVICE_KEY"]
		var left struct {
			Total int
			Items []struct {
				Place string
				Count int
			}
		}
		if err := c.get(ctx, "/internal/v1/users/"+w.userID+f.path+"/footprint", &left); err != nil {
			return "", err
		}
		if left.Total != 0 {
			return "", fmt.Errorf("%s still holds %v", f.service, left.Items)
		}
		places := make([]string, len(left.Items))
		for i, p := range left.Items {
			places[i] = p.Place
		}
		said += fmt.Sprintf("\n%-12s  0 in %s", f.service, strings.Join(places, ", "))
	}
	return "nothing" + said, nil
}

func (w *Walk) loginAfterDeletion(ctx context.Context) (string, error) {
	w.user.token = ""
	return "refused: invalid_credentials", w.user.refused(ctx, http.MethodPost, "/api/v1/auth/login", w.credentials(), 401, "invalid_credentials")
}

func (w *Walk) farewell(ctx context.Context) (string, error) {
	m, err := w.awaitMail(ctx, w.email, func(m mail) bool { return strings.Contains(strings.ToLower(m.Subject), "deleted") })
	return fmt.Sprintf("%q", m.Subject), err
}
