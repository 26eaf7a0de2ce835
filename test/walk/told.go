package walk

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

func (w *Walk) toldSteps() []Step {
	return []Step{
		{"read the notifications", w.look(w.readNotifications)},
		{"count what came over WebSocket", w.countFrames},
		{"look into the mail catcher", w.readMails},
	}
}

func (w *Walk) readNotifications(ctx context.Context) (string, error) {
	var list struct {
		Items []struct{ ID, Kind, Title string }
	}
	// What is told last is the alert; its mail and its notification are written by another service.
	err := until(ctx, "the notification of the alert", func() (bool, error) {
		err := w.user.get(ctx, "/api/v1/notifications?limit=50", &list)
		for _, n := range list.Items {
			if strings.HasPrefix(n.Kind, "job.alert") {
				return true, err
			}
		}
		return false, err
	})
	if err != nil {
		return "", err
	}
	if err := w.user.call(ctx, http.MethodPost, "/api/v1/notifications/read-all", 200, nil, nil); err != nil {
		return "", err
	}
	var unread struct{ Count int }
	if err := w.user.get(ctx, "/api/v1/notifications/unread-count", &unread); err != nil {
		return "", err
	}
	if unread.Count != 0 {
		return "", fmt.Errorf("%d are listed, and %d are unread after all were marked as read", len(list.Items), unread.Count)
	}
	said := fmt.Sprintf("%d, all marked as read", len(list.Items))
	for _, n := range list.Items {
		said += fmt.Sprintf("\n%-24s %s", n.Kind, cut(n.Title, 80))
	}
	return said, nil
}

// Alerts is how often the user was alerted to new jobs.
func (w *Walk) Alerts() (n int) {
	frames, _, _ := w.stream.seen()
	for _, f := range frames {
		if f.Type == "job.alert.matched" {
			n++
		}
	}
	return n
}

func (w *Walk) countFrames(context.Context) (string, error) {
	frames, _, err := w.stream.seen()
	if err != nil {
		return "", fmt.Errorf("the stream has ended: %w", err)
	}
	for i := 1; i < len(frames); i++ {
		if frames[i].Seq != frames[i-1].Seq+1 {
			return "", fmt.Errorf("frame %d came after %d", frames[i].Seq, frames[i-1].Seq)
		}
	}
	n := map[string]int{}
	var order []string
	for _, f := range frames {
		if n[f.Type]++; n[f.Type] == 1 {
			order = append(order, f.Type)
		}
	}
	said := fmt.Sprintf("%d frames, none missing", len(frames))
	for _, typ := range order {
		said += fmt.Sprintf("\n%3d × %s", n[typ], typ)
	}
	return said, nil
}

func (w *Walk) readMails(ctx context.Context) (string, error) {
	_, err := w.awaitMail(ctx, w.email, func(m mail) bool {
		return strings.Contains(m.Text, "/alerts/"+w.alert) || strings.Contains(m.Text, "/jobs/")
	})
	if err != nil {
		return "", err
	}
	list, err := w.mails(ctx, w.email)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%d to %s", len(list), w.email)
	for _, m := range list {
		said += fmt.Sprintf("\n%q", m.Subject)
	}
	return said, nil
}
