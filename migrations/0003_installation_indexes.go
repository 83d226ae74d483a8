package migrations

import "github.com/loam-baas/loam/internal/store"

// installationIndexes makes the indexes for what every write of a device looks
// up: which installations have its id, and which its token. Parse Server leaves
// them to the operator. They are not unique, since older databases have
// duplicates, and several apps on a device share its token.
func installationIndexes() migration {
	return migration{number: 3, name: "installation_indexes", steps: func(Options) []step {
		return []step{
			wanted("_Installation", store.Index{Name: "installationId_1", Keys: ascending("installationId")}),
			wanted("_Installation", store.Index{Name: "deviceToken_1", Keys: ascending("deviceToken")}),
		}
	}}
}
