package search

// m is a JSON object.
type m = map[string]any

// Version is the number of the definition, which an index carries in its mapping.
// An index of a lower one is built anew when the service starts; one of a higher
// one, of a release that was rolled back, is left alone. Raise it with every
// change of the definition: a test holds it to that.
const Version = 1

// definition is the index of jobs. Text is analysed without regard to language:
// folded to ASCII and, in a second field, stemmed lightly for English, which most
// postings are in. Facets are keywords as they are shown; filters compare them in
// lower case.
var definition = m{
	"settings": m{
		"index": m{"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "1s", "max_result_window": 10000},
		"analysis": m{
			"filter": m{
				"synonyms": m{"type": "synonym_graph", "lenient": true, "synonyms": synonyms},
				"light":    m{"type": "stemmer", "language": "light_english"},
				"start":    m{"type": "edge_ngram", "min_gram": 1, "max_gram": 20},
			},
			"char_filter": m{
				// What a tokenizer would take for punctuation.
				"names": m{"type": "mapping", "mappings": []string{"C++ => cplusplus", "c++ => cplusplus", "C# => csharp", "c# => csharp", "F# => fsharp", ".NET => dotnet", ".net => dotnet", ".Net => dotnet"}},
			},
			"analyzer": m{
				"words":        m{"type": "custom", "char_filter": []string{"names"}, "tokenizer": "standard", "filter": []string{"lowercase", "asciifolding", "light"}},
				"words_search": m{"type": "custom", "char_filter": []string{"names"}, "tokenizer": "standard", "filter": []string{"lowercase", "asciifolding", "synonyms", "light"}},
				"starts":       m{"type": "custom", "tokenizer": "standard", "filter": []string{"lowercase", "asciifolding", "start"}},
				"plain":        m{"type": "custom", "tokenizer": "standard", "filter": []string{"lowercase", "asciifolding"}},
			},
			"normalizer": m{"folded": m{"type": "custom", "filter": []string{"lowercase", "asciifolding"}}},
		},
	},
	"mappings": m{
		"dynamic": "strict",
		"_meta":   m{"version": Version},
		"_source": m{"includes": []string{"title", "description"}}, // what is highlighted; all else comes from Postgres
		"properties": m{
			"title":          m{"type": "text", "analyzer": "words", "search_analyzer": "words_search", "fields": m{"raw": keyword, "plain": plain, "start": completed}},
			"company":        m{"type": "text", "analyzer": "words", "fields": m{"raw": keyword, "plain": plain, "folded": folded, "start": completed}},
			"companyId":      m{"type": "keyword"},
			"description":    m{"type": "text", "analyzer": "words", "search_analyzer": "words_search", "index_options": "offsets"},
			"skills":         m{"type": "text", "analyzer": "words", "fields": m{"raw": keyword, "plain": plain, "folded": folded, "start": completed}},
			"location":       m{"type": "text", "analyzer": "words"},
			"country":        m{"type": "keyword"},
			"city":           m{"type": "keyword", "normalizer": "folded"},
			"point":          m{"type": "geo_point"},
			"remote":         m{"type": "keyword"},
			"employmentType": m{"type": "keyword"},
			"seniority":      m{"type": "keyword"},
			"language":       m{"type": "keyword"},
			"platform":       m{"type": "keyword"},
			"payCurrency":    m{"type": "keyword"},
			"payYearMax":     m{"type": "double"},
			"postedAt":       m{"type": "date"},
			"id":             m{"type": "keyword"},
		},
	},
}

var (
	keyword = m{"type": "keyword", "ignore_above": 400}
	folded  = m{"type": "keyword", "normalizer": "folded", "ignore_above": 400}
	// plain is not stemmed: stems of misspelt words are like nothing.
	plain     = m{"type": "text", "analyzer": "plain"}
	completed = m{"type": "text", "analyzer": "starts", "search_analyzer": "plain"}
)

// synonyms are abbreviations that postings and searchers use for each other.
var synonyms = []string{
	"js, javascript", "ts, typescript", "k8s, kubernetes", "golang, go", "postgres, postgresql", "ml, machine learning", "ai, artificial intelligence",
	"qa, quality assurance", "sre, site reliability engineer", "devops, dev ops", "frontend, front end", "backend, back end", "fullstack, full stack",
	"sr, senior", "jr, junior", "swe, software engineer", "dev, developer", "pm, product manager, project manager", "ux, user experience",
	"hr, human resources", "cs, customer success", "bi, business intelligence", "rn, registered nurse", "cpa, certified public accountant",
}
