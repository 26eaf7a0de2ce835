package autoapply

import (
	"testing"
)

func TestStraightThroughOnEachPlatform(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{"greenhouse&board=brightwater", "greenhouse&board=northlight", "lever&board=tidepool", "ashby&board=cobaltlane", "workable", "careers&board=ironbridge"} {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			j, id := f.posting("mode=none&platform=" + platform)
			app := f.submit(id, false)
			must(t, f.work(f.Service, app))
			f.state(app, Submitted)
			got := f.received(j, "accepted")
			if len(got) != 1 || len(got[0].Honeypots) > 0 {
				t.Fatalf("the board received %+v", got)
			}
			r, err := f.GetReceipt(t.Context(), f.user, app)
			must(t, err)
			if len(r.Form.Files) == 0 || r.Form.Files[0].SHA256 != got[0].Files[0].SHA256 || len(r.Form.Screenshots) != 2 || r.ConfirmationText == "" {
				t.Errorf("receipt: %+v", r)
			}
		})
	}
}
