package schema

import (
	"slices"
	"strings"

	"github.com/loam-baas/loam/internal/parse"
)

// namedClasses are the classes with a leading underscore that schemas may be
// made for and that pointers may name.
var namedClasses = []string{"_User", "_Installation", "_Role", "_Session", "_Product",
	"_PushStatus", "_JobStatus", "_JobSchedule", "_Audience", "_Idempotency"}

// internalClasses are always there, without a schema in the store, and only the
// master key reaches them. Their fields are fixed.
var internalClasses = []string{"_JobStatus", "_PushStatus", "_Hooks", "_GlobalConfig",
	"_GraphQLConfig", "_JobSchedule", "_Audience", "_Idempotency", "_MailQueue"}

// clientClasses are the system classes that clients may reach, as far as
// permissions go.
var clientClasses = []string{"_User", "_Installation", "_Role", "_Session", "_Product"}

// MasterOnly tells whether only the master key may operate on a class: every
// name with a leading underscore that is not one of the system classes made
// for clients (advisories A09, A10, F01).
func MasterOnly(class string) bool {
	return strings.HasPrefix(class, "_") && !slices.Contains(clientClasses, class)
}

// RequiredFields are the fields that an object of a system class must always
// have; parse-server answers parse.IncorrectType "<field> is required." to an
// object that lacks one.
func RequiredFields(class string) []string {
	switch class {
	case "_Product":
		return []string{"productIdentifier", "icon", "order", "title", "subtitle"}
	case "_Role":
		return []string{"name", "ACL"}
	}
	return nil
}

// internalFields are the stored fields that no class declares and that the
// master key may filter by; not by hashes of passwords, which nobody reads.
// Source: protocol.md §5, "internalFields".
var internalFields = map[string][]string{
	"_User": {"_email_verify_token", "_email_verify_token_expires_at",
		"_perishable_token", "_perishable_token_expires_at", "_failed_login_count",
		"_account_lockout_expires_at", "_password_changed_at", "_password_history", "_tombstone"},
	"_Session": {"_session_token"},
}

// InternalField tells whether a stored field, not declared by the class, may be
// filtered by with the master key. "_rperm" and "_wperm" are of every class.
func InternalField(class, field string) bool {
	return field == "_rperm" || field == "_wperm" || slices.Contains(internalFields[class], field)
}

var (
	stringType  = parse.FieldType{Kind: parse.KindString}
	numberType  = parse.FieldType{Kind: parse.KindNumber}
	booleanType = parse.FieldType{Kind: parse.KindBoolean}
	dateType    = parse.FieldType{Kind: parse.KindDate}
	objectType  = parse.FieldType{Kind: parse.KindObject}
	arrayType   = parse.FieldType{Kind: parse.KindArray}
	fileType    = parse.FieldType{Kind: parse.KindFile}
	aclType     = parse.FieldType{Kind: parse.KindACL}
)

func pointerTo(class string) parse.FieldType {
	return parse.FieldType{Kind: parse.KindPointer, TargetClass: class}
}

func relationTo(class string) parse.FieldType {
	return parse.FieldType{Kind: parse.KindRelation, TargetClass: class}
}

// defaultFields are the fields of every class, in the order in which they are shown.
var defaultFields = []Field{
	{Name: "objectId", Type: stringType},
	{Name: "createdAt", Type: dateType},
	{Name: "updatedAt", Type: dateType},
	{Name: "ACL", Type: aclType},
}

