package user

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jobpilot/jobpilot/pkg/errs"
)

func asError(err error, target **errs.Error) bool { return errors.As(err, target) }

func TestAProfileAppearsByRegistration(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.registered()
	full, err := f.GetFullProfile(t.Context(), id)
	must(t, err)
	if full.Profile.Email != "ada@example.com" || full.Profile.DisplayName != "Ada" || full.Settings.Locale != "de" || !full.Entitlements.AutoApply {
		t.Errorf("the profile is %+v", full)
	}
	if got := told[ProfileCreated](f, TypeProfileCreated); len(got) != 1 || got[0].UserID != id {
		t.Errorf("told %+v", got)
	}
	// Told twice, or asked for again, it stays one.
	f.tell(TypeAuthUserRegistered, AuthUserRegistered{UserID: id, Email: "other@example.com"})
	p, err := f.EnsureProfile(t.Context(), id, Newcomer{Email: "other@example.com"})
	must(t, err)
	if p.Email != "ada@example.com" || len(told[ProfileCreated](f, TypeProfileCreated)) != 1 {
		t.Errorf("the second time it became %+v", p)
	}
	// What identifies the person cannot be read in the table.
	var sealed []byte
	must(t, f.pool.QueryRow(t.Context(), "SELECT profile_sealed FROM user_profiles WHERE user_id = $1", id).Scan(&sealed))
	if bytes.Contains(sealed, []byte("ada@")) {
		t.Error("the e-mail address is stored in the clear")
	}
}

func TestTheAddressFollowsTheAccount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.registered()
	_, before, err := f.GetProfile(t.Context(), id) // and now it is cached
	must(t, err)
	f.tell(TypeAuthUserEmailChanged, AuthUserEmailChanged{UserID: id, Email: "new@example.com"})
	p, after, err := f.GetProfile(t.Context(), id)
	must(t, err)
	if p.Email != "new@example.com" || after == before {
		t.Errorf("the profile is %+v of version %d", p, after)
	}
	f.tell(TypeAuthUserEmailChanged, AuthUserEmailChanged{UserID: newID(), Email: "new@example.com"}) // of nobody that is known
}

func TestUpdateProfileMergesAndChecks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.registered()
	update := func(patch string) (Profile, int64, error) {
		return f.UpdateProfile(t.Context(), id, json.RawMessage(patch), nil)
	}
	p, version, err := update(`{"givenName": "Ada", "place": {"placeId": 2950159, "street": "Unter den Linden 1"}, "nationalities": ["GB"],
		"languages": [{"code": "en", "level": "native"}]}`)
	must(t, err)
	if p.Place == nil || p.Place.City != "Berlin" || p.Place.CountryCode != "DE" || p.Place.TimeZone != "Europe/Berlin" || *p.Place.Latitude < 52 {
		t.Errorf("the place became %+v", p.Place)
	}
	p, _, err = update(`{"givenName": null, "place": {"street": null}, "headline": "Engineer"}`)
	must(t, err)
	if p.GivenName != "" || p.Place.Street != "" || p.Place.City != "Berlin" || p.Headline != "Engineer" || len(p.Nationalities) != 1 {
		t.Errorf("the merged profile is %+v", p)
	}
	moved, _, err := update(`{"place": {"city": "Potsdam"}}`)
	must(t, err)
	if moved.Place.PlaceID != 0 || moved.Place.Latitude != nil || moved.Place.CountryCode != "DE" {
		t.Errorf("moved to %+v", moved.Place)
	}
	if got := told[ProfileUpdated](f, TypeProfileUpdated); len(got) != 3 || !slices.Equal(got[1].Fields, []string{"givenName", "headline", "place"}) {
		t.Errorf("told %+v", got)
	}
	for patch, want := range map[string][2]string{
		`{"nationalities": ["ZZ"]}`:                                            {"#/nationalities/0", "unknown"},
		`{"place": {"timeZone": "Mars/Olympus"}}`:                              {"#/place/timeZone", "unknown"},
		`{"place": {"placeId": 1}}`:                                            {"#/place/placeId", "unknown"},
		`{"languages": [{"code": "pt-BR"}, {"code": "zz-Latn"}]}`:              {"#/languages/1/code", "unknown"},
		`{"languages": [{"code": "en"}, {"code": "en"}]}`:                      {"#/languages/1/code", "duplicate"},
		`{"workAuthorizations": [{"countryCode": "QQ", "status": "citizen"}]}`: {"#/workAuthorizations/0/countryCode", "unknown"},
	} {
		_, _, err := update(patch)
		wantField(t, err, want[0], want[1])
	}
	_, _, err = f.UpdateProfile(t.Context(), id, json.RawMessage(`{"headline": "x"}`), func(v int64) error {
		if v == version {
			return nil
		}
		return errors.New("other")
	})
	wantCode(t, err, "precondition_failed")
	_, _, err = f.UpdateProfile(t.Context(), newID(), json.RawMessage(`{"headline": "x"}`), nil)
	wantCode(t, err, "profile_not_found")
}

