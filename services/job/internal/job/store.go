package job

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/jobpilot/jobpilot/services/job/internal/db"
	"github.com/jobpilot/jobpilot/services/job/internal/source"
)

// intake takes the postings of one reading of a source, and stores them in batches.
type intake struct {
	s     *Service
	run   uuid.UUID
	src   db.Source
	begun time.Time
	batch []source.Posting
	pages []string
}

func (in *intake) posting(ctx context.Context, p source.Posting) error {
	if in.batch = append(in.batch, p); len(in.batch) < storeBatch {
		return nil
	}
	return in.flush(ctx)
}

func (in *intake) unchanged(ctx context.Context, page string) error {
	if in.pages = append(in.pages, page); len(in.pages) < storeBatch {
		return nil
	}
	return in.flush(ctx)
}

// flush normalises and stores what has come.
func (in *intake) flush(ctx context.Context) error {
	if len(in.batch) == 0 && len(in.pages) == 0 {
		return nil
	}
	s := in.s
	list := make([]prepared, len(in.batch))
	now := s.now()
	var group sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(list))
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(list); i += workers {
				list[i] = prepare(Normalize(in.batch[i], in.src.Name, now))
			}
		})
	}
	group.Wait()
	if err := s.gazette.locate(ctx, list); err != nil {
		return storeError(err)
	}
	for i := range list {
		list[i].hash()
	}
	list = lastOfEach(list)
	err := s.inTx(ctx, func(t *tx) error { return t.store(ctx, in, list) })
	in.batch, in.pages = in.batch[:0], in.pages[:0]
	return err
}

// lastOfEach drops what a source lists twice under one id.
func lastOfEach(list []prepared) []prepared {
	at := map[string]int{}
	out := list[:0]
	for _, p := range list {
		if i, ok := at[p.ExternalID]; ok {
			out[i] = p
			continue
		}
		at[p.ExternalID] = len(out)
		out = append(out, p)
	}
	return out
}

// prepared is a listing with what is derived from it.
type prepared struct {
	Listing
	candidate
	content     json.RawMessage
	contentHash [32]byte
	textHash    [32]byte
}

func prepare(l Listing) prepared { return prepared{Listing: l, candidate: candidateOf(&l)} }

// companyName is what the company is called where people read it.
func (l *Listing) companyName() string { return firstOf(l.Company, "Company not named") }

// hash is of all that the posting says; the time of posting is left out, since it
// is made up where the source has none.
func (p *prepared) hash() {
	p.candidate.place = p.Place
	l := p.Listing
	l.Posted = time.Time{}
	raw, _ := json.Marshal(l) //nolint:errchkjson // strings and numbers
	p.contentHash = sha256.Sum256(raw)
	p.textHash = sha256.Sum256([]byte(p.Title + "\x00" + p.Text))
	p.content, _ = json.Marshal(p.Listing) //nolint:errchkjson // strings and numbers
}

// row is a job as it is written; see jobColumns.
type row struct {
	ID             uuid.UUID  `json:"id"`
	CompanyID      uuid.UUID  `json:"company_id"`
	CompanyName    string     `json:"company_name"`
	Title          string     `json:"title"`
	HTML           string     `json:"-"` // goes by textRow
	Plain          string     `json:"-"`
	Language       string     `json:"language"`
	Location       string     `json:"location"`
	Country        string     `json:"country"`
	Region         string     `json:"region"`
	City           string     `json:"city"`
	Latitude       *float64   `json:"latitude"`
	Longitude      *float64   `json:"longitude"`
	Remote         string     `json:"remote"`
	EmploymentType string     `json:"employment_type"`
	Seniority      string     `json:"seniority"`
	PayMin         *float64   `json:"pay_min"`
	PayMax         *float64   `json:"pay_max"`
	PayCurrency    string     `json:"pay_currency"`
	PayPeriod      string     `json:"pay_period"`
	PayYearMax     *float64   `json:"pay_year_max"`
	Platform       string     `json:"platform"`
	PostedAt       time.Time  `json:"posted_at"`
	ValidThrough   *time.Time `json:"valid_through"`
	TextHashHex    string     `json:"text_hash"`
}

// textRow is what a job says as it is written; see textColumns.
type textRow struct {
	ID          uuid.UUID `json:"id"`
	CompanyName string    `json:"company_name"`
	Title       string    `json:"title"`
	Location    string    `json:"location"`
	HTML        string    `json:"html"`
	Plain       string    `json:"plain"`
}

type listingRow struct {
	ID          uuid.UUID       `json:"id"`
	JobID       uuid.UUID       `json:"job_id"`
	ExternalID  string          `json:"external_id"`
	URL         string          `json:"url"`
	ApplyURL    string          `json:"apply_url"`
	Page        string          `json:"page"`
	Content     json.RawMessage `json:"content"`
	ContentHash string          `json:"content_hash"`
	Sketch      string          `json:"sketch"`
	Primary     bool            `json:"primary"`
}

