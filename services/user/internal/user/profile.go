package user

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/jobpilot/jobpilot/pkg/cache"
	"github.com/jobpilot/jobpilot/pkg/errs"
	"github.com/jobpilot/jobpilot/pkg/pg"
	"github.com/jobpilot/jobpilot/pkg/seal"
	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// Profile is the person, as they present themselves. It is the form of the API
// and, without what columns hold, of the sealed document.
type Profile struct {
	UserID              uuid.UUID           `json:"userId,omitzero"`
	Email               string              `json:"email"`
	DisplayName         string              `json:"displayName,omitempty"`
	GivenName           string              `json:"givenName,omitempty"`
	FamilyName          string              `json:"familyName,omitempty"`
	Headline            string              `json:"headline,omitempty"`
	Summary             string              `json:"summary,omitempty"`
	Phone               string              `json:"phone,omitempty"`
	Place               *Place              `json:"place,omitempty"`
	Links               []Link              `json:"links,omitempty"`
	Nationalities       []string            `json:"nationalities,omitempty"` // ISO 3166-1
	WorkAuthorizations  []WorkAuthorization `json:"workAuthorizations,omitempty"`
	Languages           []SpokenLanguage    `json:"languages,omitempty"`
	Photo               *Photo              `json:"photo,omitempty"`
	DeletionRequestedAt *time.Time          `json:"deletionRequestedAt,omitempty"`
	CreatedAt           time.Time           `json:"createdAt,omitzero"`
	UpdatedAt           time.Time           `json:"updatedAt,omitzero"`
}

// Place is where a user lives.
type Place struct {
	PlaceID     int32    `json:"placeId,omitempty"` // common.places
	Street      string   `json:"street,omitempty"`
	PostalCode  string   `json:"postalCode,omitempty"`
	City        string   `json:"city,omitempty"`
	Region      string   `json:"region,omitempty"`
	CountryCode string   `json:"countryCode,omitempty"` // ISO 3166-1
	Latitude    *float64 `json:"latitude,omitempty"`    // degrees
	Longitude   *float64 `json:"longitude,omitempty"`
	TimeZone    string   `json:"timeZone,omitempty"` // IANA
}

// Link is a page of the user's.
type Link struct {
	Kind  string `json:"kind"`
	URL   string `json:"url"`
	Label string `json:"label,omitempty"`
}

// WorkAuthorization is the right to work in a country, as the user states it.
type WorkAuthorization struct {
	CountryCode string `json:"countryCode"`
	Status      string `json:"status"`
	ValidUntil  string `json:"validUntil,omitempty"` // date
}

// SpokenLanguage is a language and how well it is spoken (CEFR, or native).
type SpokenLanguage struct {
	Code  string `json:"code"` // BCP 47
	Level string `json:"level,omitempty"`
}

// Full is everything of a user that other services may need.
type Full struct {
	UserID       uuid.UUID    `json:"userId"`
	Profile      Profile      `json:"profile"`
	Skills       []Skill      `json:"skills"`
	Experiences  []Experience `json:"experiences"`
	Educations   []Education  `json:"educations"`
	Preferences  Preferences  `json:"preferences"`
	Settings     Settings     `json:"settings"`
	Answers      []Answer     `json:"answers"`
	Entitlements Entitlements `json:"entitlements"`
	Completeness Completeness `json:"completeness"`
}

// snapshot is what is cached: all of a user at one time, with the versions.
type snapshot struct {
	Full
	Subscription Subscription
	Versions     struct{ Profile, Preferences, Settings int64 }
	Entries      map[uuid.UUID]int64 // of experiences and educations
}

