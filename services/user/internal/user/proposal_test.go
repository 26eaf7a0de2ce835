package user

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const resumeText = `{
	"basics": {"name": "Ada King van Lovelace", "label": "Engineer", "phone": "+44 20 7946 0018", "url": "ada.example",
		"summary": "Wrote the first program.", "location": {"city": "London", "countryCode": "GB"},
		"profiles": [{"network": "GitHub", "url": "https://github.com/ada"}, {"network": "x", "url": "javascript:alert(1)"}]},
	"work": [{"name": "Analytical Engines", "position": "Engineer", "startDate": "1842-10", "highlights": ["Note G"]}, {"name": "no position"}],
	"education": [{"institution": "Home", "area": "Mathematics", "startDate": "1830", "endDate": "1829"}],
	"skills": [{"name": "Programming", "level": "Master", "keywords": ["Python", "python", "SQL"]}],
	"languages": [{"language": "Französisch", "fluency": "fluent"}, {"language": "Klingon-ish", "fluency": "native"}]
}`

func resume(t testing.TB) (r Resume) {
	t.Helper()
	must(t, json.Unmarshal([]byte(resumeText), &r))
	return r
}

func pointers(p Proposal) (list []string) {
	for _, c := range p.Changes {
		list = append(list, c.Pointer)
	}
	return list
}

func TestAResumeBecomesAProposalAndAProfile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id, doc := t.Context(), f.registered(), newID()
	p, err := f.CreateProposal(ctx, id, doc, 1, resume(t), []ParsedField{
		{Pointer: "/basics/phone", Confidence: 0.9, Page: 1, Text: "Tel"}, {Pointer: "/work/0/name", Confidence: 0.8}, {Pointer: "/work/0/position", Confidence: 0.6},
	})
	must(t, err)
	want := []string{"/profile/givenName", "/profile/familyName", "/profile/headline", "/profile/summary", "/profile/phone", "/profile/place",
		"/profile/links/-", "/profile/links/-", "/experiences/-", "/skills/-", "/skills/-", "/profile/languages/-"}
	if got := pointers(p); !slices.Equal(got, want) {
		t.Fatalf("proposed %q\nwant %q", got, want)
	}
	if c := p.Changes[4]; *c.Confidence != 0.9 || c.Source.Page != 1 || *p.Changes[8].Confidence != 0.6 || p.Changes[0].Confidence != nil {
		t.Errorf("confidences: %+v, %+v", c, p.Changes[8])
	}
	again, err := f.CreateProposal(ctx, id, doc, 1, resume(t), nil)
	must(t, err)
	if again.ID != p.ID || len(told[ProposalCreated](f, TypeProposalCreated)) != 1 {
		t.Error("the same version of a resume was proposed twice")
	}

	// Nothing is in the profile before it is accepted.
	if profile, _, err := f.GetProfile(ctx, id); err != nil || profile.Headline != "" {
		t.Fatalf("%+v, %v", profile, err)
	}
	p, err = f.DecideProposal(ctx, id, p.ID, Decision{Accept: []string{"c1", "c2"}, Reject: []string{"c3"}})
	must(t, err)
	if p.Status != statusOpen {
		t.Errorf("with changes pending it is %s", p.Status)
	}
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Accept: []string{"c3"}})
	wantCode(t, err, "already_decided")
	p, err = f.DecideProposal(ctx, id, p.ID, Decision{Rest: "accept"})
	must(t, err)
	if p.Status != statusClosed || p.ClosedAt == nil {
		t.Errorf("with all decided it is %+v", p)
	}
	full, err := f.GetFullProfile(ctx, id)
	must(t, err)
	if q := full.Profile; q.GivenName != "Ada King" || q.FamilyName != "van Lovelace" || q.Headline != "" || q.Place.City != "London" || len(q.Links) != 2 ||
		q.Links[0].Kind != "github" || len(q.Languages) != 1 || q.Languages[0] != (SpokenLanguage{"fr", "C1"}) || q.Nationalities != nil || q.WorkAuthorizations != nil {
		t.Errorf("the profile is %+v", q)
	}
	if len(full.Experiences) != 1 || full.Experiences[0].Highlights[0] != "Note G" || len(full.Skills) != 2 || full.Skills[0].Source != "resume" || *full.Skills[0].Level != "expert" {
		t.Errorf("experiences %+v, skills %+v", full.Experiences, full.Skills)
	}
	if got := told[ProposalAccepted](f, TypeProposalAccepted); len(got) != 2 || !slices.Equal(got[0].Fields, []string{"givenName", "familyName"}) {
		t.Errorf("told %+v", got)
	}
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Rest: "accept"}) // nothing is left: nothing happens
	must(t, err)
	if n := f.count("SELECT count(*) FROM experiences"); n != 1 {
		t.Errorf("%d experiences, want 1", n)
	}

	// What the profile has is not proposed again; what has changed in the resume is.
	next := resume(t)
	next.Work[0].EndDate = "1843"
	p, err = f.CreateProposal(ctx, id, doc, 2, next, nil)
	must(t, err)
	if got := pointers(p); !slices.Equal(got, []string{"/profile/headline", "/experiences/" + full.Experiences[0].ID.String()}) {
		t.Errorf("of the second version is proposed %q", got)
	}
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Rest: "accept"})
	must(t, err)
	e, _, err := f.GetExperience(ctx, id, full.Experiences[0].ID)
	must(t, err)
	if e.EndDate != "1843" || e.StartDate != "1842-10" || len(e.Highlights) != 1 {
		t.Errorf("the experience became %+v", e)
	}
	p, err = f.CreateProposal(ctx, id, doc, 3, next, nil)
	must(t, err)
	if p.Status != statusClosed || len(p.Changes) != 0 {
		t.Errorf("a proposal without changes is %+v", p)
	}
	page, more, err := f.ListProposals(ctx, id, "", Page{Limit: 2})
	must(t, err)
	if len(page) != 2 || !more || page[0].ResumeVersion != 3 {
		t.Errorf("the list is %+v", page)
	}
	page, more, err = f.ListProposals(ctx, id, "", Page{Limit: 2, Before: &page[1].CreatedAt, BeforeID: page[1].ID})
	must(t, err)
	if len(page) != 1 || more || page[0].ResumeVersion != 1 {
		t.Errorf("its second page is %+v", page)
	}
}

func TestAProposalAgainstAProfileThatChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	_, _, err := f.UpdateProfile(ctx, id, json.RawMessage(`{"headline": "Poet"}`), nil)
	must(t, err)
	p, err := f.CreateProposal(ctx, id, newID(), 1, resume(t), nil)
	must(t, err)
	_, _, err = f.UpdateProfile(ctx, id, json.RawMessage(`{"headline": "Countess"}`), nil)
	must(t, err)
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Rest: "accept"})
	wantField(t, err, "#/profile/headline", "c3")
	if full, err := f.GetFullProfile(ctx, id); err != nil || full.Profile.GivenName != "" || len(full.Experiences) != 0 {
		t.Fatalf("part of it was applied: %+v, %v", full, err)
	}
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Rest: "accept", Overwrite: true})
	must(t, err)
	if q, _, err := f.GetProfile(ctx, id); err != nil || q.Headline != "Engineer" {
		t.Errorf("%+v, %v", q, err)
	}
	stranger := f.registered()
	_, err = f.GetProposal(ctx, stranger, p.ID)
	wantCode(t, err, "proposal_not_found")
	_, err = f.DecideProposal(ctx, stranger, p.ID, Decision{Rest: "accept"})
	wantCode(t, err, "proposal_not_found")
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Accept: []string{"c999"}})
	wantField(t, err, "#/accept/0", "unknown")
	_, err = f.CreateProposal(ctx, uuid.New(), newID(), 1, resume(t), nil)
	wantCode(t, err, "profile_not_found")
}

func TestAHostileResumeIsBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	r := resume(t)
	r.Basics.Label, r.Basics.Phone, r.Basics.URL = strings.Repeat("x", 300), "call me <script>", "https://"
	r.Basics.Location.CountryCode = "ZZ"
	for range 400 {
		r.Skills[0].Keywords = append(r.Skills[0].Keywords, strings.Repeat("k", 1+len(r.Skills[0].Keywords)%100))
	}
	p, err := f.CreateProposal(ctx, id, newID(), 1, r, nil)
	must(t, err)
	for _, c := range p.Changes {
		if c.Pointer == "/profile/headline" || c.Pointer == "/profile/phone" {
			t.Errorf("proposed %s", c.Pointer)
		}
	}
	_, err = f.DecideProposal(ctx, id, p.ID, Decision{Rest: "accept"})
	must(t, err)
	if got, _, err := f.GetProfile(ctx, id); err != nil || got.Place.City != "London" || got.Place.CountryCode != "" {
		t.Errorf("a country that is none: %+v, %v", got.Place, err)
	}
}
