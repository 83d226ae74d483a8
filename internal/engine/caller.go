package engine

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
	// ScopeMaintenance reads and writes objects as master, internal fields
	// included, and administers nothing.
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

// Administers tells whether c may see what is the administrator's: classes and
// what the server offers. The maintenance key reaches objects only.
func (c Caller) Administers() bool {
	return c.Scope == ScopeMaster || c.Scope == ScopeReadOnlyMaster
}

// mayWriteAsMaster tells whether permissions and ACLs do not apply to writes by c.
func (c Caller) mayWriteAsMaster() bool { return c.Scope >= ScopeMaster }