// load reads a user, from the cache or the database.
func (s *Service) load(ctx context.Context, user uuid.UUID) (*snapshot, error) {
	place := seal.Place{Table: "cache", Column: "profile", Row: user.String(), Owner: user.String()}
	raw, err := s.Cache.Get(ctx, user.String(), func(ctx context.Context) ([]byte, error) {
		var snap *snapshot
		err := pg.InTx(ctx, s.Pool, func(x pgx.Tx) (err error) {
			// The parts are of one time.
			if _, err = x.Exec(ctx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"); err == nil {
				snap, err = s.read(ctx, db.New(x), user)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(snap)
		if err != nil {
			return nil, err
		}
		return s.Keys.Seal(raw, place), nil
	})
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return nil, errNotFound
	case err != nil:
		return nil, storeError(err)
	}
	var snap snapshot
	if raw, err = s.Keys.Open(raw, place); err != nil {
		return nil, err
	}
	return &snap, json.Unmarshal(raw, &snap)
}

// read collects everything of a user.
func (s *Service) read(ctx context.Context, q *db.Queries, user uuid.UUID) (*snapshot, error) {
	row, err := q.ProfileGet(ctx, user)
	if pg.IsNotFound(err) {
		return nil, cache.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	snap := &snapshot{Entries: map[uuid.UUID]int64{}}
	snap.UserID, snap.Versions.Profile = user, row.Version
	if snap.Profile, err = s.profile(row); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *db.Queries, *snapshot) error{
		s.readSkills, readExperiences, readEducations, readPreferences, s.readAnswers, readSubscription,
	} {
		if err := part(ctx, q, snap); err != nil {
			return nil, err
		}
	}
	snap.Completeness = complete(&snap.Full)
	return snap, nil
}

// profile opens a row.
func (s *Service) profile(row db.UserProfile) (Profile, error) {
	var p Profile
	err := s.open("user_profiles", "profile_sealed", row.UserID.String(), row.UserID, row.ProfileSealed, &p)
	p.UserID, p.CreatedAt, p.UpdatedAt, p.DeletionRequestedAt = row.UserID, row.CreatedAt.UTC(), row.UpdatedAt.UTC(), row.DeletionRequestedAt
	p.Photo = photoOf(row)
	return p, err
}

// store seals and writes the profile of the locked row.
func (t *tx) store(ctx context.Context, p Profile) error {
	p.UserID, p.CreatedAt, p.UpdatedAt, p.DeletionRequestedAt, p.Photo = uuid.Nil, time.Time{}, time.Time{}, nil, nil
	sealed, err := t.s.sealed("user_profiles", "profile_sealed", t.user.String(), t.user, p)
	if err != nil {
		return err
	}
	return t.ProfileUpdate(ctx, db.ProfileUpdateParams{UserID: t.user, ProfileSealed: sealed, Now: t.now})
}

// GetProfile returns a profile and its version.
func (s *Service) GetProfile(ctx context.Context, user uuid.UUID) (Profile, int64, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Profile{}, 0, err
	}
	return snap.Profile, snap.Versions.Profile, nil
}

// GetFullProfile returns everything of a user.
func (s *Service) GetFullProfile(ctx context.Context, user uuid.UUID) (Full, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Full{}, err
	}
	return snap.Full, nil
}

// UpdateProfile applies a merge patch.
func (s *Service) UpdateProfile(ctx context.Context, user uuid.UUID, patch json.RawMessage, check Check) (Profile, int64, error) {
	err := s.change(ctx, user, func(t *tx) error {
		if err := check.ok(t.row.Version); err != nil {
			return err
		}
		was, err := s.profile(t.row)
		if err != nil {
			return err
		}
		p, err := merge(was, patch)
		if err != nil {
			return err
		}
		if err := t.validate(ctx, &p, was.Place); err != nil {
			return err
		}
		t.changed = names(patch)
		return t.store(ctx, p)
	})
	if err != nil {
		return Profile{}, 0, err
	}
	return s.GetProfile(ctx, user)
}

// validate checks what the contract cannot, and fills in what a place of the
// reference data has; was is the place before.
func (t *tx) validate(ctx context.Context, p *Profile, was *Place) error {
	if p.Place != nil {
		if was == nil {
			was = &Place{}
		}
		if err := t.completePlace(ctx, p.Place, was); err != nil {
			return err
		}
		if *p.Place == (Place{}) {
			p.Place = nil
		}
	}
	for _, text := range []*string{&p.DisplayName, &p.GivenName, &p.FamilyName, &p.Headline} {
		*text = strings.TrimSpace(*text)
	}
	countries, languages := map[string]string{}, map[string]string{}
	for i, c := range p.Nationalities {
		countries[at("nationalities", i)] = c
	}
	for i, w := range p.WorkAuthorizations {
		countries[at("workAuthorizations", i, "countryCode")] = w.CountryCode
	}
	if p.Place != nil && p.Place.CountryCode != "" {
		countries["#/place/countryCode"] = p.Place.CountryCode
	}
	seen := map[string]bool{}
	for i, l := range p.Languages {
		if seen[l.Code] {
			return invalid(at("languages", i, "code"), "duplicate", "is there more than once")
		}
		seen[l.Code] = true
		languages[at("languages", i, "code")], _, _ = strings.Cut(l.Code, "-") // whatever script and region it is with
	}
	if err := t.known(ctx, "languages", languages); err != nil {
		return err
	}
	return t.known(ctx, "countries", countries)
}

