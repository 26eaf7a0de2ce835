package api

import (
	"context"

	"github.com/jobpilot/jobpilot/services/user/internal/user"
)

// keep is for how long suggestions may be kept: reference data changes with releases.
var keep = "public, max-age=3600"

func ask[L ~string](q *string, limit *int32, lang *L, country string) user.Suggest {
	s := user.Suggest{Typed: value(q), Limit: 10, Lang: string(value(lang)), Country: country}
	if limit != nil {
		s.Limit = int(*limit)
	}
	if s.Lang == "" {
		s.Lang = "en"
	}
	return s
}

// SuggestSkills suggests skills.
func (s *Server) SuggestSkills(ctx context.Context, r SuggestSkillsRequestObject) (SuggestSkillsResponseObject, error) {
	list, err := s.User.SuggestSkills(ctx, ask(&r.Params.Q, r.Params.Limit, r.Params.Lang, ""))
	return SuggestSkills200JSONResponse{Body: SkillSuggestions{Items: list}, Headers: SuggestSkills200ResponseHeaders{CacheControl: &keep}}, err
}

// SuggestOccupations suggests occupations.
func (s *Server) SuggestOccupations(ctx context.Context, r SuggestOccupationsRequestObject) (SuggestOccupationsResponseObject, error) {
	list, err := s.User.SuggestOccupations(ctx, ask(&r.Params.Q, r.Params.Limit, r.Params.Lang, ""))
	return SuggestOccupations200JSONResponse{Body: OccupationSuggestions{Items: list}, Headers: SuggestOccupations200ResponseHeaders{CacheControl: &keep}}, err
}

// SuggestPlaces suggests cities.
func (s *Server) SuggestPlaces(ctx context.Context, r SuggestPlacesRequestObject) (SuggestPlacesResponseObject, error) {
	list, err := s.User.SuggestPlaces(ctx, ask(&r.Params.Q, r.Params.Limit, r.Params.Lang, value(r.Params.Country)))
	return SuggestPlaces200JSONResponse{Body: PlaceSuggestions{Items: list}, Headers: SuggestPlaces200ResponseHeaders{CacheControl: &keep}}, err
}

// SuggestCountries suggests countries.
func (s *Server) SuggestCountries(ctx context.Context, r SuggestCountriesRequestObject) (SuggestCountriesResponseObject, error) {
	list, err := s.User.SuggestCountries(ctx, ask(r.Params.Q, r.Params.Limit, r.Params.Lang, ""))
	return SuggestCountries200JSONResponse{Body: CountrySuggestions{Items: list}, Headers: SuggestCountries200ResponseHeaders{CacheControl: &keep}}, err
}

// SuggestCurrencies suggests currencies.
func (s *Server) SuggestCurrencies(ctx context.Context, r SuggestCurrenciesRequestObject) (SuggestCurrenciesResponseObject, error) {
	list, err := s.User.SuggestCurrencies(ctx, ask(r.Params.Q, r.Params.Limit, r.Params.Lang, ""))
	return SuggestCurrencies200JSONResponse{Body: CurrencySuggestions{Items: list}, Headers: SuggestCurrencies200ResponseHeaders{CacheControl: &keep}}, err
}

// SuggestLanguages suggests languages.
func (s *Server) SuggestLanguages(ctx context.Context, r SuggestLanguagesRequestObject) (SuggestLanguagesResponseObject, error) {
	list, err := s.User.SuggestLanguages(ctx, ask(r.Params.Q, r.Params.Limit, r.Params.Lang, ""))
	return SuggestLanguages200JSONResponse{Body: LanguageSuggestions{Items: list}, Headers: SuggestLanguages200ResponseHeaders{CacheControl: &keep}}, err
}
