package boardtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// Peers are the services that auto-apply asks: job, user, resume and ai.
type Peers struct {
	*httptest.Server
	Board *Board

	mu      sync.Mutex
	jobs    map[uuid.UUID]Job
	person  func(userID uuid.UUID) map[string]any
	closed  map[uuid.UUID]bool
	owners  map[string]string                           // of resumes
	Saved   []string                                    // keys that were kept in the answer bank
	Answer  func(question string, options []string) any // of ai; nil: it knows nothing
	NoProof bool                                        // ai gives no source
}

// NewPeers serves for a board. Everybody is Ada until Person says otherwise.
func NewPeers(b *Board) *Peers {
	p := &Peers{Board: b, jobs: map[uuid.UUID]Job{}, closed: map[uuid.UUID]bool{}, owners: map[string]string{}, person: Ada}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	return p
}

// Person changes who users are.
func (p *Peers) Person(f func(uuid.UUID) map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.person = f
}

// Add makes a posting known, and returns its id.
func (p *Peers) Add(j Job) uuid.UUID {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := uuid.New()
	p.jobs[id] = j
	return id
}

// Close closes a posting at the job service.
func (p *Peers) Close(id uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed[id] = true
}

type object = map[string]any

const now = "2026-01-02T03:04:05Z"

// PDF is the resume that is sent.
var PDF = []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")

func (p *Peers) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	reply := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	content := func(user string) object {
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(user))
		p.owners[id.String()] = user
		return object{"resumeId": id, "userId": user, "version": 3, "title": "Resume", "language": "en", "text": "Ada", "resume": object{"basics": object{"name": "Ada Byron"}}}
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/internal/v1/jobs/"):
		id, _ := uuid.Parse(parts[3])
		j, ok := p.jobs[id]
		if !ok {
			reply(http.StatusNotFound, object{})
			return
		}
		status := "open"
		if p.closed[id] {
			status = "closed"
		}
		reply(http.StatusOK, object{"platform": j.Platform, "board": j.Board, "externalId": j.ID, "applyUrl": j.ApplyURL, "baseUrl": p.Board.URL, "job": object{
			"id": id, "title": j.Title, "company": object{"id": uuid.NewSHA1(uuid.NameSpaceURL, []byte(j.Company)), "name": j.Company}, "language": j.Language,
			"location": object{"text": j.City, "city": j.City, "country": j.CountryCode}, "skills": []string{}, "requiredSkills": []string{}, "niceSkills": []string{}, "sources": []any{},
			"status": status, "postedAt": now, "saved": false, "description": j.Title, "descriptionHtml": "",
		}})
	case strings.HasSuffix(path, "/profile"):
		id, _ := uuid.Parse(parts[3])
		reply(http.StatusOK, p.person(id))
	case strings.HasPrefix(path, "/api/v1/users/me/answers/"):
		if r.Header.Get("Authorization") == "" {
			reply(http.StatusUnauthorized, object{})
			return
		}
		p.Saved = append(p.Saved, parts[5])
		reply(http.StatusOK, object{"key": parts[5], "type": "text", "sensitive": false, "value": "x", "source": "user", "updatedAt": now})
	case strings.HasSuffix(path, "/resumes/default"):
		reply(http.StatusOK, content(parts[3]))
	case strings.HasPrefix(path, "/internal/v1/resumes/") && len(parts) == 4:
		if p.owners[parts[3]] == "" {
			reply(http.StatusNotFound, object{})
			return
		}
		reply(http.StatusOK, content(p.owners[parts[3]]))
	case strings.HasSuffix(path, "/documents"):
		w.Header().Set("Content-Type", "application/pdf")
		_, _ = w.Write(PDF)
	case strings.HasPrefix(path, "/internal/v1/ai/answer-question"):
		var q struct {
			Question string
			Options  []string
		}
		_ = json.NewDecoder(r.Body).Decode(&q)
		out := object{"answer": nil, "confidence": 0, "kind": "other", "reason": "unknown", "sources": []any{}, "warnings": []any{}, "engine": object{"name": "x", "model": "x", "cached": false}}
		if p.Answer != nil {
			if a := p.Answer(q.Question, q.Options); a != nil {
				out["answer"], out["confidence"], out["reason"] = a, 0.9, "answered"
				if !p.NoProof {
					out["sources"] = []object{{"document": "resume", "pointer": "/work/0", "quote": "x"}}
				}
			}
		}
		reply(http.StatusOK, out)
	case strings.HasPrefix(path, "/internal/v1/ai/generate-cover-letter"):
		reply(http.StatusOK, object{"language": "en", "text": "Dear team,\n\nI wrote the first program.", "wordCount": 6, "seed": 1, "paragraphs": []any{}, "dropped": 0, "warnings": []any{},
			"engine": object{"name": "x", "model": "x", "cached": false}})
	default:
		reply(http.StatusNotFound, object{})
	}
}

