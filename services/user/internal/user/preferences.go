package user

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/user/internal/db"
)

// Pay is what work earns before tax.
type Pay struct {
	Amount   float64 `json:"amount"`   // in units of the currency
	Currency string  `json:"currency"` // ISO 4217
	Period   string  `json:"period"`   // hour, day, week, month or year
}

// WantedPlace is a country, or a city and so many kilometres around it.
type WantedPlace struct {
	PlaceID     int32    `json:"placeId,omitempty"` // common.places
	Name        string   `json:"name,omitempty"`
	CountryCode string   `json:"countryCode"`
	Latitude    *float64 `json:"latitude,omitempty"` // degrees
	Longitude   *float64 `json:"longitude,omitempty"`
	RadiusKm    int32    `json:"radiusKm,omitempty"`
}

// Filters are what a job must meet; what is absent does not filter.
type Filters struct {
	NeedsVisaSponsorship *bool         `json:"needsVisaSponsorship,omitempty"`
	MinimumPay           *Pay          `json:"minimumPay,omitempty"`
	Places               []WantedPlace `json:"places,omitempty"`
	RemoteKinds          []string      `json:"remoteKinds,omitempty"`
	EmploymentTypes      []string      `json:"employmentTypes,omitempty"`
	BlockedCompanies     []string      `json:"blockedCompanies,omitempty"`
	Languages            []string      `json:"languages,omitempty"`
}

// Wishes order the jobs that the filters leave.
type Wishes struct {
	Titles       []string `json:"titles,omitempty"`
	Skills       []string `json:"skills,omitempty"`
	Industries   []string `json:"industries,omitempty"`
	Seniorities  []string `json:"seniorities,omitempty"`
	CompanySizes []string `json:"companySizes,omitempty"`
	DesiredPay   *Pay     `json:"desiredPay,omitempty"`
}

// Preferences are what jobs a user looks for.
type Preferences struct {
	Filters   Filters   `json:"filters"`
	Wishes    Wishes    `json:"wishes"`
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
}

// Settings are how the platform behaves for a user.
type Settings struct {
	Locale      string    `json:"locale"`   // BCP 47
	TimeZone    string    `json:"timeZone"` // IANA
	Units       string    `json:"units"`    // metric or imperial
	Currency    string    `json:"currency,omitempty"`
	EmailDigest string    `json:"emailDigest"` // off, daily or weekly
	UpdatedAt   time.Time `json:"updatedAt,omitzero"`
}

func defaultSettings(locale string) Settings {
	if locale == "" {
		locale = "en"
	}
	return Settings{Locale: locale, TimeZone: "UTC", Units: "metric", EmailDigest: "daily"}
}

func readPreferences(ctx context.Context, q *db.Queries, snap *snapshot) error {
	r, err := q.PreferencesGet(ctx, snap.UserID)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.Data, &snap.Preferences); err != nil {
		return err
	}
	snap.Preferences.UpdatedAt, snap.Versions.Preferences = r.UpdatedAt.UTC(), r.Version
	err = json.Unmarshal(r.Settings, &snap.Settings)
	snap.Settings.UpdatedAt, snap.Versions.Settings = r.SettingsUpdatedAt.UTC(), r.SettingsVersion
	return err
}

// GetPreferences returns what jobs a user looks for, and its version.
func (s *Service) GetPreferences(ctx context.Context, user uuid.UUID) (Preferences, int64, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Preferences{}, 0, err
	}
	return snap.Preferences, snap.Versions.Preferences, nil
}

// UpdatePreferences applies a merge patch.
func (s *Service) UpdatePreferences(ctx context.Context, user uuid.UUID, patch json.RawMessage, check Check) (Preferences, int64, error) {
	err := s.change(ctx, user, func(t *tx) error {
		r, err := t.PreferencesGet(ctx, user)
		if err != nil {
			return err
		}
		if err := check.ok(r.Version); err != nil {
			return err
		}
		var p Preferences
		if err := json.Unmarshal(r.Data, &p); err != nil {
			return err
		}
		if p, err = merge(p, patch); err != nil {
			return err
		}
		if err := t.validatePreferences(ctx, &p); err != nil {
			return err
		}
		data, err := json.Marshal(p)
		if err != nil {
			return err
		}
		if err := t.PreferencesUpdate(ctx, db.PreferencesUpdateParams{UserID: user, Data: data, Now: t.now}); err != nil {
			return err
		}
		return t.emit(ctx, TypePreferencesUpdated, PreferencesUpdated{UserID: user, UpdatedAt: t.now})
	})
	if err != nil {
		return Preferences{}, 0, err
	}
	return s.GetPreferences(ctx, user)
}

func (t *tx) validatePreferences(ctx context.Context, p *Preferences) error {
	countries, currencies := map[string]string{}, map[string]string{}
	for i := range p.Filters.Places {
		w, pointer := &p.Filters.Places[i], at("filters", "places", i)
		if w.PlaceID != 0 {
			known, err := t.place(ctx, w.PlaceID, pointer+"/placeId")
			if err != nil {
				return err
			}
			w.Name, w.CountryCode, w.Latitude, w.Longitude = known.Name, known.CountryCode, &known.Latitude, &known.Longitude
		}
		if (w.Latitude == nil) != (w.Longitude == nil) || w.RadiusKm != 0 && w.Latitude == nil {
			return invalid(pointer, "incomplete", "needs latitude and longitude, or the id of a place")
		}
		countries[pointer+"/countryCode"] = w.CountryCode
	}
	for pointer, pay := range map[string]*Pay{"#/filters/minimumPay/currency": p.Filters.MinimumPay, "#/wishes/desiredPay/currency": p.Wishes.DesiredPay} {
		if pay != nil {
			currencies[pointer] = pay.Currency
		}
	}
	if err := t.known(ctx, "countries", countries); err != nil {
		return err
	}
	return t.known(ctx, "currencies", currencies)
}

// GetSettings returns how the platform behaves for a user, and its version.
func (s *Service) GetSettings(ctx context.Context, user uuid.UUID) (Settings, int64, error) {
	snap, err := s.load(ctx, user)
	if err != nil {
		return Settings{}, 0, err
	}
	return snap.Settings, snap.Versions.Settings, nil
}

// UpdateSettings applies a merge patch.
func (s *Service) UpdateSettings(ctx context.Context, user uuid.UUID, patch json.RawMessage, check Check) (Settings, int64, error) {
	err := s.change(ctx, user, func(t *tx) error {
		r, err := t.PreferencesGet(ctx, user)
		if err != nil {
			return err
		}
		if err := check.ok(r.SettingsVersion); err != nil {
			return err
		}
		var st Settings
		if err := json.Unmarshal(r.Settings, &st); err != nil {
			return err
		}
		if st, err = merge(st, patch); err != nil {
			return err
		}
		if err := checkTimeZone("#/timeZone", st.TimeZone); err != nil || st.TimeZone == "" {
			return checkTimeZone("#/timeZone", "Local")
		}
		if st.Currency != "" {
			if err := t.known(ctx, "currencies", map[string]string{"#/currency": st.Currency}); err != nil {
				return err
			}
		}
		data, err := json.Marshal(st)
		if err != nil {
			return err
		}
		t.touch("settings")
		return t.SettingsUpdate(ctx, db.SettingsUpdateParams{UserID: user, Settings: data, Now: t.now})
	})
	if err != nil {
		return Settings{}, 0, err
	}
	return s.GetSettings(ctx, user)
}