func TestChangesOfOneUserDoNotLoseEachOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.registered()
	var wg sync.WaitGroup
	for _, patch := range []string{`{"givenName": "Ada"}`, `{"familyName": "Lovelace"}`, `{"headline": "x"}`, `{"summary": "y"}`, `{"phone": "+49 30 1"}`} {
		wg.Go(func() {
			if _, _, err := f.UpdateProfile(t.Context(), id, json.RawMessage(patch), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p, version, err := f.GetProfile(t.Context(), id)
	must(t, err)
	if p.GivenName == "" || p.FamilyName == "" || p.Headline == "" || p.Summary == "" || p.Phone == "" || version != 6 {
		t.Errorf("after five changes at once the profile is %+v of version %d", p, version)
	}
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, id := t.Context(), f.registered()
	_, err := f.UploadPhoto(ctx, id, bytes.NewReader(picture(t, 600, 400)))
	must(t, err)
	_, err = f.AddSkills(ctx, id, []SkillFields{{Name: "Go"}})
	must(t, err)
	at, err := f.RequestDeletion(ctx, id, Client{})
	must(t, err)
	again, err := f.RequestDeletion(ctx, id, Client{})
	must(t, err)
	if got := told[DeletionRequested](f, TypeDeletionRequested); len(got) != 1 || !at.Equal(again) {
		t.Errorf("told %+v, at %v and %v", got, at, again)
	}
	_, err = f.AddSkills(ctx, id, []SkillFields{{Name: "SQL"}})
	wantCode(t, err, "account_being_deleted")
	for range 2 {
		must(t, f.DeleteUserProfile(ctx, id))
		items, err := f.Footprint(ctx, id)
		must(t, err)
		for _, i := range items {
			if i.Count != 0 {
				t.Errorf("left in %s: %d", i.Place, i.Count)
			}
		}
	}
	if n := f.count("SELECT count(*) FROM audit_log WHERE user_id = $1", id); n != 1 {
		t.Errorf("%d lines in the audit trail, want 1", n)
	}
	_, _, err = f.GetProfile(ctx, id)
	wantCode(t, err, "profile_not_found")
	f.tell(TypeAuthUserRegistered, AuthUserRegistered{UserID: id, Email: "ada@example.com"}) // late
	_, err = f.EnsureProfile(ctx, id, Newcomer{Email: "ada@example.com"})
	wantCode(t, err, "account_deleted")
}

func TestAnAccountThatAuthDeletedIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.registered()
	_, err := f.UploadPhoto(t.Context(), id, bytes.NewReader(picture(t, 64, 64)))
	must(t, err)
	f.tell(TypeAuthUserDeleted, AuthUserDeleted{UserID: id})
	_, _, err = f.GetProfile(t.Context(), id)
	wantCode(t, err, "profile_not_found")
	must(t, f.sweep(t.Context(), nil)) // the duty
	if n := f.count("SELECT count(*) FROM dropped_files"); n != 0 {
		t.Errorf("%d files are left", n)
	}
}