// Ada has a filled profile and a filled answer bank. She lives in Berlin.
func Ada(id uuid.UUID) map[string]any {
	answer := func(key string, v any) object {
		return object{"key": key, "type": "text", "sensitive": false, "value": v, "source": "user", "updatedAt": now}
	}
	stamp := func(o object) object { o["createdAt"], o["updatedAt"] = now, now; return o }
	skills := []object{}
	for name, years := range Skills {
		skills = append(skills, stamp(object{"id": uuid.New(), "name": name, "years": years, "source": "user"}))
	}
	rights := []object{}
	for country, status := range Rights {
		rights = append(rights, object{"countryCode": country, "status": status})
	}
	return object{
		"userId": id,
		"profile": stamp(object{
			"userId": id, "email": "ada-" + id.String()[:8] + "@example.org", "displayName": "Ada", "givenName": "Ada", "familyName": "Byron", "phone": "+49 30 901820",
			"place":              object{"street": "Unter den Linden 5", "postalCode": "10117", "city": "Berlin", "region": "Berlin", "countryCode": "DE"},
			"links":              []object{{"kind": "linkedin", "url": "https://www.linkedin.com/in/ada-byron"}, {"kind": "github", "url": "https://github.com/ada"}, {"kind": "portfolio", "url": "https://ada.example.org"}},
			"workAuthorizations": rights,
			"languages":          []object{{"code": "en", "level": "C1"}, {"code": "de", "level": "native"}, {"code": "fr", "level": "B2"}, {"code": "es", "level": "A2"}},
		}),
		"skills":      skills,
		"experiences": []object{stamp(object{"id": uuid.New(), "employer": "Analytical Engines", "title": "Programmer", "startDate": "2018-01"})},
		"educations":  []object{}, "preferences": object{"filters": nil, "wishes": nil, "updatedAt": now},
		"settings":     object{"locale": "en-GB", "timeZone": "Europe/Berlin", "units": "metric", "emailDigest": "off", "updatedAt": now},
		"entitlements": object{"applicationsPerDay": 10000, "resumes": 5, "alerts": 5, "aiRequestsPerDay": 50, "autoApply": true},
		"completeness": object{"percent": 100, "parts": []any{}},
		"answers": []object{
			answer("requires_sponsorship", false), answer("authorized_to_work", true), answer("over_18", true), answer("worked_here_before", false),
			answer("expected_salary", object{"amount": 75000, "currency": "EUR", "period": "year"}), answer("earliest_start_date", "2027-03-01"), answer("notice_period", "1 month"),
			answer("willing_to_relocate", true), answer("willing_to_commute", true), answer("willing_to_work_shifts", true), answer("willing_to_work_weekends", true),
			answer("travel_percent", 20), answer("drivers_license", true), answer("highest_degree", "master"), answer("how_did_you_hear", "LinkedIn"), answer("pronouns", "she/her"),
			answer("privacy_consent", true), answer("future_contact_consent", false), answer("custom.statement_is_true", true),
			answer("gender", "prefer_not_to_say"), answer("race", []string{"prefer_not_to_say"}), answer("veteran_status", "not_a_veteran"), answer("disability_status", "prefer_not_to_say"),
		},
	}
}

// Skills that Ada has, with years.
var Skills = map[string]float64{"Go": 6, "PostgreSQL": 5, "Kubernetes": 3, "Python": 4, "SQL": 8, "Docker": 5, "TypeScript": 2, "React": 2, "Linux": 9}

// Rights of Ada to work.
var Rights = map[string]string{"DE": "citizen", "FR": "citizen", "ES": "citizen", "AT": "citizen", "NL": "citizen", "BE": "citizen", "US": "permanent_resident", "GB": "needs_sponsorship", "CH": "work_permit"}