func (t *tx) completePlace(ctx context.Context, p, was *Place) error {
	switch {
	case p.PlaceID == 0:
	case p.PlaceID == was.PlaceID && (p.City != was.City || p.CountryCode != was.CountryCode):
		// Somewhere else: what came with the place no longer holds.
		p.PlaceID, p.Latitude, p.Longitude, p.TimeZone = 0, nil, nil, ""
	case p.PlaceID != was.PlaceID:
		known, err := t.place(ctx, p.PlaceID, "#/place/placeId")
		if err != nil {
			return err
		}
		p.City, p.CountryCode, p.TimeZone, p.Latitude, p.Longitude = known.Name, known.CountryCode, known.TimeZone, &known.Latitude, &known.Longitude
		if known.Region != "" {
			p.Region = known.Region
		}
	}
	if (p.Latitude == nil) != (p.Longitude == nil) {
		return invalid("#/place", "incomplete", "has only one of latitude and longitude")
	}
	return checkTimeZone("#/place/timeZone", p.TimeZone)
}

func checkTimeZone(pointer, name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return invalid(pointer, "unknown", "is not a time zone of the IANA database, such as Europe/Berlin")
	}
	return nil
}

// Newcomer is what is known of a user at first.
type Newcomer struct {
	Email, DisplayName, Locale string
}

// create makes a user's profile with default settings and the free plan, unless
// it is there or the user was deleted.
func (s *Service) create(ctx context.Context, x pgx.Tx, user uuid.UUID, n Newcomer) error {
	t := &tx{Queries: db.New(x), x: x, s: s, now: s.now(), user: user}
	sealed, err := s.sealed("user_profiles", "profile_sealed", user.String(), user, Profile{Email: n.Email, DisplayName: n.DisplayName})
	if err != nil {
		return err
	}
	rows, err := t.ProfileInsert(ctx, db.ProfileInsertParams{UserID: user, ProfileSealed: sealed, Now: t.now})
	if err != nil || rows == 0 {
		return err
	}
	settings, err := json.Marshal(defaultSettings(n.Locale))
	if err != nil {
		return err
	}
	if err := t.PreferencesInsert(ctx, db.PreferencesInsertParams{UserID: user, Settings: settings, Now: t.now}); err != nil {
		return err
	}
	if err := t.SubscriptionInsert(ctx, db.SubscriptionInsertParams{UserID: user, Now: t.now}); err != nil {
		return err
	}
	return t.emit(ctx, TypeProfileCreated, ProfileCreated{UserID: user, CreatedAt: t.now})
}

// EnsureProfile makes a user's profile unless it is there.
func (s *Service) EnsureProfile(ctx context.Context, user uuid.UUID, n Newcomer) (Profile, error) {
	err := pg.InTx(ctx, s.Pool, func(x pgx.Tx) error { return s.create(ctx, x, user, n) })
	if err != nil {
		return Profile{}, storeError(err)
	}
	p, _, err := s.GetProfile(ctx, user)
	if errors.Is(err, errNotFound) { // it has a tombstone
		return Profile{}, errs.New(errs.Conflict, "account_deleted", "This account was deleted; its profile is not made again.")
	}
	return p, err
}

// followEmail takes over the address that the account has moved to. A profile
// that is not there gets it when it is made.
func (s *Service) followEmail(ctx context.Context, x pgx.Tx, m AuthUserEmailChanged) error {
	t, err := s.begin(ctx, x, m.UserID)
	if errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := s.profile(t.row)
	if err != nil {
		return err
	}
	p.Email = m.Email
	if err := t.store(ctx, p); err != nil {
		return err
	}
	return t.emit(ctx, TypeProfileUpdated, ProfileUpdated{UserID: t.user, Fields: []string{"email"}, UpdatedAt: t.now})
}
