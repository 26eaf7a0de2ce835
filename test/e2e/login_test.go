package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobpilot/jobpilot/pkg/testkit"
	"github.com/jobpilot/jobpilot/test/e2e/harness"
)

const (
	loginRoundsMin = 40
	loginRoundsMax = 160
	perAccount     = 15 // failures, fewer than those that delay an account
	maxDifference  = 5 * time.Millisecond
	measureFor     = 45 * time.Second // then medians that are not quite certain will do
)

// refusal is a sign-in that is refused, and why.
type refusal struct {
	name  string
	email func(round int) string
	// fixed: all from one network; else each from a network of its own, so that
	// none is delayed.
	fixed    *harness.Client
	password string
	took     []time.Duration
}

// TestRefusedLoginsLookAlike signs in to accounts that do not exist, with wrong
// passwords, while delayed, and so on, in turn: status, headers and text are the
// same, and so is the time. It runs alone, so that what else goes on does not
// hide a difference; on a machine that is busy all the same, only what is beyond
// the noise counts.
func TestRefusedLoginsLookAlike(t *testing.T) {
	accounts := func(create func() *harness.User) func(int) string {
		list := make2(loginRoundsMax/perAccount+1, create)
		return func(round int) string { return list[round/perAccount].Email }
	}
	delayed := harness.NewUser(t)
	from := harness.NewClient(t)
	for range 6 {
		logIn(t, from, delayed.Email, "not the password at all").Want(t, 401)
	}
	delayed.Delayed(t)
	const wrong = "not the password at all"
	kinds := []*refusal{
		{name: "unknown", email: func(int) string { return harness.NewEmail() }, password: wrong},
		{name: "wrong", email: accounts(func() *harness.User { return harness.NewUser(t) }), password: wrong},
		{name: "unverified and wrong", email: accounts(func() *harness.User { return harness.Register(t) }), password: wrong},
		{name: "disabled and wrong", email: accounts(func() *harness.User { return disabled(t) }), password: wrong},
		{name: "delayed and wrong", email: func(int) string { return delayed.Email }, fixed: from, password: wrong},
		{name: "delayed and right", email: func(int) string { return delayed.Email }, fixed: from, password: harness.Password},
	}
	order := testkit.Rand(t)
	var first *harness.Answer
	rounds, began := 0, time.Now()
	enough := func() bool {
		if rounds < loginRoundsMin {
			return false
		}
		noise := uncertain(kinds)
		return noise < maxDifference/4 || noise < maxDifference && time.Since(began) > measureFor
	}
	for ; rounds < loginRoundsMax && !enough(); rounds++ {
		for _, i := range order.Perm(len(kinds)) {
			k := kinds[i]
			client := k.fixed
			if client == nil {
				client = harness.NewClient(t)
			}
			client.Do(t, harness.Call{Op: "getJwks"}).Want(t, 200) // the connection is not what is measured
			a := logIn(t, client, k.email(rounds), k.password)
			a.WantProblem(t, 401, "invalid_credentials")
			k.took = append(k.took, a.Took)
			if first == nil {
				first = a
			}
			if got, want := told(a), told(first); got != want {
				t.Fatalf("%s is told\n%s\nand others\n%s", k.name, got, want)
			}
		}
	}
	var report strings.Builder
	least, most := time.Duration(math.MaxInt64), time.Duration(0)
	for _, k := range kinds {
		m := median(k.took)
		least, most = min(least, m), max(most, m)
		fmt.Fprintf(&report, "\n%-22s median %6.2f ms ± %.2f", k.name, ms(m), ms(standardError(k.took)))
	}
	t.Logf("%d rounds; medians within %.2f ms:%s", rounds, ms(most-least), report.String())
	if noise := uncertain(kinds); most-least > maxDifference+3*noise {
		t.Errorf("the medians differ by %.2f ms ± %.2f, more than %v", ms(most-least), ms(noise), maxDifference)
	}
	from.Do(t, harness.Call{Op: "login", Body: members{"email": delayed.Email, "password": harness.Password}}).WantProblem(t, 401, "invalid_credentials")
	// Elsewhere its owner is not kept out.
	delayed.LogIn(t)
}

func logIn(t *testing.T, c *harness.Client, email, password string) *harness.Answer {
	t.Helper()
	return c.Do(t, harness.Call{Op: "login", Body: members{"email": email, "password": password}})
}

func disabled(t *testing.T) *harness.User {
	t.Helper()
	u := harness.NewUser(t)
	harness.SuperAdmin(t).Do(t, harness.Call{Op: "disableUser", Path: map[string]string{"userId": u.ID}, Body: members{"reason": "test"}}).Want(t, 200)
	logIn(t, u.As(harness.Credential{}), u.Email, harness.Password).WantProblem(t, 403, "account_disabled")
	return u
}

func make2(n int, f func() *harness.User) []*harness.User {
	list := make([]*harness.User, n)
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { list[i] = f() })
	}
	wg.Wait()
	return list
}

var ids = regexp.MustCompile(`"requestId":"[^"]*"`)

// told is all that a client is told, but for what differs from request to request.
func told(a *harness.Answer) string {
	h := maps.Clone(a.Header)
	for _, name := range []string{"Date", "X-Request-Id"} {
		delete(h, name)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, a.Status)
	_ = h.Write(&b)
	b.Write(ids.ReplaceAll(a.Body, []byte(`"requestId":""`)))
	return b.String()
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// standardError of the median, from the median absolute deviation, which a few
// slow ones do not blow up.
func standardError(d []time.Duration) time.Duration {
	m := median(d)
	away := make([]time.Duration, len(d))
	for i := range d {
		away[i] = (d[i] - m).Abs()
	}
	return time.Duration(1.2533 * 1.4826 * float64(median(away)) / math.Sqrt(float64(len(d))))
}

// uncertain is the largest standard error of a difference between two medians.
func uncertain(kinds []*refusal) time.Duration {
	var worst time.Duration
	for _, k := range kinds {
		worst = max(worst, standardError(k.took))
	}
	return time.Duration(math.Sqrt2 * float64(worst))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// TestLockoutIsNoWeapon fails to sign in to somebody's account again and again
// from elsewhere: the stranger is delayed, the owner is not.
func TestLockoutIsNoWeapon(t *testing.T) {
	t.Parallel()
	owner := harness.NewUser(t)
	stranger := harness.NewClient(t)
	for range 8 {
		logIn(t, stranger, owner.Email, "not the password at all").WantProblem(t, 401, "invalid_credentials")
	}
	// The stranger is delayed, even with the right password.
	owner.Delayed(t)
	logIn(t, stranger, owner.Email, harness.Password).WantProblem(t, 401, "invalid_credentials")
	owner.LogIn(t)
	for range 15 { // and from many networks
		logIn(t, harness.NewClient(t), owner.Email, "not the password at all").WantProblem(t, 401, "invalid_credentials")
	}
	owner.LogIn(t)

	// An administrator lifts the delay for all.
	for range 8 {
		logIn(t, stranger, owner.Email, "not the password at all").WantProblem(t, 401, "invalid_credentials")
	}
	owner.Delayed(t)
	logIn(t, stranger, owner.Email, harness.Password).WantProblem(t, 401, "invalid_credentials")
	harness.SuperAdmin(t).Do(t, harness.Call{Op: "unlockUser", Path: map[string]string{"userId": owner.ID}}).Want(t, 200)
	logIn(t, stranger, owner.Email, harness.Password).Want(t, 200)
}
