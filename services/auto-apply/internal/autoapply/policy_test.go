package autoapply

import (
	"testing"
	"time"
)

func TestHours(t *testing.T) {
	t.Parallel()
	weekdays := []int{1, 2, 3, 4, 5}
	for name, c := range map[string]struct {
		hours *Hours
		now   string
		open  bool
	}{
		"always":               {nil, "2026-03-01T03:00:00Z", true},
		"Monday morning":       {&Hours{8, 20, "Europe/Berlin", weekdays}, "2026-03-02T07:00:00Z", true},
		"an hour before":       {&Hours{8, 20, "Europe/Berlin", weekdays}, "2026-03-02T06:59:00Z", false},
		"the last hour is out": {&Hours{8, 20, "Europe/Berlin", weekdays}, "2026-03-02T19:00:00Z", false},
		"Sunday":               {&Hours{8, 20, "Europe/Berlin", weekdays}, "2026-03-01T10:00:00Z", false},
		"over midnight":        {&Hours{22, 2, "UTC", []int{5}}, "2026-03-07T01:00:00Z", true},
		"the night before":     {&Hours{22, 2, "UTC", []int{5}}, "2026-03-06T01:00:00Z", false},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		must(t, err)
		if got := c.hours.Open(now); got != c.open {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCaps(t *testing.T) {
	t.Parallel()
	p := Policy{Settings{MaxPerDay: 3, MaxPerCompany: 1, MaxPerPlatformPerDay: 2, MinScore: 0.5}, 10}
	u := Usage{Platform: map[string]int{}, Company: map[string]int{}}
	for i, c := range []struct {
		Candidate
		run  bool
		want string
	}{
		{Candidate{"A", "lever", 0.4}, true, BelowMinScore}, {Candidate{"A", "lever", 0.4}, false, ""}, {Candidate{" a ", "ashby", 1}, true, CompanyCap},
		{Candidate{"B", "lever", 1}, true, ""}, {Candidate{"C", "lever", 1}, true, PlatformCap}, {Candidate{"C", "ashby", 1}, true, ""}, {Candidate{"D", "ashby", 1}, false, DayCap},
	} {
		got := p.Check(c.Candidate, u, c.run)
		if got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
		if got == "" {
			u.Add(c.Candidate)
		}
	}
	if (Policy{Settings{MaxPerDay: 9}, 2}).PerDay() != 2 {
		t.Error("the plan's cap does not hold")
	}
}