// systemFields are the fields that the system classes have besides.
var systemFields = map[string][]Field{
	"_User": {
		{Name: "username", Type: stringType}, {Name: "password", Type: stringType},
		{Name: "email", Type: stringType}, {Name: "emailVerified", Type: booleanType},
		{Name: "authData", Type: objectType},
	},
	"_Installation": {
		{Name: "installationId", Type: stringType}, {Name: "deviceToken", Type: stringType},
		{Name: "channels", Type: arrayType}, {Name: "deviceType", Type: stringType},
		{Name: "pushType", Type: stringType}, {Name: "GCMSenderId", Type: stringType},
		{Name: "timeZone", Type: stringType}, {Name: "localeIdentifier", Type: stringType},
		{Name: "badge", Type: numberType}, {Name: "appVersion", Type: stringType},
		{Name: "appName", Type: stringType}, {Name: "appIdentifier", Type: stringType},
		{Name: "parseVersion", Type: stringType},
	},
	"_Role": {
		{Name: "name", Type: stringType}, {Name: "users", Type: relationTo("_User")},
		{Name: "roles", Type: relationTo("_Role")},
	},
	"_Session": {
		{Name: "user", Type: pointerTo("_User")}, {Name: "installationId", Type: stringType},
		{Name: "sessionToken", Type: stringType}, {Name: "expiresAt", Type: dateType},
		{Name: "createdWith", Type: objectType},
	},
	"_Product": {
		{Name: "productIdentifier", Type: stringType}, {Name: "download", Type: fileType},
		{Name: "downloadName", Type: stringType}, {Name: "icon", Type: fileType},
		{Name: "order", Type: numberType}, {Name: "title", Type: stringType},
		{Name: "subtitle", Type: stringType},
	},
	"_PushStatus": {
		{Name: "pushTime", Type: stringType}, {Name: "source", Type: stringType},
		{Name: "query", Type: stringType}, {Name: "payload", Type: stringType},
		{Name: "title", Type: stringType}, {Name: "expiry", Type: numberType},
		{Name: "expiration_interval", Type: numberType}, {Name: "status", Type: stringType},
		{Name: "numSent", Type: numberType}, {Name: "numFailed", Type: numberType},
		{Name: "pushHash", Type: stringType}, {Name: "errorMessage", Type: objectType},
		{Name: "sentPerType", Type: objectType}, {Name: "failedPerType", Type: objectType},
		{Name: "sentPerUTCOffset", Type: objectType}, {Name: "failedPerUTCOffset", Type: objectType},
		{Name: "count", Type: numberType},
	},
	"_JobStatus": {
		{Name: "jobName", Type: stringType}, {Name: "source", Type: stringType},
		{Name: "status", Type: stringType}, {Name: "message", Type: stringType},
		{Name: "params", Type: objectType}, {Name: "finishedAt", Type: dateType},
	},
	"_JobSchedule": {
		{Name: "jobName", Type: stringType}, {Name: "description", Type: stringType},
		{Name: "params", Type: stringType}, {Name: "startAfter", Type: stringType},
		{Name: "daysOfWeek", Type: arrayType}, {Name: "timeOfDay", Type: stringType},
		{Name: "lastRun", Type: numberType}, {Name: "repeatMinutes", Type: numberType},
	},
	"_Hooks": {
		{Name: "functionName", Type: stringType}, {Name: "className", Type: stringType},
		{Name: "triggerName", Type: stringType}, {Name: "url", Type: stringType},
	},
	"_GlobalConfig":  {{Name: "params", Type: objectType}, {Name: "masterKeyOnly", Type: objectType}},
	"_GraphQLConfig": {{Name: "config", Type: objectType}},
	"_Audience": {
		{Name: "name", Type: stringType}, {Name: "query", Type: stringType},
		{Name: "lastUsed", Type: dateType}, {Name: "timesUsed", Type: numberType},
	},
	"_Idempotency": {{Name: "reqId", Type: stringType}, {Name: "expire", Type: dateType}},
	// Loam's own; package mail writes it.
	"_MailQueue": {
		{Name: "to", Type: stringType}, {Name: "subject", Type: stringType},
		{Name: "status", Type: stringType}, {Name: "attempts", Type: numberType},
		{Name: "nextAttemptAt", Type: dateType}, {Name: "error", Type: stringType},
	},
}

// defaultType returns the type of a default field of a class.
func defaultType(class, field string) (parse.FieldType, bool) {
	for _, fields := range [...][]Field{defaultFields, systemFields[class]} {
		for i := range fields {
			if fields[i].Name == field {
				return fields[i].Type, true
			}
		}
	}
	return parse.FieldType{}, false
}

func isDefaultField(class, field string) bool {
	_, ok := defaultType(class, field)
	return ok
}

// initialFields are the fields of a class that has none of its own, in a slice
// that the caller may append to.
func initialFields(class string, more int) []Field {
	own := systemFields[class]
	fields := make([]Field, 0, len(defaultFields)+len(own)+more)
	return append(append(fields, defaultFields...), own...)
}

func newInternalClass(name string) *Class {
	return (&Class{Name: name, unstored: true}).sealed(initialFields(name, 0))
}