// store writes a batch of listings of one source: what is known is seen again or
// changed, what is new joins the job that other sources list already, or makes one.
func (t *tx) store(ctx context.Context, in *intake, list []prepared) error {
	count := db.GatheringSourceProgressParams{GatheringID: in.run, SourceID: in.src.ID, Found: int32(len(list))}
	if len(in.pages) > 0 {
		n, err := t.ListingsSeenByPage(ctx, db.ListingsSeenByPageParams{Now: t.now, SourceID: in.src.ID, Pages: in.pages})
		if err != nil {
			return err
		}
		count.Found += int32(n)
		count.Unchanged += int32(n)
	}
	companies, err := t.companies(ctx, in, list)
	if err != nil {
		return err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ExternalID
	}
	rows, err := t.ListingsOfSource(ctx, db.ListingsOfSourceParams{SourceID: in.src.ID, ExternalIds: ids})
	if err != nil {
		return err
	}
	known := make(map[string]db.ListingsOfSourceRow, len(rows))
	for _, r := range rows {
		known[r.ExternalID] = r
	}
	w := writes{platform: in.src.Platform, source: in.src.ID}
	var fresh []*prepared
	for i := range list {
		p := &list[i]
		old, ok := known[p.ExternalID]
		switch {
		case !ok:
			fresh = append(fresh, p)
			continue
		case [32]byte(old.ContentHash) == p.contentHash:
			w.seen = append(w.seen, old.ID)
			count.Unchanged++
		default:
			w.changedListings = append(w.changedListings, w.listing(p, old.ID, old.JobID, old.Primary))
			if old.Primary {
				w.changed = append(w.changed, w.job(p, old.JobID, companies[p.company]))
			}
			count.Updated++
		}
		if !old.Live {
			w.revived = append(w.revived, old.JobID)
		}
	}
	merged, err := t.duplicates(ctx, in, fresh, companies)
	if err != nil {
		return err
	}
	for _, p := range fresh {
		if m, ok := merged[p]; ok {
			// A company's own board knows better than an aggregator what the job is.
			better := aggregator(m.platform) && !aggregator(in.src.Platform)
			w.newListings = append(w.newListings, w.listing(p, newID(), m.job, better))
			w.joined = append(w.joined, m.job)
			if better {
				w.demoted = append(w.demoted, m.job)
				w.changed = append(w.changed, w.job(p, m.job, companies[p.company]))
			}
			count.Updated++
			continue
		}
		j := w.job(p, newID(), companies[p.company])
		w.created = append(w.created, j)
		w.newListings = append(w.newListings, w.listing(p, newID(), j.ID, true))
		count.Created++
	}
	if err := t.write(ctx, &w); err != nil {
		return err
	}
	t.s.metrics.stored.WithLabelValues("created").Add(float64(count.Created))
	t.s.metrics.stored.WithLabelValues("updated").Add(float64(count.Updated))
	t.s.metrics.stored.WithLabelValues("unchanged").Add(float64(count.Unchanged))
	return t.GatheringSourceProgress(ctx, count)
}

// companies locks and returns the ids of the listings' companies by key.
func (t *tx) companies(ctx context.Context, in *intake, list []prepared) (map[string]uuid.UUID, error) {
	// The source itself is locked too: a run of it that is delivered twice stores
	// one batch after the other.
	locks := []string{"source " + in.src.ID.String()}
	p := db.CompaniesUpsertParams{Now: t.now}
	for i := range list {
		locks = append(locks, list[i].company)
		p.Keys, p.Names, p.Ids = append(p.Keys, list[i].company), append(p.Names, list[i].companyName()), append(p.Ids, newID())
	}
	if err := t.CompaniesLock(ctx, locks); err != nil {
		return nil, err
	}
	rows, err := t.CompaniesUpsert(ctx, p)
	out := make(map[string]uuid.UUID, len(rows))
	for _, r := range rows {
		out[r.Key] = r.ID
	}
	return out, err
}

// merge is the job that a listing joins.
type merge struct {
	job      uuid.UUID
	platform string // of the listing that the job shows
}

// duplicates finds the jobs that new listings are of.
func (t *tx) duplicates(ctx context.Context, in *intake, fresh []*prepared, companies map[string]uuid.UUID) (map[*prepared]merge, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	var urls []string
	ids := map[uuid.UUID]bool{}
	for _, p := range fresh {
		ids[companies[p.company]] = true
		urls = append(urls, p.URL)
		if p.ApplyURL != "" {
			urls = append(urls, p.ApplyURL)
		}
	}
	q := db.DuplicateCandidatesParams{SourceID: in.src.ID}
	for id := range ids {
		q.CompanyIds = append(q.CompanyIds, id)
	}
	rows, err := t.DuplicateCandidates(ctx, q)
	if err != nil {
		return nil, err
	}
	linked, err := t.ListingsByURL(ctx, db.ListingsByURLParams{Urls: urls, SourceID: in.src.ID})
	if err != nil || len(rows)+len(linked) == 0 {
		return nil, err
	}
	byURL := map[string]uuid.UUID{}
	for _, l := range linked {
		byURL[l.Url] = l.JobID
	}
	byCompany := map[uuid.UUID][]existing{}
	platforms := map[uuid.UUID]string{}
	for _, r := range rows {
		platforms[r.ID] = r.Platform
		sk, ok := readSketch(r.Sketch)
		if !ok {
			continue
		}
		place := Place{Text: r.Location, Country: r.Country, Region: r.Region, City: r.City, Latitude: r.Latitude, Longitude: r.Longitude}
		byCompany[r.CompanyID] = append(byCompany[r.CompanyID], existing{r.ID, candidate{title: titleWords(r.Title, place), place: place, sketch: sk}})
	}
	out := map[*prepared]merge{}
	taken := map[uuid.UUID]bool{} // listings of one source are different jobs
	for _, p := range fresh {
		if id, ok := byURL[p.ApplyURL]; ok && p.ApplyURL != "" && !taken[id] {
			out[p], taken[id] = merge{id, platforms[id]}, true
			continue
		}
		if id, ok := byURL[p.URL]; ok && !taken[id] {
			out[p], taken[id] = merge{id, platforms[id]}, true
			continue
		}
		for _, e := range byCompany[companies[p.company]] {
			e.candidate.company = p.company
			if !taken[e.id] && p.same(&e.candidate) {
				out[p], taken[e.id] = merge{e.id, platforms[e.id]}, true
				break
			}
		}
	}
	return out, nil
}

type existing struct {
	id uuid.UUID
	candidate
}
