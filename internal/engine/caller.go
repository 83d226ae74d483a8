package engine

import "github.com/loam-baas/loam/internal/parse"

// Scope is what a caller's credentials allow, before any user is considered.
type Scope uint8

// The scopes, from least to most.
const (
	// ScopeClient is an app's client: permissions and ACLs apply.
	ScopeClient Scope = iota
	// ScopeReadOnlyMaster reads as master and writes nothing.
	ScopeReadOnlyMaster
	// ScopeMaster passes permissions and ACLs by.
	ScopeMaster
	// ScopeMaintenance is master that may also read and write internal fields.
	ScopeMaintenance
)

// Caller is who asks: every read and write names one. The zero Caller is an
// anonymous client.
type Caller struct {
	Scope Scope
	// UserID is the signed-in user's id, or "".
	UserID string
	// Roles are the names of the user's roles, inherited ones included, without "role:".
	Roles []string
	// SessionToken is the session that the caller presented, or "".
	SessionToken string
	// InstallationID is the installation that the caller named, or "".
	InstallationID string
}

// Master tells whether permissions and ACLs do not apply to reads by c.
func (c Caller) Master() bool { return c.Scope >= ScopeReadOnlyMaster }

// MayWriteAsMaster is nil when c may write past permissions and ACLs.
func (c Caller) mayWriteAsMaster() bool { return c.Scope >= ScopeMaster }

// RequireMaster is an error when c is not master for reading, respectively for
// writing; what the read-only master key may not do it is told so.
func (c Caller) RequireMaster(write bool) error {
	switch {
	case !c.Master():
		return &parse.Error{Code: parse.OperationForbidden, Status: 403, Bare: true, Message: "unauthorized: master key is required"}
	case write && c.Scope == ScopeReadOnlyMaster:
		return &parse.Error{Code: parse.OperationForbidden, Status: 403, Message: "Permission denied"}
	}
	return nil
}
