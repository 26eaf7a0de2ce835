package notification

import (
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/httpx"
)

func TestQuietHours(t *testing.T) {
	t.Parallel()
	berlin, err := zone("Europe/Berlin")
	must(t, err)
	night := QuietHours{Enabled: true, Start: "22:00", End: "07:00"}
	at := func(month time.Month, day, h, m int) time.Time {
		return time.Date(2026, month, day, h, m, 0, 0, berlin)
	}
	for _, tt := range []struct {
		q       QuietHours
		t, want time.Time
	}{
		{night, at(5, 1, 21, 59), at(5, 1, 21, 59)},
		{night, at(5, 1, 22, 0), at(5, 2, 7, 0)},
		{night, at(5, 1, 23, 30), at(5, 2, 7, 0)},
		{night, at(5, 2, 3, 0), at(5, 2, 7, 0)},
		{night, at(5, 2, 7, 0), at(5, 2, 7, 0)},
		{night, at(12, 31, 23, 0), time.Date(2027, 1, 1, 7, 0, 0, 0, berlin)},
		{night, at(3, 28, 23, 0), at(3, 29, 7, 0)},   // the clocks go forward: eight hours less one
		{night, at(10, 24, 23, 0), at(10, 25, 7, 0)}, // and back
		{QuietHours{Enabled: true, Start: "12:00", End: "14:00"}, at(5, 1, 13, 0), at(5, 1, 14, 0)},
		{QuietHours{Enabled: true, Start: "12:00", End: "14:00"}, at(5, 1, 23, 0), at(5, 1, 23, 0)},
		{QuietHours{Start: "22:00", End: "07:00"}, at(5, 1, 23, 0), at(5, 1, 23, 0)},
	} {
		if got := tt.q.after(tt.t); !got.Equal(tt.want) {
			t.Errorf("%+v at %s: %s, want %s", tt.q, tt.t, got, tt.want)
		}
	}
}

// Around the changes of clocks, in zones of all sorts: nothing comes early, nothing
// waits for more than a day, and what waited comes when it is quiet no longer.
func TestQuietHoursWhereClocksChange(t *testing.T) {
	t.Parallel()
	clock := func(t time.Time) string { return t.Format("15:04") }
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/St_Johns", "America/Santiago", "Asia/Kathmandu", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Kiritimati",
	} {
		where, err := zone(name)
		must(t, err)
		for _, q := range []QuietHours{{true, "22:00", "07:00"}, {true, "23:30", "02:30"}, {true, "00:00", "06:00"}, {true, "12:00", "14:00"}, {true, "07:00", "06:59"}} {
			for at := time.Date(2026, 1, 1, 0, 0, 0, 0, where); at.Year() == 2026; at = at.Add(83 * time.Minute) {
				_, before := at.AddDate(0, 0, -1).Zone()
				_, after := at.AddDate(0, 0, 2).Zone()
				got := q.after(at)
				wait := got.Sub(at)
				if wait < 0 || wait > 26*time.Hour || !q.after(got).Equal(got) {
					t.Fatalf("%+v in %s at %s: %s", q, name, at, got)
				}
				if before != after {
					continue // the clock may skip the end, or say it twice
				}
				now := clock(at)
				quiet := q.Start <= now && now < q.End || q.End < q.Start && (q.Start <= now || now < q.End)
				if quiet != (wait > 0) || quiet && clock(got) != q.End {
					t.Fatalf("%+v in %s at %s: %s", q, name, at, got)
				}
			}
		}
	}
}

func TestWhenSomethingIsSent(t *testing.T) {
	t.Parallel()
	p := Preferences{TimeZone: "America/New_York", Digest: "daily", QuietHours: QuietHours{Enabled: true, Start: "22:00", End: "09:30"}}
	now := time.Date(2026, 5, 2, 3, 0, 0, 0, time.UTC) // 23:00 there
	alert, security := kindByName["job.alert"], kindByName["auth.reset_password"]
	if at, digest := p.sendAt(security, true, now); !at.Equal(now) || digest {
		t.Errorf("security at %s, digest %t", at, digest)
	}
	// The digest of eight o'clock waits for the end of quiet hours.
	if at, digest := p.sendAt(alert, true, now); !at.Equal(time.Date(2026, 5, 2, 13, 30, 0, 0, time.UTC)) || !digest {
		t.Errorf("mail at %s, digest %t", at, digest)
	}
	if at, digest := p.sendAt(alert, false, now); !at.Equal(time.Date(2026, 5, 2, 13, 30, 0, 0, time.UTC)) || digest {
		t.Errorf("push at %s, digest %t", at, digest)
	}
	p.QuietHours.Enabled = false
	if at, _ := p.sendAt(alert, true, now); !at.Equal(time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("digest at %s", at)
	}
	if at, digest := p.sendAt(kindByName["application.question"], true, now); !at.Equal(now) || digest {
		t.Errorf("a question at %s, digest %t", at, digest)
	}
}

func TestPreferencesAreWhatWasChosen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user, _ := f.user("en")
	p, err := f.GetPreferences(t.Context(), user)
	must(t, err)
	if p.TimeZone != "UTC" || p.Digest != "off" || p.QuietHours.Enabled || p.Kinds["job.alert"] != everywhere || p.Version != 0 {
		t.Errorf("defaults %+v", p)
	}
	if _, ok := p.Kinds["auth.reset_password"]; ok {
		t.Error("a mandatory kind can be chosen")
	}
	off := false
	p, err = f.UpdatePreferences(t.Context(), user, PreferencesPatch{Kinds: map[string]ChannelsPatch{"job.alert": {Push: &off}}, TimeZone: ptr("Asia/Tokyo")}, ifMatch(`"0"`))
	if err == nil {
		p, err = f.UpdatePreferences(t.Context(), user, PreferencesPatch{Kinds: map[string]ChannelsPatch{"job.alert": {Email: &off}}}, nil)
	}
	must(t, err)
	if p.Kinds["job.alert"] != (Channels{InApp: true}) || p.TimeZone != "Asia/Tokyo" {
		t.Errorf("after two changes %+v", p)
	}
	_, err = f.UpdatePreferences(t.Context(), user, PreferencesPatch{Digest: ptr("daily")}, ifMatch(`"0"`))
	wantCode(t, err, "precondition_failed")
	for name, patch := range map[string]PreferencesPatch{
		"mandatory": {Kinds: map[string]ChannelsPatch{"auth.reset_password": {Email: &off}}},
		"unknown":   {Kinds: map[string]ChannelsPatch{"no.such": {}}},
		"zone":      {TimeZone: ptr("Mars/Olympus")},
		"local":     {TimeZone: ptr("Local")},
		"path":      {TimeZone: ptr("../etc/passwd")},
		"empty":     {QuietStart: ptr("07:00"), QuietEnd: ptr("07:00")},
	} {
		if _, err := f.UpdatePreferences(t.Context(), user, patch, nil); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	must(t, f.handle(MessageSend{Kind: MessageSendKindJobAlert, UserID: user, DedupeKey: "1", Data: map[string]string{}}))
	if n := len(f.mails.all()); n != 0 {
		t.Error("a mail that was switched off was sent")
	}
}

// ifMatch wants the version of an ETag, as the edge does.
func ifMatch(etag string) func(int64) error {
	return func(version int64) error { return httpx.CheckIfMatch(&etag, version) }
}
