package migrations

import "github.com/loam-baas/loam/internal/store"

// uniqueUsers makes names and addresses of users unique whatever their case.
// Parse Server looks before it writes, so that two who sign up at the same time
// may both get "bob" and "Bob"; an index lets nobody through. A database where
// that has happened waits until the operator has renamed one of them.
func uniqueUsers() migration {
	return migration{number: 4, name: "unique_users", steps: func(o Options) []step {
		var steps []step
		for _, index := range [...]struct {
			on    bool
			field string
		}{
			{o.Indexes.UserUsernameCaseInsensitive, "username"},
			{o.Indexes.UserEmailCaseInsensitive, "email"},
		} {
			if index.on && !o.CollationCaseComparison {
				steps = append(steps, wanted("_User", store.Index{
					Name: "unique_case_insensitive_" + index.field, Keys: ascending(index.field),
					Unique: true, Sparse: true, CaseInsensitive: true}))
			}
		}
		return steps
	}}
}
