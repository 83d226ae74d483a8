package migrations

import "github.com/loam-baas/loam/internal/store"

// systemIndexes makes the indexes that Parse Server ensures at every start,
// under its names, so that a database that comes from it has them already.
// Source: protocol.md §5.
func systemIndexes() migration {
	return migration{number: 1, name: "system_indexes", steps: func(o Options) []step {
		var steps []step
		add := func(on bool, s step) {
			if on {
				steps = append(steps, s)
			}
		}
		x, byCase := o.Indexes, !o.CollationCaseComparison
		add(x.UserUsername, required("_User", store.Index{Name: "username_1", Keys: ascending("username"), Unique: true, Sparse: true}))
		add(x.UserEmail, required("_User", store.Index{Name: "email_1", Keys: ascending("email"), Unique: true, Sparse: true}))
		add(x.UserUsernameCaseInsensitive && byCase, wanted("_User", store.Index{
			Name: "case_insensitive_username", Keys: ascending("username"), Sparse: true, CaseInsensitive: true}))
		add(x.UserEmailCaseInsensitive && byCase, wanted("_User", store.Index{
			Name: "case_insensitive_email", Keys: ascending("email"), Sparse: true, CaseInsensitive: true}))
		add(x.UserEmailVerifyToken, wanted("_User", store.Index{
			Name: "_email_verify_token", Keys: ascending("_email_verify_token"), Sparse: true}))
		add(x.UserPasswordResetToken, wanted("_User", store.Index{
			Name: "_perishable_token", Keys: ascending("_perishable_token"), Sparse: true}))
		for _, provider := range o.AuthProviders {
			add(x.AuthDataUniqueness, wanted("_User", store.Index{
				Name: "_auth_data_" + provider + "_id", Keys: ascending("_auth_data_" + provider + ".id"), Unique: true, Sparse: true}))
		}
		add(x.RoleName, required("_Role", store.Index{Name: "name_1", Keys: ascending("name"), Unique: true, Sparse: true}))
		add(true, required("_Idempotency", store.Index{Name: "reqId_1", Keys: ascending("reqId"), Unique: true, Sparse: true}))
		expired := int32(0)
		add(true, wanted("_Idempotency", store.Index{Name: "ttl", Keys: ascending("expire"), Sparse: true, ExpireAfterSeconds: &expired}))
		return steps
	}}
}
