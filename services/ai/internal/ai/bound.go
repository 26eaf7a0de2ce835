package ai

import "reflect"

// The bounds that the contract sets to a resume (common.yaml), by the field's
// name in JSON; other texts may have 300 code points.
var (
	textBounds = map[string]int{
		"summary": 10_000, "description": 10_000, "highlights": 2000, "url": 2048, "email": 320, "phone": 64, "address": 500, "postalCode": 32, "name": 200, "label": 200,
		"city": 200, "region": 200, "network": 100, "username": 200, "level": 100, "keywords": 200, "language": 100, "fluency": 100, "reference": 5000, "score": 100, "roles": 200,
	}
	listBounds = map[string]int{
		"work": 100, "volunteer": 50, "education": 50, "awards": 100, "certificates": 100, "publications": 200, "skills": 200, "languages": 50, "interests": 50,
		"references": 50, "projects": 100, "profiles": 30, "highlights": 100, "keywords": 100, "courses": 100, "roles": 20,
	}
)

// bound cuts what a file had more of than a resume may have.
func bound(r *Resume) { boundValue(reflect.ValueOf(r).Elem(), "") }

func boundValue(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			boundValue(v.Elem(), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag.Get("json")
			for j := range len(tag) {
				if tag[j] == ',' {
					tag = tag[:j]
					break
				}
			}
			boundValue(v.Field(i), tag)
		}
	case reflect.Slice:
		if most, ok := listBounds[name]; ok && v.Len() > most {
			v.Set(v.Slice(0, most))
		}
		for i := range v.Len() {
			boundValue(v.Index(i), name)
		}
	case reflect.String:
		most, ok := textBounds[name]
		if !ok {
			most = 300
		}
		v.SetString(clip(visibleText(v.String()), most))
	}
}
